"""Tables for people, as Markdown and as LaTeX: text of the tables' numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dsd2.escaping import escape_latex, escape_markdown

if TYPE_CHECKING:
    import pandas as pd

PREFIXES = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))

Columns = list[tuple[str, list[str]]]
"""Names and text of columns; a name may repeat."""


@dataclass(frozen=True)
class FormattedTable:
    """A table for people.

    Attributes:
        parts: heading (empty where there is one part alone) and cells of each part. Column names
            may repeat: "paper" and "difference" belong to the column before them.
        note: how to read it, in Markdown; it holds no text of the user's.
    """

    parts: list[tuple[str, pd.DataFrame]]
    note: str


def markdown(table: FormattedTable) -> str:
    """A table as Markdown."""
    text = []
    for heading, cells in table.parts:
        text += [f"**{escape_markdown(heading)}**\n"] if heading else []
        escaped = escaped_cells(cells, escape_markdown)
        text += [escaped.to_markdown(index=False, disable_numparse=True), ""]
    return "\n".join([*text, table.note]) + "\n"


def latex(table: FormattedTable) -> str:
    r"""A table as the body of a LaTeX table, to be ``\input`` between its begin and end."""
    text = ["% Needs \\usepackage{booktabs,amssymb}."]
    for heading, cells in table.parts:
        text += [f"\\textbf{{{escape_latex(heading)}}}\\par"] if heading else []
        escaped = escaped_cells(cells, escape_latex)
        text += [
            f"\\begin{{tabular}}{{{'l' * len(escaped.columns)}}}",
            "\\toprule",
            _latex_row(escaped.columns),
            "\\midrule",
            *map(_latex_row, escaped.itertuples(index=False)),
            "\\bottomrule",
            "\\end{tabular}",
            "\\par\\medskip",
        ]
    # The stars are Markdown's emphasis, which LaTeX would print.
    text += [f"{{\\footnotesize {escape_latex(table.note.replace('*', ''))}\\par}}"]
    return "\n".join(text) + "\n"


def _latex_row(cells: Iterable[str]) -> str:
    return f" {' & '.join(cells)} \\\\"


def escaped_cells(cells: pd.DataFrame, escape: Callable[[str], str]) -> pd.DataFrame:
    """A table's cells and the names of its columns as text of another language."""
    texts = cells.map(lambda cell: escape(str(cell)))
    return texts.set_axis([escape(str(name)) for name in cells.columns], axis=1)


def absent(value: Any) -> bool:
    """Whether there is no such number: None, or what is unequal to itself."""
    return value is None or bool(value != value)


def minus(text: str) -> str:
    """Numbers with a minus sign instead of a hyphen."""
    return text.replace("-", "−")


def percent(value: float | None, digits: int = 2) -> str:
    """A fraction in percent; a dash where there is none."""
    return "–" if value is None or absent(value) else f"{100 * value:.{digits}f}"


def with_spread(value: float, spread: float | None) -> str:
    """A fraction in percent with its spread over seeds."""
    return percent(value) if absent(spread) else f"{percent(value)} ± {percent(spread)}"


def with_interval(
    value: float | None, low: float | None, high: float | None, digits: int = 2
) -> str:
    """A fraction in percent with its interval, where it has one; a dash where there is neither."""
    ends = "" if absent(low) else f" ({percent(low, digits)} to {percent(high, digits)})"
    return minus(percent(value, digits) + ends)


def means_over(table: pd.DataFrame) -> str:
    """What the numbers of a table are, by its column ``seeds``: ``Means over 3 seeds``."""
    seeds = int(table["seeds"].max())
    return f"Means over {seeds} seed{'s' * (seeds != 1)}"


def signed(value: float) -> str:
    """A difference of fractions in points, with its sign; nothing where there is none."""
    return "" if absent(value) else minus(f"{100 * value:+.2f}")


def unit(operations: float) -> tuple[float, str]:
    """The divisor and name of the unit in which so many operations read well."""
    size, prefix = next(((s, p) for s, p in PREFIXES if operations >= s), (1.0, ""))
    return size, f"{prefix}FLOP"


def cells(columns: Columns) -> pd.DataFrame:
    """Columns of text, whose names may repeat."""
    import pandas as pd

    values = [column for _, column in columns]
    return pd.DataFrame(zip(*values, strict=True), columns=[name for name, _ in columns])


def beside_paper(name: str, rows: pd.DataFrame, ours: list[str], quantity: str) -> Columns:
    """Our values of a quantity that is a fraction, and the paper's where it prints any."""
    if f"paper {quantity}" not in rows:
        return [(name, ours)]
    spread = rows.get("paper spread" if quantity == "accuracy" else "", [None] * len(rows))
    printed = [
        "" if absent(value) else with_spread(value, deviation)
        for value, deviation in zip(rows[f"paper {quantity}"], spread, strict=True)
    ]
    difference = [signed(value) for value in rows[f"difference {quantity}"]]
    return [(f"{name}, ours", ours), ("paper", printed), ("difference", difference)]


def by_panel(
    table: pd.DataFrame, panels: dict[str, str], columns: Callable[[pd.DataFrame], Columns]
) -> list[tuple[str, pd.DataFrame]]:
    """A part for each panel; ``columns`` makes the columns of its rows."""
    return [
        (panels[str(panel)] if len(panels) > 1 else "", cells(columns(rows)))
        for panel, rows in table.groupby("panel", sort=False)
    ]
