"""Where the labels of a folder of images may be instead of where they are read from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

HELD = {
    (".xls", ".xlsx", ".ods"): "is a workbook: save its table as CSV",
    (".json",): "is no table: write it as CSV or JSON lines, a row for each image",
    (".txt", ".lst"): "is not read: save it as CSV, with names of the columns in the first line",
    (".xml", ".mat", ".pkl", ".npy"): "is no table: write one as CSV, a row for each image",
}
"""What is to be done with files that may hold labels, by how they end."""

MAX_CLASSES = 100
"""More beginnings of names are no classes."""


def other_labels(folder: Path, images: Sequence[str]) -> str:
    """What to do where labels lie in files of other kinds, or in the images' names.

    Args:
        folder: that has no class folders.
        images: names of the files of images in it.

    Returns:
        The rest of a sentence, from its semicolon; empty where nothing is found.
    """
    files = sorted(folder.glob("[!.]*")) if folder.is_dir() else []
    for endings, advice in HELD.items():
        for path in files:
            if path.suffix.lower() in endings:
                return f"; if the labels are in {path.name}, it {advice}"
    begins = Counter(begin for name in images if (begin := _begin(name)))
    shown = sorted(begin for begin, count in begins.items() if count > 1)
    if 1 < len(shown) <= MAX_CLASSES and begins.total() == len(images):
        return (
            f"; the names of the files begin with {', '.join(shown[:5])}"
            f"{' and others' if len(shown) > 5 else ''}: if these are the classes, put each into"
            " a folder of its own"
        )
    return ""


def _begin(name: str) -> str | None:
    """What a file's name begins with, before a number: ``cat`` of ``cat.12.jpg``."""
    found = re.match(r"([^\W\d_][^\d]*?)[ ._(-]*[0-9]", Path(name).stem)
    return found[1] if found else None
