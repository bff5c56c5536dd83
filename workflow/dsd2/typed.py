"""Values that have one form each, so that equal settings have equal names."""

from __future__ import annotations

import dataclasses
import types
from functools import cache
from typing import Any, ClassVar, Self, Union, get_args, get_origin, get_type_hints

from dsd2.registry import Registry

Number = int | float
"""A number whose whole values are int: 50 and 50.0 are one setting, and 50 is how it is named."""

MAX_EXACT = 2**53
"""Up to here every whole number is a float too."""


def number(value: float) -> Number:
    """The one form of a number: int where it is whole, float where it is not. -0.0 becomes 0."""
    if float(value).is_integer() and abs(value) <= MAX_EXACT:
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
        hints = get_type_hints(cls)
        return {field.name: hints[field.name] for field in dataclasses.fields(cls)}  # type: ignore[arg-type]


class Choice(Typed):
    """Base of a recipe of which there are several kinds, each a registered subclass.

    Attributes:
        registry: of the kinds.
        selector: configuration key that says which kind it is.
    """

    registry: ClassVar[Registry[Any]]
    selector: ClassVar[str]

    @classmethod
    def of(cls, choice: str, **values: Any) -> Self:
        """The recipe of a registered kind with these values.

        Raises:
            KeyError: no kind has that name.
            TypeError: a value is missing, or the kind has no such field.
        """
        made = cls.registry[choice](**values)
        assert isinstance(made, cls), f"{choice} is registered as a {cls.__name__}"
        return made

    @property
    def choice(self) -> str:
        """The name that the kind is registered by."""
        return self.registry.name_of(type(self))


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
