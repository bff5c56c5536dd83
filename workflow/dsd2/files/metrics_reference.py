"""The document of tables: ``metrics.parquet``, label issues and claims, from their schemas."""

from __future__ import annotations

import pyarrow as pa

from dsd2.files.claim_records import CLAIMS
from dsd2.files.issue_records import LABEL_ISSUES
from dsd2.files.records import LATER, STUDY

_TITLE = """\
# `metrics.parquet`

One row for each iteration of each arm and seed of a study; arms that share a run repeat its rows.
Names, types and units are stable: a column may be added, none is renamed. Fractions lie between 0
and 1. Unit and meaning also stand in the file itself, in the metadata of each column
(`pyarrow.parquet.read_schema(path).field(name).metadata`). The tables of a run under
`results/runs/` have the same columns, less those that say what the row is to the study.

An earlier version did not measure all columns; they are empty in its rows. To fill them, delete
`results/studies/STUDY/metrics.parquet`, and of each of its runs `iter-*/metrics.parquet` and the
folder `stopping`. Then run the same command again: the iterations are measured from their
checkpoints, and none is trained.

| column | type | unit | meaning |
| --- | --- | --- | --- |
"""

_ISSUES = """
# `label_issues/ARM.parquet` and `.csv`

What `snakemake label_issues` leaves under `results/studies/STUDY/` for an arm: one row for each
image, those of training before those of validation and test, in each the most suspicious first.
Networks have seen the labels of training images alone. Where a study has several seeds, scores and
probabilities are means over their chains. With several panels the files are called `PANEL.ARM`.
The networks of a gated chain are those up to its stop.

Both files have the same columns. In the CSV file an apostrophe stands before text that a
spreadsheet would take for a formula. To correct labels, copy one of them, edit `action` and
`label`, and name the copy in `dataset.corrections` ([config/README.md](../config/README.md)). It
needs no more than the columns `image`, `action` and, to relabel, `label`; rows that are missing
are kept. Test labels are never changed.

| column | type | unit | meaning |
| --- | --- | --- | --- |
"""

_CLAIMS = """
# `claims/NAME.parquet` and `.csv`

What `snakemake claims` leaves under `results/`: a row for each part of each claim that was tried,
and one for each claim that was not. The rows in which `decides` is true are one a claim.
[The scorecard](claims.md) explains the tests.

| column | type | unit | meaning |
| --- | --- | --- | --- |
"""


def document() -> str:
    """The document, in Markdown."""
    issues, claims = _ISSUES + _rows(LABEL_ISSUES), _CLAIMS + _rows(CLAIMS)
    return _TITLE + _rows(STUDY) + issues + claims


def _rows(schema: pa.Schema) -> str:
    rows = []
    for field in schema:
        unit, meaning = (field.metadata[key].decode() for key in (b"unit", b"meaning"))
        kind = str(field.type).replace("element: ", "").replace("item: ", "")
        empty = "; empty where there is none" if field.nullable else ""
        empty = "; empty where an earlier version measured it" if field.name in LATER else empty
        rows.append(f"| `{field.name}` | {kind} | {unit} | {meaning}{empty} |\n")
    return "".join(rows)


if __name__ == "__main__":
    print(document(), end="")
