"""Copies of images: what has the same pixels, whatever its file is called."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Copies = list[Mapping[str, Any]]
"""Rows of :data:`dsd2.files.records.IMAGES` with one digest."""


def groups_of(digests: Iterable[str | None]) -> list[int]:
    """A number for each image, the same for copies; an image without a digest has no copy."""
    known: dict[str, int] = {}
    return [
        row if digest is None else known.setdefault(digest, row)
        for row, digest in enumerate(digests)
    ]


def copies_of(rows: Sequence[Mapping[str, Any]]) -> list[Copies]:
    """The images that there are several of, as the rows of each."""
    found: dict[str, Copies] = defaultdict(list)
    for row in rows:
        if row["digest"] is not None:
            found[row["digest"]].append(row)
    return [same for same in found.values() if len(same) > 1]


def differing(copies: Iterable[Copies], column: str) -> list[Copies]:
    """The copies that have several values in a column: conflicting labels, several splits."""
    return [same for same in copies if len({row[column] for row in same} - {None}) > 1]
