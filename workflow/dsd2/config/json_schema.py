"""The JSON schema of a configuration, for editors."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from dsd2.config.models import configuration, kinds, section_keys, selector
from dsd2.config.sections import SECTIONS


def _of_kind(name: str, kind: str) -> dict[str, str]:
    """The schema of a selector that says that a section is of a kind."""
    families = SECTIONS[name][0].registry.families()
    patterns = {family.form: f"^{family.pattern}$" for family in families}
    return {"pattern": patterns[kind]} if kind in patterns else {"const": kind}


class _WithoutTitles(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def json_schema() -> dict[str, Any]:
    """The JSON schema of a configuration, for editors.

    A layer that says of which kind it is may have that kind's keys alone. A budget has no arms.
    """
    made = configuration().json_schema(schema_generator=_WithoutTitles)
    definitions = made["$defs"]
    made["anyOf"] = [{"required": [key]} for key in ("studies", "arms", "budget")]
    for name in SECTIONS:
        by = selector(name)
        conditions = [
            {
                "if": {"properties": {by: _of_kind(name, kind)}, "required": [by]},
                "then": {"propertyNames": {"enum": list(section_keys(name, kind))}},
            }
            for kind in kinds(name)
            if kind is not None
        ]
        if conditions:
            definitions[name]["allOf"] = conditions
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
