"""Pydantic's models of the configuration, made of the keys that dataclasses declare."""

from __future__ import annotations

import dataclasses
import json
import types
from functools import cache, partial
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Strict,
    StringConstraints,
    Tag,
    TypeAdapter,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from dsd2.config.choices import with_choices
from dsd2.config.declaration import Configuration, Pattern
from dsd2.config.options import Unique
from dsd2.config.sanitize import plain
from dsd2.config.sections import CONDITIONS, SECTIONS, Layer
from dsd2.errors import UserError
from dsd2.keys import NO_DEFAULT, Key, NameOf, keys, parameters
from dsd2.registry import Registry
from dsd2.typed import Choice

_BOUNDS = (Ge, Gt, Le, Lt)
_JSON: dict[Any, str] = {
    **{int: "integer", float: "number", bool: "boolean", str: "string", type(None): "null"},
    **{list: "array", tuple: "array", dict: "object"},
}


@cache
def configuration() -> TypeAdapter[Any]:
    """What validates a whole configuration. It gives mappings of the keys that are there."""
    return TypeAdapter(mapping(Configuration))


@cache
def layer(name: str) -> TypeAdapter[Any]:
    """What validates some keys of a section, whatever kind of thing it is."""
    return TypeAdapter(_layer(name))


@cache
def section(name: str, kind: str | None) -> TypeAdapter[Any]:
    """What validates a whole section of a kind."""
    return TypeAdapter(_typed_dict(f"{name}_{kind}", section_keys(name, kind).values()))


def selector(name: str) -> str | None:
    """The key of a section that says of which kind it is; None for a section of one kind."""
    base, _ = SECTIONS[name]
    return base.selector if issubclass(base, Choice) else None


@cache
def kinds(name: str) -> tuple[str | None, ...]:
    """The registered kinds of a section."""
    base, _ = SECTIONS[name]
    return tuple(base.registry) if issubclass(base, Choice) else (None,)


@cache
def section_keys(name: str, kind: str | None) -> dict[str, Key]:
    """The keys of a section of a kind, by name."""
    base, default = SECTIONS[name]
    declared = list(keys(base if kind is None else base.registry[kind]))
    if kind is not None:
        declared.insert(0, Key(base.selector, str, (NameOf(base.registry),), "", default))
    return {key.name: with_choices(key) for key in declared}


@cache
def all_keys(name: str) -> dict[str, tuple[Key, ...]]:
    """The keys of a section of any kind, each with its different declarations."""
    found: dict[str, tuple[Key, ...]] = {}
    for kind in kinds(name):
        for key in section_keys(name, kind).values():
            known = found.get(key.name, ())
            if all((key.type, key.constraints) != (k.type, k.constraints) for k in known):
                found[key.name] = (*known, key)
    return found


@cache
def condition(name: str, key: str) -> tuple[str, tuple[str, ...]] | None:
    """The other key that says whether a key applies, and the values of it with which it does."""
    having = tuple(kind for kind in kinds(name) if kind and key in section_keys(name, kind))
    by = selector(name)
    if by is None or having == kinds(name) or not having:
        return CONDITIONS.get((name, key))
    return by, having


@cache
def mapping(kind: type[Any]) -> Any:
    """Pydantic's model of a mapping with the keys that a dataclass declares."""
    return _typed_dict(kind.__name__, map(with_choices, keys(kind)), kind.__doc__)


def _typed_dict(name: str, declared: Any, about: str | None = None) -> Any:
    fields = {
        key.name: Annotated[annotation(key.type, key.constraints), _documented(key)]
        for key in declared
    }
    made = TypedDict(name, fields, total=False)  # type: ignore[misc]
    made.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
    made.__doc__ = " ".join(about.split()) if about else None
    return Annotated[made, BeforeValidator(partial(_known_only, tuple(fields)))]


def _known_only(known: tuple[str, ...], value: Any) -> Any:
    unknown = [key for key in value if key not in known] if isinstance(value, dict) else []
    if unknown:
        raise PydanticCustomError("unknown", "unknown", {"key": unknown[0], "known": known})
    return value


def _documented(key: Key) -> Any:
    extra = {} if key.default is NO_DEFAULT else {"default": key.default}
    return Field(description=key.description or None, json_schema_extra=extra)


@cache
def _layer(name: str) -> Any:
    made = {
        key: dataclasses.replace(
            declared[0],
            type=Union[tuple(Annotated[k.type, *k.constraints, None] for k in declared)],  # noqa: UP007
            constraints=(),
        )
        if len(declared) > 1
        else declared[0]
        for key, declared in all_keys(name).items()
    }
    return _typed_dict(name, made.values(), SECTIONS[name][0].__doc__)


def annotation(declared: Any, constraints: tuple[Any, ...]) -> Any:
    """The type that pydantic validates a value by.

    Args:
        declared: type of a field.
        constraints: of it.
    """
    if get_origin(declared) is Annotated:
        declared, *inner = get_args(declared)
        constraints = (*constraints, *inner)
    for constraint in constraints:
        if isinstance(constraint, NameOf):
            named = _name(constraint.registry)
            return _with_parameters(constraint.registry, named) if constraint.parameters else named
    union = get_origin(declared) in (Union, types.UnionType)
    members = get_args(declared) if union else (declared,)
    if float in members and str not in members:
        members = tuple(m for m in members if m is not int)
    made = tuple(_member(m, constraints) for m in members)
    whole: Any = Union[made]  # noqa: UP007
    if any(isinstance(c, Unique) for c in constraints):
        unique = Field(json_schema_extra={"uniqueItems": True})
        whole = Annotated[whole, AfterValidator(_unique), unique]
    words = tuple(dict.fromkeys(word for m in members for word in _json_types(m)))
    if all(get_origin(m) is Literal for m in members):
        return whole
    return Annotated[whole, BeforeValidator(partial(typed, words))]


