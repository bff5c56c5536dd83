"""The document of a study's ``metrics.parquet``, written from its schema."""

from __future__ import annotations

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


def document() -> str:
    """The document, in Markdown."""
    rows = []
    for field in STUDY:
        unit, meaning = (field.metadata[key].decode() for key in (b"unit", b"meaning"))
        kind = str(field.type).replace("element: ", "").replace("item: ", "")
        empty = "; empty where there is none" if field.nullable else ""
        empty = "; empty where an earlier version measured it" if field.name in LATER else empty
        rows.append(f"| `{field.name}` | {kind} | {unit} | {meaning}{empty} |\n")
    return _TITLE + "".join(rows)


if __name__ == "__main__":
    print(document(), end="")
