"""Rows for tables, with any value in the columns that a test does not care about."""

ANY = {
    "string": "x",
    "int64": 1,
    "double": 0.5,
    "bool": False,
    "list<element: string>": ["a"],
    "list<element: double>": [0.5],
    "list<element: int64>": [1],
}


def row_of(schema, **values):
    """A row of a table's schema."""
    kinds = {field.name: str(field.type).replace("item", "element") for field in schema}
    return {**{name: ANY[kind] for name, kind in kinds.items()}, **values}


DIP = [0.80, 0.65, 0.78, 0.20]
FLAT = [0.80, 0.81, 0.82, 0.30]
TWINS = [("all", "student", "vanilla"), ("all", "gated", "vanilla")]
LABELS = {"vanilla": "Vanilla", "student": "Student", "gated": "Gated"}