def _name(registry: Registry[Any]) -> Any:
    """The type of a registered name: one of the words, or one of the form of a family."""
    families = registry.families()
    words = tuple(registry)
    if not words:
        return Any  # Of what this installation lacks, nothing can be said to be wrong.
    if not families:
        return Literal[words]
    plain = [name for name in words if name not in {family.form for family in families}]
    forms = [
        {"type": "string", "pattern": f"^{family.pattern}$", "x-form": family.form}
        for family in families
    ]
    rule = WithJsonSchema({"anyOf": [{"type": "string", "enum": plain}, *forms]})
    return Annotated[str, BeforeValidator(partial(_registered, registry)), rule]


def _with_parameters(registry: Registry[Any], named: Any) -> Any:
    """The type of a registered name, or of a mapping of one and parameters of what it names."""
    members = [Annotated[named, Tag("")]]
    for name in registry:
        selecting = Key("name", Literal[name], (), "", NO_DEFAULT)
        own = _typed_dict(name, (selecting, *parameters(registry[name])))
        members.append(Annotated[own, Tag(name)])

    def tag(value: Any) -> str:
        name = value.get("name") if isinstance(value, dict) else None
        return str(name) if name in registry else ""

    return Annotated[Union[tuple(members)], Discriminator(tag)]  # noqa: UP007


def _registered(registry: Registry[Any], name: Any) -> Any:
    if not isinstance(name, str) or registry.entry(name) not in registry:
        words = ", ".join(registry)
        raise PydanticCustomError("name", "must be one of {words}", {"words": words})
    return name


def entry(name: str, by: str, value: Any) -> Any:
    """What conditions call a value of a key: of a section's selector, the form of its family."""
    base, _ = SECTIONS[name]
    if by != selector(name) or not isinstance(value, str):
        return value
    return base.registry.entry(value)


def _member(declared: Any, constraints: tuple[Any, ...]) -> Any:
    """The type of one member of a union."""
    origin, arguments = get_origin(declared), get_args(declared)
    length = tuple(c for c in constraints if isinstance(c, MinLen))
    if dataclasses.is_dataclass(declared):
        return Annotated[mapping(declared), *length, Field()]  # type: ignore[arg-type]
    if origin is dict and arguments[1] is Any:
        return _layer(next(c.section for c in constraints if isinstance(c, Layer)))
    if origin is Annotated:
        return annotation(declared, ())
    if origin is tuple:
        return Annotated[tuple[annotation(arguments[0], ()), ...], *length, Field()]  # type: ignore[misc]
    if origin is dict:
        key, value = (annotation(argument, ()) for argument in arguments)
        return Annotated[dict[key, value], *length, Field()]  # type: ignore[valid-type]
    if declared in (int, float):
        bounds = (c for c in constraints if isinstance(c, _BOUNDS))
        return Annotated[declared, Strict(), *bounds]
    if declared is bool:
        return Annotated[bool, Strict()]
    if declared is str:
        patterns = (StringConstraints(pattern=c.pattern) for c in constraints if type(c) is Pattern)
        return Annotated[str, Strict(), *length, *patterns]
    return declared


def _json_types(declared: Any) -> list[str]:
    """What JSON calls a declared type, or the members of a union."""
    if get_origin(declared) is Annotated:
        return _json_types(get_args(declared)[0])
    if get_origin(declared) in (Union, types.UnionType):
        return [word for member in get_args(declared) for word in _json_types(member)]
    if declared in _JSON:
        return [_JSON[declared]]
    return [{tuple: "array", Literal: "string"}.get(get_origin(declared), "object")]


def typed(words: tuple[str, ...], value: Any) -> Any:
    """What a value is where one of these types belongs: 5 for "5" and 5.0, true for "true".

    Raises:
        PydanticCustomError: it is of none of these types.
    """
    if isinstance(value, str):
        spelt = _spelt(value)
        counts = isinstance(spelt, int | float) and not isinstance(spelt, bool)
        if "string" not in words or (counts and {"number", "integer"} & {*words}):
            value = spelt
    if isinstance(value, float) and value.is_integer() and "integer" in words:
        value = int(value)
    found = _JSON.get(type(value))
    if found in words or (found == "integer" and "number" in words):
        return value
    context = {"allowed": " or ".join(words), "value": value}
    raise PydanticCustomError("kind", "must be of type {allowed}", context)


def _spelt(text: str) -> Any:
    """The value that a text is in JSON; the text itself where it is none that a file may hold."""
    try:
        return plain(json.loads(text))
    except (ValueError, RecursionError, UserError):
        return text


def _unique(value: Any) -> Any:
    if value is not None and len(set(value)) < len(value):
        raise PydanticCustomError("unique", "must have no entry twice")
    return value
