"""The studies of an invocation: one configuration, or several, each from a file of its own."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from dsd2.config.reading import found_file, printable, read_config
from dsd2.config.sanitize import plain, shown
from dsd2.config.study import Study, load_study
from dsd2.config.validation import check, renamed
from dsd2.errors import UserError
from dsd2.paths import study_folder

LAID_OVER = (
    "budget",
    "seeds",
    "override",
    "data_roots",
    "download",
    "missing_data",
    "code",
    "lookahead",
    "decoders",
    "plot",
    "analysis",
)
"""Top-level keys that may stand beside ``studies``; they win over what the studies' files say."""
NOT_LAID_OVER = ("studies", "study")
"""Keys that say which studies there are, and what they are called together."""


def load_studies(config: Any, home: Path | None = None) -> tuple[Study, ...]:
    """Validate and resolve what a configuration holds: one study, or a list of studies' files.

    Args:
        config: as Snakemake has it.
        home: where listed files are looked for that are not in the working directory.

    Raises:
        UserError: one sentence that names the file or key, its value and what is allowed.
    """
    if not isinstance(config, dict) or "studies" not in config:
        return (load_study(config, home),)
    config = check(config)
    for key in config:
        if key not in (*LAID_OVER, *NOT_LAID_OVER):
            raise UserError(
                f"config key {key} cannot stand beside studies, which have their own; what may"
                f" are {', '.join(LAID_OVER)}"
            )
    laid = {key: value for key, value in config.items() if key not in NOT_LAID_OVER}
    upper = {"code": (), **laid}
    studies: dict[str, Study] = {}
    files: dict[str, str] = {}
    for file, content in _contents(config["studies"], home):
        try:
            if "code" in content:
                raise UserError(
                    "config key code says which files may be run, which a listed study cannot;"
                    " give it beside studies, as --config code='[FILE.py]'"
                )
            study = load_study(_laid_over(renamed(plain(content)), upper), home)
        except UserError as error:
            raise UserError(f"{printable(file)}: {error}") from error
        if study.folder in studies:
            raise UserError(
                f"config key studies: {files[study.folder]} and {printable(file)} have one name,"
                f" {study.folder}; give each file another config key study"
            )
        studies[study.folder], files[study.folder] = study, printable(file)
    return tuple(studies.values())


def name_of_all(config: dict[str, Any], folders: Collection[str]) -> str:
    """What the results of all studies of an invocation together are called.

    One study gives its own folder's name. Several have the name that ``study`` beside ``studies``
    gives them, or else one of their own that says which they are.

    Args:
        config: as Snakemake has it; valid.
        folders: of the studies.
    """
    if "studies" not in config:
        return next(iter(folders))
    if "study" in config:
        return study_folder(config["study"], config.get("budget"))
    joined = hashlib.blake2b("/".join(folders).encode(), digest_size=4).hexdigest()
    return f"studies-{joined}"


def laid_over_file(file: str, config: dict[str, Any]) -> dict[str, Any]:
    """A configuration over that of a file, as Snakemake lays one over its ``configfile``.

    Raises:
        UserError: as :func:`dsd2.config.reading.read_config`.
    """
    return _laid_over(read_config(file), config)


def _contents(
    listed: Iterable[str] | str, home: Path | None = None
) -> list[tuple[str, dict[str, Any]]]:
    """Each file with what it says. A file that lists studies is passed over by a pattern."""
    # A path may hold what a pattern gives another meaning.
    if isinstance(listed, str) and os.path.lexists(found_file(listed, home)):
        listed = [listed]
    if not isinstance(listed, str):
        files = dict.fromkeys(found_file(file, home) for file in listed)
        contents = [(file, read_config(file)) for file in files]
        for file, content in contents:
            if "studies" in content:
                raise UserError(
                    f"{printable(file)}: lists studies itself; config key studies takes no lists"
                )
        return contents
    # Path.glob refuses absolute patterns.
    found = sorted(glob.glob(listed))  # noqa: PTH207
    if not found and home is not None:
        found = sorted(glob.glob(os.path.join(glob.escape(str(home)), listed)))  # noqa: PTH118, PTH207
    contents = [(file, read_config(file)) for file in found]
    contents = [(file, content) for file, content in contents if "studies" not in content]
    if not contents:
        raise UserError(f"config key studies is {shown(listed)}, which matches no study's file")
    return contents


def _laid_over(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    """One configuration over another, key by key, as Snakemake does with its --configfile."""
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = _laid_over(below, value)
        else:
            merged[key] = value
    return merged
