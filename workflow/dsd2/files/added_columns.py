"""Columns of the metrics that earlier versions did not write, but for the GPU's memory."""

from __future__ import annotations

import pyarrow as pa

from dsd2.files.columns import column

_TEXT, _INT, _REAL = pa.string(), pa.int64(), pa.float64()
_TEXTS, _INTS, _REALS = (pa.list_(kind) for kind in (_TEXT, _INT, _REAL))

ADDED = [
    column("validation_balanced_accuracy", _REAL, "1", "mean recall of classes", optional=True),
    column("test_balanced_accuracy", _REAL, "1", "mean recall of classes", optional=True),
    column("validation_macro_f1", _REAL, "1", "as `test_macro_f1`", optional=True),
    column("test_macro_f1", _REAL, "1", "mean F1 of classes in labels or answers", optional=True),
    column("validation_ece", _REAL, "1", "as `test_ece`", optional=True),
    column(
        "test_ece",
        _REAL,
        "1",
        "expected calibration error in 15 bins of equal width (Guo et al. 2017)",
        optional=True,
    ),
    column(
        "test_majority_accuracy",
        _REAL,
        "1",
        "of always answering the most frequent class of the given training labels",
        optional=True,
    ),
    column("classes", _TEXTS, "", "names of the classes, on one line each", optional=True),
    column("class_images", _INTS, "", "test images of each of `classes`", optional=True),
    column(
        "class_recall", _REALS, "1", "share of them that is answered so; or null", optional=True
    ),
    column("dropped", _INT, "", "training images that corrections leave out", optional=True),
    column("relabelled", _INT, "", "training labels that they changed", optional=True),
    column("kept_epoch", _INT, "", "epoch that left the weights; null for a mean", optional=True),
]
"""Of the metrics, in their order; all may be null."""
