"""Tables for people, as Markdown and as LaTeX: text of the tables' numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from dsd2.analysis.tables import COUNTS, MEAN
from dsd2.escaping import escape_latex, escape_markdown

PREFIXES = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))

Columns = list[tuple[str, list[str]]]
"""Names and text of columns; a name may repeat."""


@dataclass(frozen=True)
class Words:
    """What a study calls its arms and panels, and how it judges.

    Attributes:
        labels: of arms, by name.
        panels: labels of panels, by name.
        tolerance: accuracy difference that does not count.
        confidence: level of the intervals.
    """

    labels: dict[str, str]
    panels: dict[str, str]
    tolerance: float
    confidence: float

    def arms(self, names: Sequence[str]) -> list[str]:
        """Labels of arms."""
        return [self.labels[name] for name in names]


@dataclass(frozen=True)
class Sheet:
    """A table for people.

    Attributes:
        parts: heading (empty where there is one part alone) and cells of each part. Column names
            may repeat: "paper" and "difference" belong to the column before them.
        note: how to read it, in Markdown; it holds no text of the user's.
    """

    parts: list[tuple[str, pd.DataFrame]]
    note: str


def markdown(sheet: Sheet) -> str:
    """A sheet as Markdown."""
    text = []
    for heading, cells in sheet.parts:
        text += [f"**{escape_markdown(heading)}**\n"] if heading else []
        escaped = escaped_cells(cells, escape_markdown)
        text += [escaped.to_markdown(index=False, disable_numparse=True), ""]
    return "\n".join([*text, sheet.note]) + "\n"


def latex(sheet: Sheet) -> str:
    r"""A sheet as the body of a LaTeX table, to be ``\input`` between its begin and end."""
    text = ["% Needs \\usepackage{booktabs,amssymb}."]
    for heading, cells in sheet.parts:
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
    text += [f"{{\\footnotesize {escape_latex(sheet.note.replace('*', ''))}\\par}}"]
    return "\n".join(text) + "\n"


def _latex_row(cells: Iterable[str]) -> str:
    return f" {' & '.join(cells)} \\\\"


def escaped_cells(cells: pd.DataFrame, escape: Callable[[str], str]) -> pd.DataFrame:
    """A table's cells and the names of its columns as text of another language."""
    texts = cells.map(lambda cell: escape(str(cell)))
    return texts.set_axis([escape(str(name)) for name in cells.columns], axis=1)


def percent(value: float | None, digits: int = 2) -> str:
    """A fraction in percent; a dash where there is none."""
    return "–" if value is None or pd.isna(value) else f"{100 * value:.{digits}f}"


def with_spread(value: float, spread: float | None) -> str:
    """A fraction in percent with its spread over seeds."""
    return percent(value) if pd.isna(spread) else f"{percent(value)} ± {percent(spread)}"


def signed(value: float) -> str:
    """A difference of fractions in points, with its sign; nothing where there is none."""
    return "" if pd.isna(value) else f"{100 * value:+.2f}".replace("-", "−")


def unit(operations: float) -> tuple[float, str]:
    """The divisor and name of the unit in which so many operations read well."""
    size, prefix = next(((s, p) for s, p in PREFIXES if operations >= s), (1.0, ""))
    return size, f"{prefix}FLOP"


def cells(columns: Columns) -> pd.DataFrame:
    """Columns of text, whose names may repeat."""
    values = [column for _, column in columns]
    return pd.DataFrame(zip(*values, strict=True), columns=[name for name, _ in columns])


