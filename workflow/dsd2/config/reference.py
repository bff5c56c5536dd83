"""The reference of all configuration keys, and their JSON schema for editors."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from dsd2.config.choices import bounds, registries, with_choices
from dsd2.config.declaration import Configuration
from dsd2.config.json_schema import json_schema
from dsd2.config.models import all_keys, condition
from dsd2.config.sections import SECTIONS, Sections
from dsd2.keys import NO_DEFAULT, Key, keys

_PLACES: dict[Any, str] = {dict: ".<name>", tuple: ".<n>"}


def documented_keys() -> Iterator[tuple[str, str, Key]]:
    """Every key, as ``training.epochs``, after its heading's name; that of plain keys is empty."""
    declared = [with_choices(key) for key in keys(Configuration) if key.name not in SECTIONS]
    yield from (("", key.name, key) for key in declared if _inner(key) is None)
    for name in SECTIONS:
        yield from ((name, f"{name}.{key}", first) for key, (first, *_) in all_keys(name).items())
    for key in declared:
        if (kind := _inner(key)) is not None:
            place = f"{key.name}{_PLACES.get(get_origin(key.type), '')}"
            yield from (
                (key.name, f"{place}.{inner.name}", inner)
                for inner in keys(kind)
                if not (inner.name in SECTIONS and issubclass(kind, Sections))
            )


def _inner(key: Key) -> type[Any] | None:
    """The class of what stands below a key."""
    found = [key.type]
    for each in found:
        found += get_args(each)
        if dataclasses.is_dataclass(each) and isinstance(each, type):
            return each
    return None


def reference() -> str:
    """A Markdown list of every key with what it means, what it may be, and its default."""
    top = {key.name: key for key in keys(Configuration)}
    lines: list[str] = []
    entries = list(documented_keys())
    groups = dict.fromkeys([*(group for group, _, _ in entries), "override"])
    for group in groups:
        if group:
            lines += ["", f"### `{group}`", "", _about(group, top[group]), ""]
        for _, path, key in (entry for entry in entries if entry[0] == group):
            lines.append(f"- `{path}`: {key.description} {_allowed(group, key)}".rstrip())
    return "\n".join(lines).strip() + "\n"


def _about(group: str, key: Key) -> str:
    """What a heading's keys are of."""
    kind = SECTIONS[group][0] if group in SECTIONS else _inner(key)
    text = key.description or (kind.__doc__ or "").split("\n\nAttributes")[0]
    if group in SECTIONS and kind is not None:
        text = (kind.__doc__ or "").split("\n\n")[0]
    if kind is not None and issubclass(kind, Sections):
        text += " May have any of the sections dataset to stopping."
    return " ".join(text.split())


def _allowed(section: str, key: Key) -> str:
    facts = []
    if values := list(_values(key)):
        facts.append("one of " + ", ".join(f"`{value}`" for value in values))
    facts += bounds(key)
    needed = condition(section, key.name) if section in SECTIONS else None
    if needed is not None:
        facts.append(f"only where `{needed[0]}` is {' or '.join(f'`{v}`' for v in needed[1])}")
    if key.default is not NO_DEFAULT and (key.default is not None or "null" in key.description):
        facts.append(f"default `{json.dumps(key.default)}`")
    return f"({'; '.join(facts)})" if facts else ""


def _values(key: Key) -> Iterator[Any]:
    """The words that a value may be, where nothing else may stand."""
    for registry in registries(key):
        yield from registry
    found = [key.type]
    for each in found:
        if get_origin(each) is Literal:
            yield from get_args(each)
        elif {int, float} & {*get_args(each)}:
            return
        else:
            found += get_args(each)


if __name__ == "__main__":
    print(reference(), end="")
    Path(sys.argv[1]).write_text(
        json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
