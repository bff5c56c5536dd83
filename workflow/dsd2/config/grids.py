"""Grids: one entry of a configuration that stands for an arm or a panel at each of its points."""

from __future__ import annotations

import copy
import itertools
import math
import re
import string
from typing import Any

from dsd2.config.declaration import NAME
from dsd2.config.sanitize import named, shown
from dsd2.config.sections import SECTIONS
from dsd2.config.validation import typed
from dsd2.errors import UserError

Point = tuple[tuple[str, Any], ...]
"""Keys with their values, as ``(("model.depth", 3),)``."""

Entry = dict[str, Any]

MAX_POINTS = 10_000
"""Points that one grid may have."""

_FORMAT = re.compile(r"%|[-+ ]?\d?(\.\d)?[%defg]?")
"""How a value may be written in a label: ``:.2f``, say. No field of a million characters."""


def expand(kind: str, name: str, entry: Entry) -> dict[str, tuple[Entry, Point]]:
    """The entries that an entry stands for, by name, each with its point.

    An entry without a grid stands for itself. Members are named by the values, ``arm-depth3``, and
    their label is the entry's with the values filled in: ``δ = {model.depth}``. A value that may be
    written in several ways, as 3, 3.0 and "3", has one name.

    Args:
        kind: ``arms`` or ``panels``, for messages.
        name: of the entry.
        entry: as configured.

    Raises:
        UserError: a key of the grid or of the label is none.
    """
    rest = {key: value for key, value in entry.items() if key != "grid"}
    if "grid" not in entry:
        return {name: (rest, ())}
    where, grid = f"config key {kind}.{name}", entry["grid"]
    for key in grid:
        if key.partition(".")[0] not in SECTIONS or key.count(".") != 1:
            raise UserError(
                f"{where}.grid.{named(key)} is no key of a section; it must be like model.depth or"
                " noise.rate"
            )
    if (points := math.prod(map(len, grid.values()))) > MAX_POINTS:
        raise UserError(f"{where}.grid has {points} points but may have at most {MAX_POINTS}")
    members: dict[str, tuple[Entry, Point]] = {}
    settings = [
        [typed(f"{kind}.{name}.grid", *key.split("."), value) for value in values]  # type: ignore[call-arg]
        for key, values in grid.items()
    ]
    for values in itertools.product(*settings):
        point = tuple(zip(grid, values, strict=True))
        member = copy.deepcopy(rest)
        for key, value in point:
            section, _, setting = key.partition(".")
            member[section] = {**(member.get(section) or {}), setting: value}
        member["label"] = _label(where, entry.get("label"), name, point)
        named_member = f"{name}-{_slug(point)}"
        if named_member in members:
            raise UserError(
                f"{where}.grid has two points of one name, {named_member}: its values must differ"
                " in letters or digits"
            )
        if not re.fullmatch(NAME, named_member):
            raise UserError(
                f"{where}.grid stands for {shown(named_member)}, which is no valid name: it must"
                f" match {NAME}"
            )
        members[named_member] = (member, point)
    return members


def written_out(kind: str, families: dict[str, dict[str, tuple[Entry, Point]]]) -> dict[str, Entry]:
    """The entries that all entries of a kind stand for, by name.

    Raises:
        UserError: two of them have one name.
    """
    entries: dict[str, Entry] = {}
    for family, members in families.items():
        for member, (entry, _) in members.items():
            if member in entries:
                raise UserError(
                    f"config key {kind}.{family} stands for {member}, which another of the {kind}"
                    " stands for too: each must have a name of its own"
                )
            entries[member] = entry
    return entries


def _slug(point: Point) -> str:
    texts = (f"{key.partition('.')[2]}{value}" for key, value in point)
    return "-".join(re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") for text in texts)


def _label(where: str, label: str | None, name: str, point: Point) -> str:
    if label is None:
        return ", ".join([name, *(f"{key.partition('.')[2]} {value}" for key, value in point)])
    values = dict(point)
    try:
        # Not str.format, whose fields reach into whatever Python object they are given.
        return "".join(
            text + ("" if key is None else _filled(values[key], spec or "", conversion))
            for text, key, spec, conversion in string.Formatter().parse(label)
        )
    except (KeyError, ValueError, OverflowError) as error:
        keys = ", ".join(f"{{{key}}}" for key, _ in point)
        raise UserError(
            f"{where}.label is {shown(label)} but may hold only the grid's keys, {keys}"
        ) from error


def _filled(value: Any, spec: str, conversion: str | None) -> str:
    """A value as a label shows it; ``:%`` writes percent with as many digits as it takes.

    Raises:
        ValueError: it cannot be written so.
    """
    # What is neither a number nor text has no form but its own.
    formatted = isinstance(value, int | float | str) or not spec
    if conversion is not None or not _FORMAT.fullmatch(spec) or not formatted:
        raise ValueError(spec)
    if spec == "%" and isinstance(value, int | float):
        return f"{100 * value:g} %"
    return f"{value:{spec}}" if isinstance(value, int | float) or spec else str(value)
