"""Check a raw configuration against the schema; every fault is one sentence."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from dsd2.config.sanitize import LARGEST, named, plain, shown
from dsd2.errors import UserError
from dsd2.typed import number

SCHEMA_FILE = Path(__file__).with_name("config.schema.yaml")

SECTIONS = (
    "dataset",
    "noise",
    "model",
    "training",
    "pruning",
    "perturbation",
    "distillation",
    "stopping",
)
"""The sections that a study, a panel and an arm have in common."""

Section = dict[str, Any]


@cache
def schema() -> dict[str, Any]:
    """The JSON schema of the configuration."""
    loaded: dict[str, Any] = yaml.safe_load(SCHEMA_FILE.read_text(encoding="utf-8"))
    return loaded


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
    given, typed = plain(config), plain(config)
    for error in _validator().iter_errors(given):
        if error.validator in ("type", "pattern") and isinstance(error.instance, str | float):
            _replace(typed, list(error.absolute_path), error.instance, error.schema)
    typed = plain(typed)
    errors = sorted(_validator().iter_errors(typed), key=_rank)
    if errors:
        raise UserError(_sentence(errors[0]))
    return typed


@cache
def _validator() -> Any:
    """JSON schema's rules, but that 5.0 is no whole number and a pattern is of the whole text."""
    from jsonschema import Draft202012Validator, ValidationError, validators

    def pattern(_: Any, rule: str, instance: Any, __: Any) -> Iterator[ValidationError]:
        if isinstance(instance, str) and not re.fullmatch(rule, instance):
            yield ValidationError(f"{instance!r} does not match {rule!r}")

    def is_whole(_: Any, instance: Any) -> bool:
        return isinstance(instance, int) and not isinstance(instance, bool)

    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", is_whole)
    made = validators.extend(Draft202012Validator, {"pattern": pattern}, type_checker=types)
    return made(schema())


def _replace(config: Any, path: list[str | int], given: str | float, rule: Section) -> None:
    """Replace the value at a path by what it spells, where it is no text that the rule allows."""
    value = _spelt(given, rule)
    if value is given:
        return
    for key in path[:-1]:
        config = config[key]
    config[path[-1]] = value


def _spelt(given: Any, rule: Section) -> Any:
    """What a text or a float spells, as a rule's types have it; itself if it spells nothing else.

    Args:
        given: any value.
        rule: its rule in the schema.
    """
    kinds, value = rule.get("type", []), given
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(given, str):
        try:
            value = json.loads(given)
        except (ValueError, RecursionError):
            return given
        counts = isinstance(value, int | float) and not isinstance(value, bool)
        if not kinds or ("string" in kinds and not (counts and {"number", "integer"} & {*kinds})):
            return given
    if isinstance(value, float) and value.is_integer() and "integer" in kinds:
        return int(value)
    return value


def typed(section: str, key: str, given: Any) -> Any:
    """A value of a section's key in its one form, whatever it is written as: 3 for "3" and 3.0.

    What the key does not allow stays as it is, for :func:`check` to name.
    """
    return _typed(schema()["$defs"][section]["properties"].get(key, {}), given)


def _typed(rule: Section, given: Any) -> Any:
    value = _spelt(given, rule)
    if isinstance(value, list):
        return [_typed(rule.get("items", {}), item) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > LARGEST:
        return value
    return number(value)


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
        if key in upper or _decided_by(name, key) not in upper or applies(name, key, merged)
    }


def _decided_by(name: str, key: str) -> str | None:
    """The key of a section that says whether another applies; None for one that always does."""
    rule = schema()["$defs"][name]["properties"][key].get("x-only-for", {})
    return next(iter(rule), None)


def applies(name: str, key: str, section: Section) -> bool:
    """Whether a key has a meaning in a section, given what kind of thing the section is."""
    decided_by = _decided_by(name, key)
    if decided_by is None:
        return True
    rule = schema()["$defs"][name]["properties"][key]["x-only-for"]
    return value_of(name, decided_by, section) in rule[decided_by]


