"""What a key's value may name, in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, get_args

from annotated_types import Ge, Gt, Le, Lt

from dsd2.keys import Key, NameOf, parameters
from dsd2.registry import Registry

_SIGNS: dict[Any, str] = {Ge: "≥", Gt: ">", Le: "≤", Lt: "<"}


def bounds(key: Key) -> list[str]:
    """The bounds of a key, as "≥ 0"."""
    return [
        f"{sign} {getattr(bound, kind.__name__.lower())}"
        for kind, sign in _SIGNS.items()
        for bound in key.constraints
        if isinstance(bound, kind)
    ]


def registries(key: Key) -> list[Registry[Any]]:
    """The registries whose names a key's value, or an entry of its value, may be."""
    return [named.registry for named in _names(key)]


def with_choices(key: Key) -> Key:
    """A key whose description says what each registered thing is that it may name."""
    text = key.description
    for named in _names(key):
        about = ", ".join(f"{name} ({_about(named, name)})" for name in named.registry)
        text = f"{text} {about}.".strip()
    return dataclasses.replace(key, description=text)


def _names(key: Key) -> Iterator[NameOf]:
    found = [key.type, *key.constraints]
    for each in found:
        found += get_args(each)
    return (each for each in found if isinstance(each, NameOf))


def _about(named: NameOf, name: str) -> str:
    """What a registered thing is, and what parameters it has where a configuration may set them."""
    said = [named.registry.summary(name).rstrip(".")]
    for one in parameters(named.registry[name]) if named.parameters else ():
        facts = ", ".join([one.description, *bounds(one), f"default {one.default}"])
        said.append(f"{one.name}: {facts}")
    return "; ".join(said)
