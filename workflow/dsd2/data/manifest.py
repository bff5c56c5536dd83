"""Which files a user's data is made from and what is in them, whatever path leads there.

A manifest is a digest of the files' names below their folder, and of their contents. Files whose
size, times and inode are as they were when they were read last are not read again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from dsd2 import paths
from dsd2.data.locate import HUMAN_LABELS, find_human_labels
from dsd2.data.scan import SPLITS, list_class_folders
from dsd2.environment import user_path
from dsd2.errors import UserError
from dsd2.files.atomic import write_text
from dsd2.files.reading import check_file
from dsd2.recipe import DatasetRecipe, NoiseRecipe

SETTLED = 2 * 10**9
"""Nanoseconds after which another change of a file has another time on every file system."""

MENTIONED = 10**9
"""Bytes from which it is said that files are read."""

ABSENT = "absent-"
"""What the manifest of data begins with that has never been there."""

Known = dict[tuple[str, str], str]
"""Manifests that this process has made, by the kind of data and its path."""


def with_manifests(
    dataset: DatasetRecipe, noise: NoiseRecipe, roots: list[Path], known: Known
) -> tuple[DatasetRecipe, NoiseRecipe]:
    """The recipes with the manifests of a user's own images and labels.

    Args:
        dataset: one with a path gets a manifest.
        noise: human labels in a file of the user's get one; those of a release have its name.
        roots: folders that may hold the file of human labels.
        known: manifests that need not be made again; those that are made are added.

    Raises:
        UserError: the files are not what they should be, or cannot be read.
    """
    if dataset.path is not None:
        key: tuple[str, str] = (dataset.name, dataset.path)
        if key not in known:
            known[key] = dataset_manifest(*key)
        dataset = replace(dataset, manifest=known[key])
    released = HUMAN_LABELS.get(dataset.name, ())
    if noise.file is not None and noise.file not in released and not noise.stand_in:
        key = ("labels", noise.file)
        if key not in known:
            known[key] = labels_manifest(dataset.name, noise.file, roots)
        noise = replace(noise, manifest=known[key])
    return dataset, noise


def dataset_manifest(kind: str, path: str) -> str:
    """The manifest of a folder of images; the last one known where the folder is gone.

    Args:
        kind: ``imagefolder`` or ``parquet``.
        path: of the folder.

    Raises:
        UserError: the folder is not what it should be, or a file cannot be read.
    """
    folder = Path(path)
    if not folder.exists():
        return _last_known(folder)
    if kind == "parquet":
        names = [file.name for split in SPLITS for file in folder.glob(f"{split}*.parquet")]
    else:
        names = [n for split in list_class_folders(folder).splits.values() for n in split.names]
    return manifest_of(folder, names)


def labels_manifest(dataset: str, file: str, roots: list[Path]) -> str:
    """The manifest of a file of human labels; the last one known where it is gone.

    Args:
        dataset: name of the dataset.
        file: a path, or one below any of the roots.
        roots: folders that may hold the file.

    Raises:
        UserError: the file cannot be read.
    """
    path = find_human_labels(dataset, file, roots)
    # The file's own name does not matter: its folder stands for it.
    return _last_known(Path(file)) if path is None else manifest_of(path, [""])


def manifest_of(folder: Path, names: Iterable[str]) -> str:
    """The manifest of some files: 32 hexadecimal digits.

    What is known of the files is kept beside the results, where that can be written.

    Args:
        folder: that the names start in.
        names: relative paths of the files.

    Raises:
        UserError: a file is missing, is none, or cannot be read.
    """
    record = _record(folder)
    before = _read_record(record)
    now = time.time_ns()
    files: dict[str, list[Any]] = {}
    unread = []
    for name in sorted(names):
        state = _state(folder / name)
        held = before["files"].get(name)
        if held is not None and held[0] == state and max(state[1:3]) + SETTLED < held[1]:
            files[name] = held
        else:
            files[name] = [state, now, ""]
            unread.append(name)
    if (size := sum(files[name][0][0] for name in unread)) > MENTIONED:
        text = f"reading {len(unread)} files of {folder} once ({size / 1e9:.1f} GB)"
        print(text, file=sys.stderr, flush=True)
    for name in unread:
        files[name][2] = _content(folder / name)
    digest = hashlib.blake2b(digest_size=16)
    for name, (_, _, content) in files.items():
        digest.update(json.dumps([name, content]).encode())
    made = digest.hexdigest()
    if unread or made != before["manifest"]:
        _write_record(record, {"manifest": made, "files": files})
    return made


def located(recipe: DatasetRecipe) -> DatasetRecipe:
    """A dataset's recipe with the path of a user's folder, which its JSON does not hold."""
    if recipe.manifest is None or recipe.path is not None:
        return recipe
    return replace(recipe, path=user_path(recipe.manifest))


def located_labels(recipe: NoiseRecipe) -> NoiseRecipe:
    """The recipe of a noise with the path of a user's file, which its JSON does not hold."""
    if recipe.manifest is None or recipe.file is not None:
        return recipe
    return replace(recipe, file=user_path(recipe.manifest))


def check_unchanged(manifest: str | None, again: str, path: str | None) -> None:
    """See that data is what it was when the workflow started.

    Args:
        manifest: of the data then; None for data that needs none.
        again: its manifest now.
        path: of the data.

    Raises:
        UserError: they differ.
    """
    if manifest is not None and manifest != again:
        raise UserError(
            f"{path}: its files have changed since the workflow started; run the same command again"
        )


def _state(path: Path) -> list[int]:
    """Size, times in nanoseconds and inode of a file, links followed."""
    try:
        found = path.stat()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _content(path: Path) -> str:
    try:
        check_file(path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error


def _record(folder: Path) -> Path:
    """Where it is kept what is known of a folder's files."""
    name = hashlib.blake2b(os.fsencode(os.path.realpath(folder)), digest_size=8).hexdigest()
    return Path(paths.MANIFEST.format(folder=name))


def _read_record(path: Path) -> dict[str, Any]:
    """What is known; nothing where there is no such record or it is damaged."""
    try:
        known = json.loads(path.read_bytes())
        content = {"manifest": known["manifest"], "files": dict(known["files"])}
        if known["sha256"] == _checksum(content):
            return content
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    return {"manifest": None, "files": {}}


def _write_record(path: Path, content: dict[str, Any]) -> None:
    try:
        write_text(path, json.dumps({**content, "sha256": _checksum(content)}))
    except UserError:
        # Without a record the files are read again, and that is all.
        return


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _last_known(path: Path) -> str:
    """The manifest of what is gone, so that what was made from it is still found."""
    known = _read_record(_record(path))["manifest"]
    return known or ABSENT + hashlib.blake2b(os.fsencode(path), digest_size=8).hexdigest()
