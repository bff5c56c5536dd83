"""Figures and tables by name."""

import subprocess
import sys
from pathlib import Path

import pytest

from dsd2.analysis.registered import DEFAULT_FIGURES, FIGURES, TABLES
from dsd2.planning.view import figures_by_file

WORKFLOW = Path(__file__).parents[2] / "workflow"
HEAVY = ("torch", "pandas", "matplotlib", "bokeh", "scipy", "pyarrow")
READ = (
    "import sys; from dsd2.analysis.registered import FIGURES, TABLES\n"
    f"print([*FIGURES, *TABLES], [name for name in {HEAVY} if name in sys.modules])"
)


@pytest.mark.process
def test_reading_their_names_imports_no_large_library():
    run = [sys.executable, "-c", READ]
    found = subprocess.run(run, cwd=WORKFLOW, capture_output=True, text=True, check=True).stdout
    assert found.strip().endswith("[]"), found
    assert "'sdd'" in found
    assert "'phases'" in found


def test_drawings_and_pages_have_files_of_their_own():
    drawings, pages = (figures_by_file(pages=pages) for pages in (False, True))
    assert drawings.items() >= {"layers": "layers", "sdd": "sdd"}.items()
    assert pages["sdd"] == "explorer"
    assert set(DEFAULT_FIGURES) <= set(FIGURES)


def test_every_table_says_what_it_is():
    for name, table in TABLES.items():
        assert table.heading.startswith("Table: "), name
        assert TABLES.summary(name).endswith(")."), name
