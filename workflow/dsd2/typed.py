"""Values that have one form each, so that equal settings have equal names."""

from __future__ import annotations

import types
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

Number = int | float
"""A number whose whole values are int: 50 and 50.0 are one setting, and 50 is how it is named."""

EXACT = 2**53
"""Up to here every whole number is a float too."""


def number(value: float) -> Number:
    """The one form of a number: int where it is whole, float where it is not. -0.0 becomes 0."""
    if float(value).is_integer() and abs(value) <= EXACT:
        return int(value)
    return float(value)


class Typed:
    """Base of frozen dataclasses: each number takes the form that its field declares.

    A field of ``int`` and one of :data:`Number` hold 50 for 50.0. A field of ``float`` holds 50.0
    for 50. A list becomes the tuple that its field declares.
    """

    def __post_init__(self) -> None:
        """Give each value its form."""
        for name, hint in self._hints().items():
            object.__setattr__(self, name, _formed(getattr(self, name), hint))

    @classmethod
    @cache
    def _hints(cls) -> dict[str, Any]:
        """The declared type of each field."""
        return get_type_hints(cls)


def _formed(value: Any, hint: Any) -> Any:
    allowed = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if isinstance(value, list | tuple):
        inner = next((get_args(kind)[0] for kind in allowed if get_origin(kind) is tuple), None)
        return value if inner is None else tuple(_formed(item, inner) for item in value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if int in allowed:
        made = number(value)
        return made if float in allowed or isinstance(made, int) else value
    return float(value) + 0.0 if float in allowed else value
