"""Check a raw configuration; every fault is one sentence. Lay sections over one another."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from dsd2.config.declaration import Configuration
from dsd2.config.models import (
    all_keys,
    condition,
    configuration,
    entry,
    layer,
    section,
    section_keys,
    selector,
)
from dsd2.config.sanitize import named, plain, shown
from dsd2.config.sections import SECTIONS, Section
from dsd2.errors import UserError
from dsd2.keys import NO_DEFAULT, keys
from dsd2.typed import number

__all__ = ["SECTIONS", "Section", "applies", "check", "complete_section", "typed"]

RENAMED = {("pruning", "wall"): "target_sparsity", ("distillation", "table"): "cache_logits"}
"""Keys of sections that had another name, which is accepted with a hint."""


def check(config: Any) -> dict[str, Any]:
    """Check types, ranges and names of every key; returns the configuration with typed values.

    Text where a number or truth value belongs is read as one if it is one: YAML takes ``1e-4`` for
    a word, and Snakemake gives what is nested in ``--config`` as text. Where a number or a word
    may stand, ``"0.1"`` is the number. 5.0 is 5 where a whole number belongs.

    Raises:
        UserError: one sentence about the first fault: key, value and what is allowed.
    """
    if not isinstance(config, dict) or not config:
        raise UserError("the configuration is empty: give a --configfile, as config/config.yaml")
    checked: dict[str, Any] = _validated(configuration(), renamed(plain(config)))
    needed = () if "studies" in checked else ("arms",) if "data" in checked else ("arms", "study")
    for key in needed:
        if key not in checked:
            raise UserError(f"config key {key} is missing")
    return checked


def renamed(config: Section) -> Section:
    """A plain configuration with keys by their present names; says which had an old one.

    Raises:
        UserError: a key stands there by both names.
    """
    entries = [config.get("arms"), config.get("panels"), {"override": config.get("override")}]
    inner = [entry for group in entries if isinstance(group, dict) for entry in group.values()]
    for place in (config, *inner):
        if not isinstance(place, dict):
            continue
        for (name, old), new in RENAMED.items():
            _rename(place.get(name), old, new, f"{name}.{{}}")
            _rename(place.get("grid"), f"{name}.{old}", f"{name}.{new}", "{}")
            if isinstance(place.get("label"), str) and "grid" in place:
                place["label"] = place["label"].replace(f"{{{name}.{old}", f"{{{name}.{new}")
    return config


def _rename(place: Any, old: str, new: str, key: str) -> None:
    if not isinstance(place, dict) or old not in place:
        return
    old_key, new_key = key.format(old), key.format(new)
    if new in place:
        raise UserError(
            f"config key {old_key} stands beside {new_key}, which is its present name; only one of"
            " them may be given"
        )
    entries = [(new if name == old else name, value) for name, value in place.items()]
    place.clear()
    place.update(entries)
    _hint(f"config key {old_key} is now called {new_key}")


@cache
def _hint(text: str) -> None:
    """Print a hint once, where a person looks; not in the processes of Snakemake's jobs."""
    if "--target-jobs" not in sys.argv and sys.stderr is not None:
        print(text, file=sys.stderr)


def typed(where: str, name: str, key: str, value: Any) -> Any:
    """A value of a section's key in its one form, whatever it is written as: 3 for "3" and 3.0.

    Raises:
        UserError: the section has no such key, or it does not allow the value.
    """
    found = _validated(layer(name), {key: value}, f"{where}.{name}")[key]
    return number(found) if isinstance(found, float) else found


def applies(name: str, key: str, given: Section) -> bool:
    """Whether a key has a meaning in a section, given what kind of thing the section is."""
    needed = condition(name, key)
    if needed is None:
        return True
    by, values = needed
    return entry(name, by, value_of(name, by, given)) in values


def value_of(name: str, key: str, given: Section) -> Any:
    """A section's value of a key, the default where it does not say."""
    return given.get(key, all_keys(name)[key][0].default)


