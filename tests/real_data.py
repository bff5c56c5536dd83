"""Where the tests find real datasets, which no clone holds."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def data_root(name, *files):
    """The folder below which a dataset's folder lies; None where there is none.

    ``DSD2_TEST_DATA`` names it. Otherwise it is the clone's own ``data``, or the ``data`` of a
    folder beside the clone.
    """
    given = os.environ.get("DSD2_TEST_DATA")
    places = [Path(given)] if given else [ROOT / "data", *sorted(ROOT.parent.glob("*/data"))]
    fit = (place for place in places if all((place / name / file).is_file() for file in files))
    return next(fit, None)


CIFAR10 = data_root("cifar10", "train.parquet", "test.parquet", "labels_human.parquet")

needs_cifar10 = pytest.mark.skipif(
    CIFAR10 is None,
    reason="needs CIFAR-10 and its human labels as parquet: DSD2_TEST_DATA/cifar10",
)
