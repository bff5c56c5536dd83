"""What `make gpu` runs, on networks that take a second."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dsd2.recipe import ModelRecipe

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def benchmark(card, monkeypatch):
    """The script, with one small network as all that it measures with."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    workloads = importlib.import_module("workloads")
    small = ModelRecipe.of("vgg-like", depth=1, width=2)
    quickstart = replace(workloads.WORKLOADS["quickstart"], model=small, batch=8, images=40)
    monkeypatch.setattr(workloads, "WORKLOADS", {"quickstart": quickstart})
    monkeypatch.setattr(workloads, "prepare", lambda: None)
    yield importlib.import_module("gpu")
    for name in ("gpu", "workloads"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(("part", "rows"), [("same_bits", 3), ("waits", 6), ("launches", 2)])
def test_every_promise_holds_on_a_small_network(benchmark, card, part, rows):
    found = getattr(benchmark, part)(card)
    assert [row.what for row in found if not row.holds] == []
    assert len(found) == rows
