"""What was found, in sentences for the report's captions: reStructuredText lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from dsd2.analysis.layers import LayerCurve
from dsd2.analysis.table_format import Words, percent, unit
from dsd2.analysis.tables import MEAN
from dsd2.escaping import escape_rst

FELL = 0.5
"""A layer's entropy is said to have fallen where it is below this fraction of the dense one's."""


Row = Mapping[str, Any]
"""A row of one of the tables' numbers."""


def curves_found(phases: pd.DataFrame, words: Words) -> str:
    """The verdict of every curve, with its depth, interval and turning points."""
    return _list(
        f"{_name(row, words)} {_verdict(row, words)} {_course(row)}" for row in _rows(phases)
    )


def _verdict(row: Row, words: Words) -> str:
    tolerance = f"{100 * words.tolerance:g} points"
    common = f"the SDD depth is {_depth(row, 'SDD depth', 'depth', words)}"
    own = f"the depth of each seed's own valley is {_depth(row, 'own depth', 'own depth', words)}"
    if row["verdict"] == "exhibits":
        return f"**exhibits** sparse double descent: {common}, all above {tolerance}."
    if row["verdict"] == "dodges":
        if row["own depth"] == 0:
            return f"**dodges** sparse double descent: none of {row['seeds']} seeds has a valley."
        return f"**dodges** sparse double descent: {own}, none of it above {tolerance}."
    if row["seeds"] < 2:
        reason = f"{common}; one seed has no interval"
    elif not _absent(row["depth low"]) and row["depth low"] <= words.tolerance < row["depth high"]:
        reason = f"{common}, on both sides of {tolerance}"
    elif _absent(row["own depth low"]):
        reason = f"{common}, and {own}, the same in all {row['seeds']} seeds: it has no interval"
    else:
        reason = f"{common}, but {own}, not all of it at or below {tolerance}"
    return f"is **undecided**: {reason}."


def _depth(row: Row, name: str, ends: str, words: Words) -> str:
    """A mean depth, with its interval where it has one."""
    mean = f"{_points(row[name])} points"
    if _absent(row[f"{ends} low"]):
        return mean
    low, high = (_points(row[f"{ends} {end}"]) for end in ("low", "high"))
    return f"{mean} ({_interval(words)} {low} to {high} over {row['seeds']} seeds)"


def _course(row: Row) -> str:
    best = (
        f"the best mean is {percent(row['best accuracy'], 1)} % at ζ ="
        f" {percent(row['best sparsity'], 1)} %, in the {row['best phase']} phase"
    )
    if _absent(row["valley accuracy"]):
        return f"From {percent(row['dense accuracy'], 1)} % dense its mean has no valley; {best}."
    return (
        f"From {percent(row['dense accuracy'], 1)} % dense it passes a valley of"
        f" {percent(row['valley accuracy'], 1)} % at ζ = {percent(row['valley sparsity'], 1)} %;"
        f" {best}."
    )


def stopping_found(table: pd.DataFrame, words: Words) -> str:
    """What every arm returns, after how many trainings."""

    def sentence(row: Row) -> str:
        size, name = unit(row["training dense"])
        interval = (
            f" ± {percent(row['accuracy interval'], 1)} ({_interval(words)})"
            if not _absent(row["accuracy interval"])
            else ""
        )
        return (
            f"{_name(row, words)} returns {percent(row['accuracy'], 1)} %{interval} at ζ ="
            f" {percent(row['sparsity'], 1)} %, after {row['trainings']:.1f} trainings of"
            f" {row['training dense'] / size:.2f} {name} in all."
        )

    return _list(sentence(row) for row in _rows(table))


def phases_found(table: pd.DataFrame, words: Words) -> str:
    """How many curves have which verdict."""
    return _list(
        f"**{verdict}**: {', '.join(_name(row, words) for row in _rows(rows))}"
        for verdict, rows in table.groupby("verdict", sort=False)
    )


def models_found(table: pd.DataFrame, words: Words) -> str:
    """The smallest and the largest network."""
    rows = sorted(_rows(table), key=lambda row: row["parameters"])
    return _list(
        f"the {word} network is that of {_name(row, words)}, of {row['parameters']:,} parameters"
        for word, row in (("smallest", rows[0]), ("largest", rows[-1]))
    )


def grid_found(table: pd.DataFrame, words: Words) -> str:
    """The best arm of each panel, and on the mean over panels."""
    return _best(table, words, "validation accuracy", "validation")


def levels_found(table: pd.DataFrame, words: Words) -> str:
    """The best arm and level of each panel."""
    return _best(table, words, "accuracy", "test")


def _best(table: pd.DataFrame, words: Words, column: str, split: str) -> str:
    def sentence(row: Row) -> str:
        at = f" at ζ = {percent(row['sparsity'], 1)} %" if "sparsity" in row else ""
        where = {MEAN: " on the mean over panels"}.get(row["panel"], "")
        return f"best{where}: {_name(row, words)}, {percent(row[column], 1)} % {split} accuracy{at}"

    best: dict[str, Row] = {}
    for row in _rows(table):
        if row["panel"] not in best or row[column] > best[row["panel"]][column]:
            best[row["panel"]] = row
    return _list(sentence(row) for row in best.values())


TABLES_FOUND = {
    "stopping": stopping_found,
    "phases": phases_found,
    "models": models_found,
    "grid": grid_found,
    "levels": levels_found,
}


def layers_found(curves: Sequence[LayerCurve], words: Words) -> str:
    """Where each network loses its weights first, and where its neurons' states freeze first."""

    def sentence(curve: LayerCurve) -> str:
        name = _name({"panel": curve.panel, "arm": curve.arm}, words)
        return f"{name}: {_weights(curve)}; {_states(curve)}."

    return _list(sentence(curve) for curve in curves)


def _weights(curve: LayerCurve) -> str:
    dead = curve.first(curve.density == 0)
    if dead is not None:
        layers, sparsity = dead
        return (
            f"{_code(layers)} {_verb(layers, 'loses', 'lose')} the last weight first,"
            f" at ζ = {percent(sparsity)} %"
        )
    last = curve.density.iloc[-1]
    return (
        f"every layer keeps weights to the end, where {_code([str(last.idxmin())])} has fewest,"
        f" {percent(last.min())} % of its own"
    )


def _states(curve: LayerCurve) -> str:
    if curve.entropy.empty:
        return "it has no ReLU layer, and so no entropy"
    fell = curve.first(curve.entropy < FELL * curve.entropy.iloc[0])
    if fell is None:
        return f"no layer's entropy falls below {100 * FELL:g} % of its dense one"
    layers, sparsity = fell
    return (
        f"the entropy of {_code(layers)} is the first to fall below {100 * FELL:g} % of its dense"
        f" one, at ζ = {percent(sparsity)} %"
    )


def _verb(subjects: Sequence[str], singular: str, plural: str) -> str:
    return singular if len(subjects) == 1 else plural


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"``{name}``" for name in names)


def _points(value: float) -> str:
    return percent(value, 1).replace("-", "−")


def _name(row: Row, words: Words) -> str:
    arm, panel = words.labels[row["arm"]], row["panel"]
    where = f" ({words.panels[panel]})" if len(words.panels) > 1 and panel != MEAN else ""
    return escape_rst(f"{arm}{where}")


def _rows(table: pd.DataFrame) -> list[Row]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _absent(value: Any) -> bool:
    return bool(pd.isna(value))


def _interval(words: Words) -> str:
    return f"{100 * words.confidence:g} % interval"


def _list(sentences: Iterable[str]) -> str:
    return "".join(f"* {sentence}\n" for sentence in sentences)