def value_of(name: str, key: str, section: Section) -> Any:
    """A section's value of a key, the schema's default where it does not say."""
    return section.get(key, schema()["$defs"][name]["properties"][key]["default"])


def complete_section(name: str, given: Section, defaults: Section, where: str) -> Section:
    """A section with the defaults of the keys that apply to it.

    Args:
        name: of the section.
        given: what the configuration says.
        defaults: what wins over the schema's defaults.
        where: names the arm in messages.

    Raises:
        UserError: a key is given that does not apply to what another of its keys says.
    """
    section: Section = {}
    for key, rule in schema()["$defs"][name]["properties"].items():
        if applies(name, key, given):
            if key in given or key in defaults or "default" in rule:
                section[key] = given.get(key, defaults.get(key, rule.get("default")))
        elif key in given:
            ((other, kinds),) = rule["x-only-for"].items()
            raise UserError(
                f"config key {name}.{key} of {where} does not apply to {other}"
                f" {value_of(name, other, given)}, only to {' and '.join(kinds)}"
            )
    return section


def top_level(config: dict[str, Any], key: str) -> Any:
    """A configuration's value of a top-level key, the schema's default where it does not say."""
    return config.get(key, schema()["properties"][key]["default"])


def documented_keys() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key with its rule, as ``training.epochs``, for the documentation."""
    top = schema()
    for key, rule in top["properties"].items():
        if key in SECTIONS:
            for name, inner in top["$defs"][key]["properties"].items():
                yield f"{key}.{name}", inner
        else:
            yield key, _resolved(rule)
            for name, inner in rule.get("properties", {}).items():
                if name not in SECTIONS:
                    yield f"{key}.{name}", inner
            for name, inner in _entries(rule).items():
                if name not in SECTIONS:
                    place = "<n>" if "items" in rule else "<name>"
                    yield f"{key}.{place}.{name}", _resolved(inner)


def _resolved(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule together with the definition that it refers to."""
    name = str(rule.get("$ref", "")).rpartition("/")[2]
    return {**schema()["$defs"].get(name, {}), **rule}


def _entries(rule: dict[str, Any]) -> dict[str, Any]:
    """The keys of each entry of a list or mapping."""
    extra = rule.get("items", rule.get("additionalProperties"))
    return extra.get("properties", {}) if isinstance(extra, dict) else {}


def _rank(error: Any) -> tuple[bool, int, str]:
    """Misspelt keys first: they explain the missing ones; then the order of the file."""
    return (error.validator != "additionalProperties", len(error.absolute_path), error.message)


def _sentence(error: Any) -> str:
    path = list(error.absolute_path)
    key = f"config key {named(*path)}" if path else "the configuration"
    value, rule = error.instance, error.validator_value
    match error.validator:
        case "additionalProperties":
            known = sorted(error.schema.get("properties", {}))
            unknown = next(name for name in value if name not in known)
            close = difflib.get_close_matches(unknown[:80], known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
            return f"config key {named(*path, unknown)} is unknown: {hint}"
        case "required":
            missing = next(name for name in rule if name not in value)
            return f"config key {named(*path, missing)} is missing"
        case "type":
            allowed = " or ".join([rule] if isinstance(rule, str) else rule)
            return f"{key} is {shown(value)} but must be of type {allowed}"
        case "enum":
            return f"{key} is {shown(value)} but must be one of {', '.join(map(str, rule))}"
        case "pattern":
            if error.absolute_schema_path and "propertyNames" in error.absolute_schema_path:
                return f"config key {named(*path, value)} is no valid name: it must match {rule}"
            return f"{key} is {shown(value)} but must match {rule}"
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            bound = {
                "minimum": "at least",
                "exclusiveMinimum": "above",
                "maximum": "at most",
                "exclusiveMaximum": "below",
            }[error.validator]
            return f"{key} is {shown(value)} but must be {bound} {rule}"
        # All these rules are 1.
        case "minItems" | "minProperties" | "minLength":
            return f"{key} is {shown(value)} but must not be empty"
        case "uniqueItems":
            return f"{key} is {shown(value)} but must have no entry twice"
        case _:
            return f"{key}: {error.message}"
