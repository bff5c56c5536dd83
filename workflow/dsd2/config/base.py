"""A study that starts from what the file of another one says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dsd2.config.layers import merged_sections
from dsd2.config.reading import found_file, printable, read_config
from dsd2.config.sections import SECTIONS
from dsd2.config.validation import check
from dsd2.errors import UserError

VALUES = ("seeds", "data_roots", "download", "missing_data")
MAPPINGS = ("analysis", "plot")
"""Keys, beside the sections, that are taken from the other file."""


def laid_over_base(
    config: dict[str, Any], home: Path | None = None, seen: tuple[str, ...] = ()
) -> dict[str, Any]:
    """A configuration over what it takes from the file that its key ``like`` names.

    Args:
        config: checked.
        home: where the file is looked for where it is not in the working directory.
        seen: files that led here.

    Raises:
        UserError: the file is no study, or leads back to itself.
    """
    if "like" not in config:
        return config
    file = found_file(config["like"], home)
    if file in seen:
        raise UserError(f"config key like goes in a circle: {' → '.join([*seen, file])}")
    try:
        content = read_config(file)
    except UserError as error:
        raise UserError(f"config key like: {error}") from error
    try:
        base = laid_over_base(check(content), home, (*seen, file))
    except UserError as error:
        raise UserError(f"config key like: {printable(file)}: {error}") from error
    if "studies" in base:
        raise UserError(f"config key like is {file!r}, which lists studies but must be one")
    taken = {key: base[key] for key in VALUES if key in base}
    mapped = {key: {**base.get(key, {}), **config.get(key, {})} for key in MAPPINGS}
    own = {key: value for key, value in config.items() if key not in (*SECTIONS, "like")}
    return {**taken, **own, **mapped, **merged_sections(base, config)}
