"""Which parquet files of a folder are of which split, in the layouts of the Hugging Face hub."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dsd2.data.listing import SPLITS, split_of
from dsd2.data.scan import is_hidden
from dsd2.errors import UserError

LAYOUTS = "train*.parquet, data/train-*.parquet, default/train/*.parquet or train/*.parquet"
"""Where training images are looked for."""

_FIRST = ("", "data", "default")
"""Folders that are looked into before any other one."""


@dataclass(frozen=True)
class ParquetFiles:
    """The parquet files of a folder.

    Attributes:
        splits: the files of each of :data:`SPLITS` that there is, by name.
        others: paths below the folder of those that are of no split.
        remarks: what was taken for what, where that is not plain.
    """

    splits: dict[str, list[Path]]
    others: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def parquet_files(folder: Path) -> ParquetFiles:
    """The parquet files of each split: in the folder, in ``data``, in ``default``, or in another.

    The split is the word that a file's name begins with, or the name of the folder that it is in.
    Files without any such word are training images.

    Raises:
        UserError: there are none to train on, or it is not plain which are meant.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: has no {LAYOUTS}")
    inner = [name for name in _folders(folder) if name not in _FIRST and split_of(name) is None]
    found = {inside: _splits_in(folder / inside) for inside in (*_FIRST, *inner)}
    trained = [inside for inside, splits in found.items() if "train" in splits]
    first = next((inside for inside in _FIRST if inside in trained), None)
    remarks: tuple[str, ...] = ()
    if first is None and len(trained) > 1:
        raise UserError(
            f"{folder}: has parquet files of several configurations ({', '.join(trained)}); give"
            " the folder of one as dataset.path"
        )
    if trained:
        splits = found[trained[0] if first is None else first]
    elif any(found.values()) or not (plain := _parquet_in(folder) or _parquet_in(folder / "data")):
        raise UserError(f"{folder}: has no {LAYOUTS}")
    else:
        splits = {"train": plain}
        remarks = ("no name of a parquet file says which split it is of; all are training images",)
    used = {file for files in splits.values() for file in files}
    others = [file for file in sorted(folder.rglob("*.parquet")) if file not in used]
    return ParquetFiles(
        {split: splits[split] for split in SPLITS if split in splits},
        tuple(str(file.relative_to(folder)) for file in others),
        remarks,
    )


def _splits_in(folder: Path) -> dict[str, list[Path]]:
    """The files of each split that lie in a folder; or else in folders there, named after splits.

    Raises:
        UserError: two words for one split are in use.
    """
    named: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for file in _parquet_in(folder):
        # Any beginning with the split's own name has always been read.
        word = next((split for split in SPLITS if file.name.startswith(split)), None)
        word = word or re.split(r"[^a-z]", file.name.lower())[0]
        if split := split_of(word):
            named[split][word].append(file)
    if "train" not in named:
        for name in _folders(folder):
            if (split := split_of(name)) and (files := _parquet_in(folder / name)):
                named[split][name] += files
    splits = {}
    for split, words in named.items():
        if split not in words and len(words) > 1:
            raise UserError(
                f"{folder}: {' and '.join(sorted(words))} are both parquet files of the {split}"
                " split; remove one"
            )
        splits[split] = words[split] if split in words else next(iter(words.values()))
    return splits


def _parquet_in(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.glob("*.parquet")) if not is_hidden(file.name)]


def _folders(folder: Path) -> Iterable[str]:
    try:
        found = sorted(path.name for path in folder.iterdir() if path.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be listed ({error.strerror})") from error
    return [name for name in found if not is_hidden(name)]
