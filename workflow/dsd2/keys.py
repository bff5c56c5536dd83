"""How a frozen dataclass declares configuration keys: bounds, meaning and default, at the field.

A field of a recipe is a key of its section::

    width: Annotated[int, Ge(0), Le(14), Doc("γ; the first stage has 2^γ filters."), Default(5)]

From such fields come validation, the JSON schema, the reference of all keys and the frozen object
itself. A field that no configuration may set is marked ``Derived()``.

The default of the dataclass has another meaning: a field is left out of names and files while it
has that default (:mod:`dsd2.recipe`). Use it for a parameter that is added later, so that no
finished run is renamed. Where there is no ``Default``, it is the key's default, too.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt, MinLen
from typing_extensions import Doc

from dsd2.registry import Registry

__all__ = [
    "Default",
    "Derived",
    "Doc",
    "Ge",
    "Gt",
    "Key",
    "Le",
    "Lt",
    "MinLen",
    "NameOf",
    "Required",
    "keys",
    "parameters",
]

NO_DEFAULT = dataclasses.MISSING
"""Default of a key that a configuration must give, or that another setting decides."""


@dataclass(frozen=True)
class Default:
    """What a configuration that does not name the key gets."""

    value: Any


@dataclass(frozen=True)
class Derived:
    """No configuration sets the field: the program works it out."""


@dataclass(frozen=True)
class Required:
    """A configuration must give the key, though the dataclass has a default for it."""


@dataclass(frozen=True)
class NameOf:
    """The value is the name of a registered thing.

    Attributes:
        registry: of such things.
        parameters: whether it may be a mapping instead, of ``name`` and :func:`parameters`.
    """

    registry: Registry[Any]
    parameters: bool = False


def fixed_values(kind: type[Any]) -> dict[str, Any]:
    """The values that a dataclass declares for fields that no configuration may set."""
    hints = get_type_hints(kind, include_extras=True)
    return {
        field.name: item.value
        for field in dataclasses.fields(kind)
        for item in get_args(hints[field.name])[1:]
        if isinstance(item, Default) and Derived() in get_args(hints[field.name])
    }


def required_keys(kind: type[Any]) -> tuple[str, ...]:
    """The keys of a dataclass that a configuration must give."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple(name for name, hint in hints.items() if Required() in get_args(hint))


@dataclass(frozen=True)
class Key:
    """A configuration key as its field declares it.

    Attributes:
        name: of the field.
        type: as declared, without what is annotated.
        constraints: of ``annotated_types``, and ``NameOf``.
        description: one or more sentences.
        default: ``NO_DEFAULT`` where there is none.
    """

    name: str
    type: Any
    constraints: tuple[Any, ...]
    description: str
    default: Any


def keys(kind: type[Any]) -> Iterator[Key]:
    """The configuration keys that a dataclass declares, in its order, its bases' first."""
    hints = get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        declared, metadata = _parts(hint)
        if any(isinstance(item, Derived) for item in metadata):
            continue
        yield _key(field.name, declared, metadata, field.default)


def parameters(function: Callable[..., Any]) -> tuple[Key, ...]:
    """The parameters of a registered function that a configuration may set: keyword-only ones."""
    known = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    own = SimpleNamespace(__annotations__={p.name: p.annotation for p in known})
    space = getattr(function, "__globals__", {})
    hints = get_type_hints(own, globalns=space, include_extras=True)
    return tuple(_key(p.name, *_parts(hints[p.name]), p.default) for p in known)


def _parts(hint: Any) -> tuple[Any, list[Any]]:
    declared, *metadata = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    return declared, metadata


def _key(name: str, declared: Any, metadata: list[Any], default: Any) -> Key:
    return Key(
        name=name,
        type=declared,
        constraints=tuple(m for m in metadata if not isinstance(m, Doc | Default | Required)),
        description=" ".join(m.documentation for m in metadata if isinstance(m, Doc)),
        default=next((m.value for m in metadata if isinstance(m, Default)), default),
    )
