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
from typing import Any, TypeVar

from dsd2 import paths
from dsd2.data.locate import find_file
from dsd2.environment import user_path
from dsd2.errors import UserError
from dsd2.files.cached import read_cached, write_cached
from dsd2.files.reading import check_file
from dsd2.recipe import CorrectionsRecipe, DatasetRecipe, NoiseRecipe, to_json

SETTLED = 2 * 10**9
"""Nanoseconds after which another change of a file has another time on every file system."""

MENTIONED = 10**9
"""Bytes from which it is said that files are read."""

ABSENT = "absent-"
"""What the manifest of data begins with that has never been there."""

_NOTHING: dict[str, Any] = {"manifest": None, "files": {}}

Known = dict[tuple[str, str], str]
"""Manifests that this process has made, by the path of the data and what else chooses its files."""


def with_manifests(
    dataset: DatasetRecipe, noise: NoiseRecipe, roots: list[Path], known: Known
) -> tuple[DatasetRecipe, NoiseRecipe]:
    """The recipes with the manifests of a user's own images and labels.

    Args:
        dataset: one with a path gets a manifest.
        noise: human labels in a file of the user's get one; those of a release have its name.
            So do corrections.
        roots: folders that may hold the file of human labels.
        known: manifests that need not be made again; those that are made are added.

    Raises:
        UserError: the files are not what they should be, or cannot be read.
    """
    if dataset.path is not None:
        # Which of its files are used may depend on any other key, as that of a table.
        same = replace(dataset, train=None, test=None, validation=1, split_seed=0, skip=0)
        key: tuple[str, str] = (dataset.path, json.dumps(to_json(same)))
        if key not in known:
            known[key] = dataset_manifest(dataset)
        dataset = replace(dataset, manifest=known[key])
    if noise.file is not None and noise.file not in dataset.human_labels and not noise.stand_in:
        key = (noise.file, "labels")
        if key not in known:
            known[key] = labels_manifest(noise.file, roots)
        noise = replace(noise, manifest=known[key])
    given = noise.corrections
    if given is not None and given.file is not None:
        key = (given.file, "labels")
        if key not in known:
            known[key] = labels_manifest(given.file, roots)
        noise = replace(noise, corrections=replace(given, manifest=known[key]))
    return dataset, noise


def dataset_manifest(recipe: DatasetRecipe) -> str:
    """The manifest of a user's folder of images; the last one known where the folder is gone.

    Raises:
        UserError: the folder is not what it should be, or a file cannot be read.
    """
    folder = Path(str(recipe.path))
    return manifest_of(folder, recipe.files()) if folder.exists() else _last_known(folder)


def labels_manifest(file: str, roots: list[Path]) -> str:
    """The manifest of a file of labels or corrections; the last one known where it is gone.

    Args:
        file: a path, or one below any of the roots.
        roots: folders that may hold the file.

    Raises:
        UserError: the file cannot be read.
    """
    path = find_file(file, roots)
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
        write_cached(record, {"manifest": made, "files": files})
    return made


D = TypeVar("D", DatasetRecipe, NoiseRecipe, CorrectionsRecipe)


def located(recipe: D) -> D:
    """A recipe with the path of a user's folder or file, which its JSON does not hold."""
    place = "path" if isinstance(recipe, DatasetRecipe) else "file"
    if recipe.manifest is None or getattr(recipe, place) is not None:
        return recipe
    return replace(recipe, **{place: user_path(recipe.manifest)})  # type: ignore[arg-type]


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
    known = read_cached(path)
    return known if known and {"manifest", "files"} <= known.keys() else _NOTHING


def _last_known(path: Path) -> str:
    """The manifest of what is gone, so that what was made from it is still found."""
    known = _read_record(_record(path))["manifest"]
    return known or ABSENT + hashlib.blake2b(os.fsencode(path), digest_size=8).hexdigest()
