"""The configuration's JSON schema in the plain form that tests of every key go through."""

from functools import cache

from dsd2.config.json_schema import json_schema
from dsd2.config.models import condition
from dsd2.config.sections import SECTIONS


@cache
def schema():
    """The JSON schema: each key one rule without ``anyOf``, with ``x-only-for`` of its own.

    ``x-only-for`` has the other key that says whether this one applies, and its values.
    """
    made = flat(json_schema())
    for name in SECTIONS:
        for key, rule in made["$defs"][name]["properties"].items():
            if needed := condition(name, key):
                rule["x-only-for"] = {needed[0]: list(needed[1])}
    return made


def flat(rule):
    """A rule without ``anyOf``: ``type`` lists what a value may be, a ``pattern`` its words."""
    if isinstance(rule, list):
        return [flat(inner) for inner in rule]
    if not isinstance(rule, dict):
        return rule
    made = {key: flat(inner) for key, inner in rule.items() if key != "anyOf"}
    if "const" in made:
        made["enum"] = [made.pop("const")]
    if "patternProperties" in rule:
        ((pattern, inner),) = made.pop("patternProperties").items()
        made |= {"propertyNames": {"pattern": pattern}, "additionalProperties": inner}
    # Names of a form are of things that lie elsewhere: the words stand for them.
    options = [flat(option) for option in rule.get("anyOf", []) if "x-form" not in option]
    if len(options) == 1:
        return made | options[0]
    if not options or "required" in options[0]:
        return made
    kinds = []
    for option in options:
        words = option.pop("enum", None)
        if words is not None and len([o for o in options if o.get("type") != "null"]) > 1:
            made["pattern"] = f"^({'|'.join(words)})$"
        elif words is not None:
            made["enum"] = [*words, None]
        kinds.append(option.pop("type", "object"))
        made |= option
    made["type"] = kinds
    return made
