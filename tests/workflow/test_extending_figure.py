"""The example of a figure in the documents: one file more, and it is drawn and in the report."""

import re

from project import ROOT

from dsd2.planning.view import DEFAULT_FIGURES


def test_a_figure_is_one_file(finished):
    text = (ROOT / "docs" / "extending_figure.md").read_text()
    assert len(text.splitlines()) <= 40
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    (file,) = re.findall(r"`(workflow/scripts/figures/(\w+)\.py)`", text)
    assert file[1] not in DEFAULT_FIGURES
    (finished.folder / file[0]).write_text(code)
    drawn = f"results/studies/tiny/figures/{file[1]}.png"
    assert finished.done(finished.snakemake(drawn)) == {"figure": 1}
    for suffix in (".png", ".svg"):
        assert (finished.folder / drawn).with_suffix(suffix).stat().st_size > 0
    finished.snakemake("--report", "report.html", drawn)
    report = (finished.folder / "report.html").read_text()
    assert "Figure: memorization" in report
    assert "as means over seeds" in report
    assert "Nothing to be done" in finished.snakemake(), "other figures are as they were"
