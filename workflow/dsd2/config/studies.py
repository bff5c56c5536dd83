"""The studies of an invocation: one configuration, or several, each from a file of its own."""

from __future__ import annotations

import glob
import os
from typing import Any

from dsd2.config.plain import shown
from dsd2.config.reading import printable, read_config
from dsd2.config.study import Study, load_study
from dsd2.config.validation import check
from dsd2.errors import UserError

LAID_OVER = (
    "budget",
    "seeds",
    "override",
    "data_roots",
    "download",
    "missing_data",
    "lookahead",
    "decoders",
    "plot",
    "analysis",
)
"""Top-level keys that may stand beside ``studies``; they win over what the studies' files say."""


def load_studies(config: Any) -> tuple[Study, ...]:
    """Validate and resolve what a configuration holds: one study, or a list of studies' files.

    Raises:
        UserError: one sentence that names the file or key, its value and what is allowed.
    """
    if not isinstance(config, dict) or "studies" not in config:
        return (load_study(config),)
    config = check(config)
    for key in config:
        if key not in (*LAID_OVER, "studies"):
            raise UserError(
                f"config key {key} cannot stand beside studies, which have their own; what may"
                f" are {', '.join(LAID_OVER)}"
            )
    upper = {key: value for key, value in config.items() if key != "studies"}
    studies: dict[str, Study] = {}
    files: dict[str, str] = {}
    for file, content in _contents(config["studies"]):
        try:
            study = load_study(_laid_over(content, upper))
        except UserError as error:
            raise UserError(f"{printable(file)}: {error}") from error
        if study.folder in studies:
            raise UserError(
                f"config key studies: {files[study.folder]} and {printable(file)} have one name,"
                f" {study.folder}; give each file another config key study"
            )
        studies[study.folder], files[study.folder] = study, printable(file)
    return tuple(studies.values())


def _contents(listed: list[str] | str) -> list[tuple[str, dict[str, Any]]]:
    """Each file with what it says. A file that lists studies is passed over by a pattern."""
    # A path may hold what a pattern gives another meaning.
    if isinstance(listed, str) and os.path.lexists(listed):
        listed = [listed]
    if isinstance(listed, list):
        contents = [(file, read_config(file)) for file in dict.fromkeys(listed)]
        for file, content in contents:
            if "studies" in content:
                raise UserError(
                    f"{printable(file)}: lists studies itself; config key studies takes no lists"
                )
        return contents
    found = sorted(glob.glob(listed))  # noqa: PTH207 - Path.glob refuses absolute patterns
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
