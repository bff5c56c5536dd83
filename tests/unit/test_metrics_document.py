"""What is said of ``metrics.parquet`` is so, and people's tools read it as the tutorial says."""

import re
from pathlib import Path

import duckdb
import matplotlib.pyplot as plt
import pandas as pd
import polars
import pytest
from rows import DIP, FLAT, row_of

from dsd2.files.metrics_reference import document
from dsd2.files.records import STUDY, write_table

ROOT = Path(__file__).parents[2]
PATH = "results/studies/quickstart/metrics.parquet"
ONE_LINERS, FIGURE = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs/tutorials/researchers.md").read_text(), re.S
)[:2]


def test_the_document_is_that_of_the_schema():
    assert (ROOT / "docs/metrics.md").read_text() == document(), "run make docs"


@pytest.fixture
def metrics(tmp_path, monkeypatch):
    """A quickstart's table where the tutorial looks for it."""
    rows = [
        row_of(
            STUDY,
            arm=arm,
            seed=seed,
            iteration=i,
            stopping=stopping,
            sparsity=1 - 0.5**i,
            test_accuracy=accuracy + 0.01 * seed,
        )
        for arm, curve, stopping in (
            ("vanilla", DIP, "none"),
            ("student", FLAT, "none"),
            ("gated", FLAT[:2], "entropy-te0.8-ta0.9"),
        )
        for seed in range(3)
        for i, accuracy in enumerate(curve)
    ]
    monkeypatch.chdir(tmp_path)
    write_table(Path(PATH), STUDY, rows)
    return rows


def test_pandas_polars_and_duckdb_read_it(metrics, capsys):
    imports, lines = (part.splitlines() for part in ONE_LINERS.split("\n\n"))
    assert len(imports) == len(lines) == 3
    for line in lines:
        exec("\n".join([*imports, line]), {})
        assert "vanilla" in capsys.readouterr().out, line
    frames = (pd.read_parquet(PATH), polars.read_parquet(PATH), duckdb.sql(f"FROM '{PATH}'"))
    for frame in frames:
        assert list(frame.columns) == STUDY.names
    assert duckdb.sql(f"SELECT max(test_accuracy) FROM '{PATH}'").fetchall() == [(0.84,)]
    assert polars.read_parquet(PATH)["layer_density"].to_list()[0] == [0.5]


def test_ten_lines_draw_the_studys_curves(metrics):
    assert len([line for line in FIGURE.splitlines() if line]) <= 10
    names = {}
    exec(FIGURE, names)
    assert Path("curves.png").stat().st_size > 0
    top, bottom = names["axes"]
    means = [line.get_ydata()[::-1].tolist() for line in top.lines]
    assert means == [pytest.approx([v + 0.01 for v in curve]) for curve in (FLAT, DIP)]
    assert [text.get_text() for text in top.get_legend().get_texts()] == ["student", "vanilla"]
    assert top.xaxis_inverted()
    assert len(bottom.lines) == len(top.lines)
    plt.close("all")
