"""What every value of a configuration must be, whatever its key, and how messages show one."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

from dsd2.errors import UserError

MAX_DEPTH = 12
"""Levels of lists and mappings that a configuration may have; ours have five."""
MAX_VALUES = 100_000
"""Values in one configuration; YAML's aliases can make billions of a few lines."""
MAX_TEXT = 4096
"""Characters of a text, as many as a path may have."""
MAX_INTEGER = 2**63 - 1
"""Largest whole number: what the tables hold."""


def plain(config: Any) -> Any:
    """A copy of a configuration in plain dictionaries and lists.

    Raises:
        UserError: a value is nested too deeply, too large, not finite, or no text that can be read.
    """
    return _copy(config, (), iter(range(MAX_VALUES)))


def shown(value: Any) -> str:
    """A value as a message shows it: on one line, its middle left out where it is long."""
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        return f"a whole number of {value.bit_length()} bits"
    return _REPR.repr(value)


def named(*path: object) -> str:
    """A key as a message names it: ``training.epochs``; parts that are no words are quoted."""
    return ".".join(
        part if isinstance(part, str) and part.isprintable() and len(part) <= 80 else shown(part)
        for part in path
    )


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 80
_REPR.maxlevel = 3


def _copy(value: Any, path: tuple[object, ...], remaining: Iterator[int]) -> Any:
    where = f"config key {named(*path)}" if path else "the configuration"
    if next(remaining, None) is None:
        raise UserError(
            f"{where} is the {MAX_VALUES}th value, which must be enough for a configuration"
        )
    if len(path) > MAX_DEPTH:
        raise UserError(f"{where} is nested too deeply: at most {MAX_DEPTH} levels are allowed")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise UserError(
                    f"config key {named(*path, key)} is of type {type(key).__name__} but a key must"
                    " be text: write it in quotes"
                )
            _check_text(key, f"config key {named(*path, key)}")
        return {key: _copy(inner, (*path, key), remaining) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(inner, (*path, i), remaining) for i, inner in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{where} is {value} but a number must be finite")
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise UserError(f"{where} is {shown(value)} but must be at most {MAX_INTEGER}")
    if isinstance(value, str):
        _check_text(value, where)
    return value


def _check_text(text: str, where: str) -> None:
    if len(text) > MAX_TEXT:
        raise UserError(
            f"{where} is {shown(text)}, {len(text)} characters long, but must have at most"
            f" {MAX_TEXT}"
        )
    # Line breaks may stand in a title; other control characters and halves of characters cannot
    # be drawn, nor be part of a path.
    odd = [c for c in text if not c.isprintable() and (ord(c) < 32 or 127 <= ord(c) < 160)]
    # Two more are no characters, and no XML, which SVG is, may hold them.
    halves = [c for c in text if 0xD800 <= ord(c) <= 0xDFFF or c in "\ufffe\uffff"]
    if halves or set(odd) - {"\n", "\t"}:
        raise UserError(
            f"{where} is {shown(text)} but must be text without control characters and halves of"
            " characters"
        )