def complete_section(name: str, given: Section, defaults: Section, where: str) -> Section:
    """A section with the defaults of the keys that apply to it.

    Args:
        name: of the section.
        given: what the configuration says.
        defaults: what wins over the keys' own defaults.
        where: names the arm in messages.

    Raises:
        UserError: a key does not apply to what kind of thing the section is, or is missing.
    """
    for key in given:
        if not applies(name, key, given):
            other, values = condition(name, key) or ("", ())
            raise UserError(
                f"config key {name}.{key} of {where} does not apply to {other}"
                f" {value_of(name, other, given)}, only to {' and '.join(values)}"
            )
    by = selector(name)
    kind = None if by is None else value_of(name, by, given)
    whole = _validated(section(name, kind), given, name, f" of {where}")
    for key, declared in section_keys(name, kind).items():
        if key not in whole and applies(name, key, given):
            whole[key] = defaults.get(key, declared.default)
            if whole[key] is NO_DEFAULT:
                raise UserError(f"config key {name}.{key} of {where} is missing")
    return whole


def top_level(config: Section, key: str) -> Any:
    """A configuration's value of a top-level key, the default where it does not say."""
    return config[key] if key in config else _defaults()[key]


@cache
def _defaults() -> Section:
    return {key.name: key.default for key in keys(Configuration)}


def _validated(adapter: TypeAdapter[Any], given: Any, start: str = "", end: str = "") -> Any:
    """What pydantic makes of a value; its first fault as one sentence.

    Args:
        adapter: of the model.
        given: plain values.
        start: key that the value stands at.
        end: what follows the key in a message.
    """
    try:
        return adapter.validate_python(given)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        paths = [list(_path(given, fault["loc"])) for fault in faults]
        # Misspelt keys first: they explain what else is wrong.
        first = min(range(len(faults)), key=lambda i: _rank(faults[i], paths[i]))
        others = [f["type"] for f, path in zip(faults, paths, strict=True) if path == paths[first]]
        path = [*filter(None, [start]), *paths[first]]
        raise UserError(_sentence(faults[first], path, end, others)) from None


def _path(given: Any, loc: tuple[int | str, ...]) -> Iterator[int | str]:
    """The keys of a place, without pydantic's names of a union's members."""
    for part in loc:
        inside = part in given if isinstance(given, dict) else isinstance(part, int)
        if inside and isinstance(given, dict | list | tuple):
            given = given[part]  # type: ignore[index]
            yield part


def _rank(fault: Any, path: list[Any]) -> tuple[bool, bool, int, int]:
    """Of a union's members, the one whose type fits is the one that a message is about."""
    # Where a word or a mapping may stand, the faults inside a mapping tell more.
    other = fault["type"] == "string_type" and isinstance(fault["input"], dict)
    order = {"literal_error": 1, "int_type": 2, "float_type": 2, "string_type": 2, "tuple_type": 2}
    return fault["type"] != "unknown", other, len(path), order.get(fault["type"], 0)


_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("below", "lt"),
}


def _sentence(fault: Any, path: list[Any], end: str, others: list[str]) -> str:
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "unknown":
        known, unknown = sorted(context["known"]), context["key"]
        close = difflib.get_close_matches(unknown[:80], known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
        return f"config key {named(*path, unknown)}{end} is unknown: {hint}"
    key = f"config key {named(*path)}{end}"
    if fault["loc"][-1:] == ("[key]",):
        return f"{key} is no valid name: it must match {context['pattern']}"
    if kind in _BOUNDS:
        word, bound = _BOUNDS[kind]
        allowed = f"must be {word} {number(context[bound])}"
    elif kind == "literal_error":
        words = re.findall("'([^']*)'", context["expected"])
        besides = "a number, or " if {"int_type", "float_type"} & {*others} else ""
        allowed = f"must be {besides}one of {', '.join(words)}"
    elif kind == "string_pattern_mismatch":
        allowed = f"must match {context['pattern']}"
    elif kind in ("too_short", "string_too_short"):
        allowed = "must not be empty"
    else:
        allowed = fault["msg"]
    return f"{key} is {shown(context.get('value', fault['input']))} but {allowed}"
