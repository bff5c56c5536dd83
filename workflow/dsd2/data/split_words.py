"""Words that people call the splits of a dataset by, in names of files, folders and columns."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dsd2.data.listing import SPLITS

_WORDS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "eval"),
}
_SPLIT_OF = {word: split for split in SPLITS for word in _WORDS[split]}


def split_of(word: str) -> str | None:
    """The split of :data:`SPLITS` that a word means, in any case; None where it means none."""
    return _SPLIT_OF.get(word.strip().casefold())


def split_in(name: str) -> str | None:
    """The one split that a word in a name means: ``train`` for ``train_images``."""
    found = {split_of(word) for word in re.split(r"[\W_]+", name)} - {None}
    return found.pop() if len(found) == 1 else None


def first_split(words: Iterable[str]) -> str | None:
    """The split that the first of some words means which means one."""
    return next((split for split in map(split_of, words) if split), None)
