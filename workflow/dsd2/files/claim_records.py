"""The table of the scorecard: a row for each thing that a claim of the paper says."""

from __future__ import annotations

import pyarrow as pa

from dsd2.files.columns import column

_TEXT, _INT, _REAL = pa.string(), pa.int64(), pa.float64()

CLAIMS = pa.schema(
    [
        column("number", _INT, "", "place of the claim in the scorecard"),
        column("claim", _TEXT, "", "name of the claim, by which a study's `claims` says it"),
        column("says", _TEXT, "", "the claim in a sentence"),
        column("source", _TEXT, "", "where the paper has it"),
        column("test", _TEXT, "", "what decides it, in words"),
        column("verdict", _TEXT, "", "supported, contradicted, undecided or not tried"),
        column("why", _TEXT, "", "why it was not tried, or could not be decided", optional=True),
        column("p", _REAL, "1", "of the claim, two-sided", optional=True),
        column("adjusted_p", _REAL, "1", "over all claims that were tried (Holm)", optional=True),
        column("study", _TEXT, "", "folder of the study that decides it", optional=True),
        column("scale", _TEXT, "", "its data and size", optional=True),
        column("figure", _TEXT, "", "path of its figure", optional=True),
        column("part", _TEXT, "", "what is measured for this part of the claim", optional=True),
        column("wanted", _TEXT, "", "what it must be for the claim to hold", optional=True),
        column("decides", pa.bool_(), "", "whether the verdict hangs on this part; one a claim"),
        column("effect", _REAL, "1", "mean over seeds", optional=True),
        column("low", _REAL, "1", "lower end of its interval", optional=True),
        column("high", _REAL, "1", "upper end", optional=True),
        column("deviation", _REAL, "1", "of one seed from another", optional=True),
        column("seeds", _INT, "", "how many", optional=True),
        column("supports", _REAL, "1", "one-sided p that the part does not hold", optional=True),
        column("contradicts", _REAL, "1", "one-sided p that it does", optional=True),
        column(
            "could_see",
            _REAL,
            "1",
            "distance from the bound that the seeds would show four times in five",
            optional=True,
        ),
    ]
)
"""The scorecard."""
