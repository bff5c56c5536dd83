"""Grids: one entry of a configuration that stands for an arm or a panel at each of its points."""

from __future__ import annotations

import copy
import itertools
import re
from types import SimpleNamespace
from typing import Any

from dsd2.config.validation import SECTIONS
from dsd2.errors import UserError

Point = tuple[tuple[str, Any], ...]
"""Keys with their values, as ``(("model.depth", 3),)``."""

Entry = dict[str, Any]


class _Shown(float):
    """A number in a label, for which ``:%`` writes percent with as many digits as it takes."""

    def __format__(self, spec: str) -> str:
        return f"{100 * self:g} %" if spec == "%" else super().__format__(spec)


def expand(kind: str, name: str, entry: Entry) -> dict[str, tuple[Entry, Point]]:
    """The entries that an entry stands for, by name, each with its point.

    An entry without a grid stands for itself. Members are named by the values, ``arm-depth3``, and
    their label is the entry's with the values filled in: ``δ = {model.depth}``.

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
                f"{where}.grid.{key} is no key of a section; it must be like model.depth or"
                " noise.rate"
            )
    members: dict[str, tuple[Entry, Point]] = {}
    for values in itertools.product(*grid.values()):
        point = tuple(zip(grid, values, strict=True))
        member = copy.deepcopy(rest)
        for key, value in point:
            section, _, setting = key.partition(".")
            member[section] = {**(member.get(section) or {}), setting: value}
        member["label"] = _label(where, entry.get("label"), name, point)
        members[f"{name}-{_slug(point)}"] = (member, point)
    return members


def _slug(point: Point) -> str:
    texts = (f"{key.partition('.')[2]}{value}" for key, value in point)
    return "-".join(re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") for text in texts)


def _label(where: str, label: str | None, name: str, point: Point) -> str:
    if label is None:
        return ", ".join([name, *(f"{key.partition('.')[2]} {value}" for key, value in point)])
    sections: dict[str, SimpleNamespace] = {}
    for key, value in point:
        section, _, setting = key.partition(".")
        shown = _Shown(value) if isinstance(value, float) else value
        setattr(sections.setdefault(section, SimpleNamespace()), setting, shown)
    try:
        return label.format(**sections)
    except (KeyError, AttributeError, ValueError, IndexError) as error:
        keys = ", ".join(f"{{{key}}}" for key, _ in point)
        raise UserError(
            f"{where}.label is {label!r} but may hold only the grid's keys, {keys}"
        ) from error
