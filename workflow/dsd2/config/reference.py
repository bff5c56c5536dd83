"""The reference of all configuration keys, written from the schema."""

from __future__ import annotations

import json
from typing import Any

from dsd2.config.validation import SECTIONS, documented_keys, schema


def reference() -> str:
    """A Markdown list of every key with what it means, what it may be, and its default."""
    lines: list[str] = []
    heading = None
    for key, rule in documented_keys():
        group = key.partition(".")[0] if "." in key else ""
        if group != heading:
            heading = group
            lines += ["", f"### `{group}`", ""] if group else []
            if group in SECTIONS:
                lines += [_text(schema()["$defs"][group]), ""]
        lines.append(f"- `{key}`: {_text(rule)} {_allowed(rule)}".rstrip())
    return "\n".join(lines).strip() + "\n"


def _text(rule: dict[str, Any]) -> str:
    return " ".join(str(rule.get("description", "")).split())


def _allowed(rule: dict[str, Any]) -> str:
    facts = []
    if "enum" in rule:
        facts.append("one of " + ", ".join(f"`{value}`" for value in rule["enum"]))
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    facts += [f"{sign} {rule[word]}" for word, sign in bounds.items() if word in rule]
    for kind, values in rule.get("x-only-for", {}).items():
        facts.append(f"only where `{kind}` is {' or '.join(f'`{value}`' for value in values)}")
    if "default" in rule and not isinstance(rule["default"], dict):
        facts.append(f"default `{json.dumps(rule['default'])}`")
    return f"({'; '.join(facts)})" if facts else ""


if __name__ == "__main__":
    print(reference(), end="")