def beside_paper(name: str, rows: pd.DataFrame, ours: list[str], quantity: str) -> Columns:
    """Our values of a quantity that is a fraction, and the paper's where it prints any."""
    if f"paper {quantity}" not in rows:
        return [(name, ours)]
    spread = rows.get("paper spread" if quantity == "accuracy" else "", [None] * len(rows))
    printed = [
        "" if pd.isna(value) else with_spread(value, deviation)
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


def stopping_sheet(table: pd.DataFrame, words: Words) -> Sheet:
    """Table 1 for people: ticks, units, teachers' costs in brackets."""
    compared = [c for c in ("paper training", "paper teacher") if c in table]
    size, name = unit(table[["training paper", *compared]].max().max())

    def cost(own: float, before: float, sign: str = "") -> str:
        text = "" if pd.isna(own) else f"{own / size:{sign}.2f}"
        if pd.notna(before) and before != 0:
            text = f"{text} ({before / size:+.2f})"
        return text.strip().replace("-", "−")

    def costs(rows: pd.DataFrame, kind: str) -> Columns:
        header = {"paper": "by the paper's count"}.get(kind, kind)
        pairs = zip(rows[f"training {kind}"], rows[f"teacher {kind}"], strict=True)
        ours = [cost(own, before) for own, before in pairs]
        if kind != "paper" or "paper training" not in rows:
            return [(f"{header} [{name}] ↓", ours)]
        none = pd.Series(index=rows.index, dtype=float)
        columns = [(f"{header} [{name}] ↓, ours", ours)]
        for word, sign in (("paper", ""), ("difference", "+")):
            pairs = zip(rows[f"{word} training"], rows.get(f"{word} teacher", none), strict=True)
            columns.append((word, [cost(own, before, sign) for own, before in pairs]))
        return columns

    def tick(yes: bool) -> str:
        return "✓" if yes else ""

    def columns(rows: pd.DataFrame) -> Columns:
        accuracy = [
            with_spread(a, s)
            for a, s in zip(rows["accuracy"], rows["accuracy spread"], strict=True)
        ]
        sparsity = [percent(value) for value in rows["sparsity"]]
        return [
            ("arm", words.arms(list(rows["arm"]))),
            ("early stop", [stop if stop != "none" else "" for stop in rows["early stop"]]),
            ("distilled", [tick(yes) for yes in rows["distilled"]]),
            ("from pruned teacher", [tick(yes) for yes in rows["pruned teacher"]]),
            ("trainings", [f"{count:.1f}" for count in rows["trainings"]]),
            *(column for kind in COUNTS for column in costs(rows, kind)),
            *beside_paper("test accuracy [%] ↑", rows, accuracy, "accuracy"),
            *beside_paper("sparsity [%] ↑", rows, sparsity, "sparsity"),
            ("stopped at [%]", [percent(value) for value in rows["sparsity at stop"]]),
        ]

    seeds = int(table["seeds"].max())
    note = (
        f"Means over {seeds} seed{'s' * (seeds != 1)}; ± is the sample deviation"
        f" (for {words.confidence:.0%} intervals see the CSV file). Accuracy and"
        " sparsity are of the iteration with the best validation accuracy. Training costs count"
        " one multiply-accumulate as one operation: as the paper counts (no teacher's forward"
        " passes), dense (with them) and sparse (times density); in brackets what training the"
        " teacher took before."
    )
    return Sheet(by_panel(table, words.panels, columns), note)


def phases_sheet(table: pd.DataFrame, words: Words) -> Sheet:
    """The verdicts for people, and where each curve is best (Table 12)."""
    panels, tolerance = words.panels, words.tolerance

    def depths(name: str, ends: str) -> list[str]:
        of_arms = zip(table[name], table[f"{ends} low"], table[f"{ends} high"], strict=True)
        return [
            percent(d) if pd.isna(low) else f"{percent(d)} ({percent(low)} to {percent(high)})"
            for d, low, high in of_arms
        ]

    columns: Columns = [("panel", [panels[p] for p in table["panel"]])] if len(panels) > 1 else []
    columns += [
        ("arm", words.arms(list(table["arm"]))),
        ("verdict", list(table["verdict"])),
        ("SDD depth [points]", depths("SDD depth", "depth")),
        ("of each seed's own valley [points]", depths("own depth", "own depth")),
        ("dense [%]", [percent(value) for value in table["dense accuracy"]]),
        ("valley [%]", [percent(value) for value in table["valley accuracy"]]),
    ]
    for name, ours, quantity in (
        ("best [%]", "best accuracy", "accuracy"),
        ("best at ζ [%]", "best sparsity", "sparsity"),
    ):
        columns += beside_paper(name, table, [percent(v) for v in table[ours]], quantity)
    columns += [("best in phase", list(table["best phase"]))]
    if "paper phase" in table:
        columns += [("paper", ["" if pd.isna(phase) else phase for phase in table["paper phase"]])]
    note = (
        "The SDD depth is the largest drop of the test accuracy below an earlier maximum that is"
        " later recovered from, with its confidence interval over seeds. It is measured at the"
        " valley of the mean curve, and of each seed at its own deepest valley. A curve"
        f" *exhibits* sparse double descent when the first interval lies above {100 * tolerance:g}"
        " points. It *dodges* it when the second interval lies at or below that, or no seed has any"
        " valley. Else it is *undecided*. One seed has no interval, nor have equal depths."
    )
    return Sheet([("", cells(columns))], note)


def models_sheet(table: pd.DataFrame, words: Words) -> Sheet:
    """Table 3 for people."""

    def columns(rows: pd.DataFrame) -> Columns:
        ours = [f"{count:,}" for count in rows["parameters"]]
        columns = [("arm", words.arms(list(rows["arm"])))]
        if "paper parameters" not in rows:
            return [*columns, ("parameters", ours)]
        texts = [
            [
                "" if pd.isna(value) else f"{value:{form}}".replace("-", "−")
                for value in rows[f"{word} parameters"]
            ]
            for word, form in (("paper", ",.0f"), ("difference", "+,.0f"))
        ]
        return [*columns, ("parameters, ours", ours), ("paper", texts[0]), ("difference", texts[1])]

    note = "All parameters of the unpruned network: weights, biases and those of batch-norm."
    return Sheet(by_panel(table, words.panels, columns), note)


def grid_sheet(table: pd.DataFrame, words: Words) -> Sheet:
    """Table 5 for people: a row an arm, columns by panel and for their mean."""
    arms = list(dict.fromkeys(table["arm"]))
    columns: Columns = [("arm", words.arms(arms))]
    for panel, rows in table.groupby("panel", sort=False):
        whole = rows.set_index("arm").reindex(arms)
        name = {MEAN: "mean"}.get(str(panel)) or words.panels[str(panel)]
        header = f"{name} [%] ↑" if len(words.panels) > 1 else "validation accuracy [%] ↑"
        ours = ["" if pd.isna(v) else percent(v) for v in whole["validation accuracy"]]
        if "paper validation_accuracy" in rows and whole["paper validation_accuracy"].notna().any():
            columns += beside_paper(header, whole, ours, "validation_accuracy")
        else:
            columns += [(header, ours)]
    seeds = int(table["seeds"].max())
    note = (
        "The best validation accuracy over iterations, as a mean over"
        f" {seeds} seed{'s' * (seeds != 1)}."
    )
    if len(words.panels) > 1:
        note += " The last columns are means over the panels."
    return Sheet([("", cells(columns))], note)


def levels_sheet(table: pd.DataFrame, words: Words) -> Sheet:
    """Tables 13 and 14 for people: a row a level, columns by arm."""

    def columns(rows: pd.DataFrame) -> Columns:
        filters = bool(rows["filters"].notna().all())
        name = "filters" if filters else "ζ [%]"
        level = rows["filters"].map(str) if filters else rows["sparsity"].map(percent)
        rows = rows.assign(level=level)
        order = rows.sort_values("sparsity", kind="stable")["level"]
        levels = list(dict.fromkeys(order))
        result: Columns = [(name, levels)]
        for arm, own in rows.groupby("arm", sort=False):
            own = own.drop_duplicates("level").set_index("level").reindex(levels)
            ours = [
                "" if pd.isna(a) else with_spread(a, s)
                for a, s in zip(own["accuracy"], own["accuracy spread"], strict=True)
            ]
            header = f"{words.labels[str(arm)]} [%]"
            if "paper accuracy" in own and own["paper accuracy"].notna().any():
                result += beside_paper(header, own, ours, "accuracy")
            else:
                result += [(header, ours)]
        return result

    note = "Test accuracy; ± is the sample deviation over seeds."
    return Sheet(by_panel(table, words.panels, columns), note)


SHEETS = {
    "stopping": stopping_sheet,
    "phases": phases_sheet,
    "models": models_sheet,
    "grid": grid_sheet,
    "levels": levels_sheet,
}
