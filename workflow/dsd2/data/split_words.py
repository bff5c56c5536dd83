"""Splits that are told by a word among others, in names of files and folders."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dsd2.data.listing import split_of


def split_in(name: str) -> str | None:
    """The one split that a name or a word in it means: ``train`` for ``train_labels``."""
    if split := split_of(name):
        return split
    found = {split_of(word) for word in re.split(r"[\W_]+", name)} - {None}
    return found.pop() if len(found) == 1 else None


def first_split(words: Iterable[str]) -> str | None:
    """The split that the first of some words means which means one."""
    return next((split for split in map(split_of, words) if split), None)
