"""Check a raw configuration against the schema; every fault is one sentence."""

from __future__ import annotations

import copy
import difflib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from dsd2.errors import UserError

SCHEMA_FILE = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"

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

KIND_KEY = {
    "dataset": "name",
    "noise": "kind",
    "model": "name",
    "perturbation": "kind",
    "stopping": "policy",
}
"""The key of a section that says what kind of thing it is."""

Section = dict[str, Any]


@cache
def schema() -> dict[str, Any]:
    """The JSON schema of the configuration."""
    loaded: dict[str, Any] = yaml.safe_load(SCHEMA_FILE.read_text(encoding="utf-8"))
    return loaded


def check(config: Any) -> dict[str, Any]:
    """Check types, ranges and names of every key; returns the configuration with typed values.

    Text where a number or truth value belongs is read as one if it is one: YAML takes ``1e-4`` for
    a word, and Snakemake gives what is nested in ``--config`` as text.

    Raises:
        UserError: one sentence about the first fault: key, value and what is allowed.
    """
    from jsonschema import Draft202012Validator

    if not isinstance(config, dict) or not config:
        raise UserError("the configuration is empty: give a --configfile, as config/config.yaml")
    validator = Draft202012Validator(schema())
    typed = copy.deepcopy(config)
    for error in validator.iter_errors(config):
        if error.validator == "type" and isinstance(error.instance, str):
            _retype(typed, list(error.absolute_path), error.instance)
    errors = sorted(validator.iter_errors(typed), key=_rank)
    if errors:
        raise UserError(_sentence(errors[0]))
    return typed


def _retype(config: Any, path: list[str | int], text: str) -> None:
    """Replace the text at a path by the value that it spells in JSON, if it spells one."""
    try:
        value = json.loads(text)
    except ValueError:
        return
    for key in path[:-1]:
        config = config[key]
    config[path[-1]] = value


def merge_section(name: str, lower: Section | None, upper: Section | None) -> Section | None:
    """One section laid over another; one that names another kind replaces it."""
    if upper is None or lower is None:
        return upper
    kind = KIND_KEY.get(name)
    if kind in upper and upper[kind] != lower.get(kind):
        return dict(upper)
    return {**lower, **upper}


def complete_section(name: str, given: Section, where: str) -> Section:
    """A section with the defaults of the keys that apply to its kind.

    Raises:
        UserError: a key is given that does not apply to the section's kind.
    """
    kind_key = KIND_KEY.get(name)
    properties = schema()["$defs"][name]["properties"]
    section = dict(given)
    if kind_key:
        section.setdefault(kind_key, properties[kind_key]["default"])
    for key, rule in properties.items():
        kinds = rule.get("x-only-for", {}).get(kind_key)
        if kinds is None or section[str(kind_key)] in kinds:
            if "default" in rule:
                section.setdefault(key, rule["default"])
        elif key in section:
            raise UserError(
                f"config key {name}.{key} of {where} does not apply to {kind_key}"
                f" {section[str(kind_key)]}, only to {' and '.join(kinds)}"
            )
    return section


def documented_keys() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key with its rule, as ``training.epochs``, for the documentation."""
    top = schema()
    for key, rule in top["properties"].items():
        if key in SECTIONS:
            for name, inner in top["$defs"][key]["properties"].items():
                yield f"{key}.{name}", inner
        else:
            yield key, {**top["$defs"]["name"], **rule} if "$ref" in rule else rule
            for name, inner in rule.get("properties", {}).items():
                if name not in SECTIONS:
                    yield f"{key}.{name}", inner
            for name, inner in _entries(rule).items():
                if name not in SECTIONS:
                    yield f"{key}.<name>.{name}", inner


def _entries(rule: dict[str, Any]) -> dict[str, Any]:
    extra = rule.get("additionalProperties")
    return extra.get("properties", {}) if isinstance(extra, dict) else {}


def _rank(error: Any) -> tuple[bool, int, str]:
    """Misspelt keys first: they explain the missing ones; then the order of the file."""
    return (error.validator != "additionalProperties", len(error.absolute_path), error.message)


def _sentence(error: Any) -> str:
    path = [str(part) for part in error.absolute_path]
    key = ".".join(path) or "the top level"
    value, rule = error.instance, error.validator_value
    match error.validator:
        case "additionalProperties":
            known = sorted(error.schema.get("properties", {}))
            unknown = next(name for name in value if name not in known)
            close = difflib.get_close_matches(str(unknown), known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
            return f"config key {'.'.join([*path, str(unknown)])} is unknown: {hint}"
        case "required":
            missing = next(name for name in rule if name not in value)
            return f"config key {'.'.join([*path, missing])} is missing"
        case "type":
            allowed = " or ".join([rule] if isinstance(rule, str) else rule)
            return f"config key {key} is {value!r} but must be of type {allowed}"
        case "enum":
            return f"config key {key} is {value!r} but must be one of {', '.join(map(str, rule))}"
        case "pattern":
            if error.absolute_schema_path and "propertyNames" in error.absolute_schema_path:
                return (
                    f"config key {'.'.join([*path, str(value)])} is no valid name:"
                    f" it must match {rule}"
                )
            return f"config key {key} is {value!r} but must match {rule}"
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            bound = {
                "minimum": "at least",
                "exclusiveMinimum": "above",
                "maximum": "at most",
                "exclusiveMaximum": "below",
            }[error.validator]
            return f"config key {key} is {value!r} but must be {bound} {rule}"
        case _:
            return f"config key {key}: {error.message}"
