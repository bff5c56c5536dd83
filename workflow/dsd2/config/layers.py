"""Layers of sections, laid over one another before they are checked as a whole."""

from __future__ import annotations

from typing import Any

from dsd2.config.grids import Entry
from dsd2.config.models import condition
from dsd2.config.sanitize import shown
from dsd2.config.sections import SECTIONS
from dsd2.config.validation import Section, applies
from dsd2.errors import UserError


def merge_section(name: str, lower: Section | None, upper: Section | None) -> Section | None:
    """One section laid over another.

    Where the upper one makes it another kind of thing, keys of the lower that do not apply to that
    kind fall away.
    """
    if upper is None or lower is None:
        return upper
    merged = {**lower, **upper}
    return {
        key: value
        for key, value in merged.items()
        if key in upper
        or (condition(name, key) or (None,))[0] not in upper
        or applies(name, key, merged)
    }


def inherited(arms: dict[str, Any], name: str) -> Entry:
    """An arm's own entry laid over those it is like."""
    chain = [name]
    while "like" in (entry := arms[chain[-1]] or {}):
        like = entry["like"]
        if like not in arms:
            raise UserError(
                f"config key arms.{chain[-1]}.like is {shown(like)} but must be one of the arms"
                f" {', '.join(arms)}"
            )
        if like in chain:
            raise UserError(f"config key arms.{name}.like goes in a circle: {' → '.join(chain)}")
        chain.append(like)
    merged: Entry = {}
    for entry in (arms[each] or {} for each in reversed(chain)):
        kept = {"grid": merged["grid"]} if "grid" in merged else {}
        own = {key: entry[key] for key in ("grid", "label", "show") if key in entry}
        merged = {**kept, **merged_sections(merged, entry), **own}
    return merged


def merged_sections(lower: Entry, upper: Entry) -> Entry:
    """The sections of ``upper`` laid over those of ``lower``."""
    return {
        name: merge_section(name, lower.get(name), upper[name]) if name in upper else lower[name]
        for name in SECTIONS
        if name in upper or name in lower
    }


def overridden(sections: Entry, override: Entry) -> Entry:
    """The sections with an override's keys, those that do not apply to what they are left out."""
    result = dict(sections)
    for name, over in override.items():
        below = sections.get(name) or {}
        if over is None or (name == "distillation" and not below):
            continue
        laid = {**below, **over}
        fitting = {key: value for key, value in over.items() if applies(name, key, laid)}
        result[name] = merge_section(name, below, fitting)
    return result
