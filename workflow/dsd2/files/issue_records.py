"""The table of label issues: a row for each image, the most suspicious label of a split first."""

from __future__ import annotations

import pyarrow as pa

from dsd2.files.columns import column

KEEP, DROP, RELABEL = ACTIONS = ("keep", "drop", "relabel")
"""What a person may decide of an image's label."""

_TEXT, _INT, _REAL = pa.string(), pa.int64(), pa.float64()

LABEL_ISSUES = pa.schema(
    [
        column(
            "image",
            _TEXT,
            "",
            "the image's file below the folder of one's own images, of an image in a table # and"
            " its row; else its row in the dataset's training or test set",
        ),
        column("split", _TEXT, "", "train, validation or test"),
        column("given", _TEXT, "", "class that its label names, as it was trained on"),
        column("suggested", _TEXT, "", "the likeliest other class, by the networks"),
        column("score", _REAL, "1", "how suspicious the label is, from 0 to 1"),
        column("rank", _INT, "", "by score within the split, from 1: the most suspicious"),
        column(
            "wrong",
            pa.bool_(),
            "",
            "whether the label is wrong, where a truth is known",
            optional=True,
        ),
        column("suspect", pa.bool_(), "", "among as many as are estimated to be wrong"),
        column("probability_given", _REAL, "1", "of the given class, mean over networks"),
        column("probability_suggested", _REAL, "1", "of the suggested class, likewise"),
        column(
            "forgotten_at",
            _REAL,
            "1",
            "ζ from which the networks no longer answer the given class, up to the collapse",
            optional=True,
        ),
        column("action", _TEXT, "", "keep, drop or relabel: for you to edit"),
        column("label", _TEXT, "", "class that the image gets where action is relabel"),
    ]
)
"""The label issues of an arm."""
