"""Write a study's tables: Table 1's layout, and the verdict on each curve."""

from contextlib import redirect_stderr
from pathlib import Path

import pandas as pd

from dsd2.analysis.summary import COUNTS, findings, phases_table, stopping_table
from dsd2.files.atomic import write_text
from dsd2.files.records import STUDY, read_table

PREFIXES = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def percent(value: float | None, digits: int = 2) -> str:
    """A fraction in percent; a dash where there is none."""
    return "–" if value is None or pd.isna(value) else f"{100 * value:.{digits}f}"


def with_spread(value: float, spread: float | None) -> str:
    """A fraction in percent with its spread over seeds."""
    return percent(value) if pd.isna(spread) else f"{percent(value)} ± {percent(spread)}"


def unit(operations: float) -> tuple[float, str]:
    """The divisor and name of the unit in which so many operations read well."""
    size, prefix = next(((s, p) for s, p in PREFIXES if operations >= s), (1.0, ""))
    return size, f"{prefix}FLOP"


def stopping_markdown(table: pd.DataFrame, panels: dict[str, str], confidence: float) -> str:
    """Table 1 for people: ticks, units, teachers' costs in brackets."""
    size, name = unit(table["training paper"].max())

    def cost(row: pd.Series, count: str) -> str:
        before = row[f"teacher {count}"]
        own = f"{row[f'training {count}'] / size:.2f}"
        return own if before == 0 else f"{own} (+{before / size:.2f})"

    def tick(yes: bool) -> str:
        return "✓" if yes else ""

    text = []
    for panel, rows in table.groupby("panel", sort=False):
        shown = pd.DataFrame(
            {
                "arm": rows["arm"],
                "early stop": rows["early stop"].where(rows["early stop"] != "none", ""),
                "distilled": rows["distilled"].map(tick),
                "from pruned teacher": rows["pruned teacher"].map(tick),
                "trainings": rows["trainings"].map("{:.1f}".format),
                **{f"{c} [{name}] ↓": rows.apply(cost, axis=1, count=c) for c in COUNTS},
                "test accuracy [%] ↑": [
                    with_spread(a, s)
                    for a, s in zip(rows["accuracy"], rows["accuracy spread"], strict=True)
                ],
                "sparsity [%] ↑": rows["sparsity"].map(percent),
                "stopped at [%]": rows["sparsity at stop"].map(percent),
            }
        )
        text += [f"**{panels[str(panel)]}**\n"] if len(panels) > 1 else []
        text += [shown.to_markdown(index=False, disable_numparse=True), ""]
    seeds = int(table["seeds"].max())
    text.append(
        f"Means over {seeds} seed{'s' * (seeds != 1)}; ± is the sample deviation"
        f" (for {confidence:.0%} intervals see the CSV file). Accuracy and sparsity are of the"
        " iteration with the best validation accuracy. Training costs count one"
        " multiply-accumulate as one operation: as the paper counts (no teacher's forward passes),"
        " dense (with them) and sparse (times density); in brackets what training the teacher"
        " took before."
    )
    return "\n".join(text) + "\n"


def phases_markdown(table: pd.DataFrame, panels: dict[str, str], tolerance: float) -> str:
    """The verdicts for people."""
    shown = pd.DataFrame(
        {
            **({"panel": table["panel"].map(panels)} if len(panels) > 1 else {}),
            "arm": table["arm"],
            "verdict": table["verdict"],
            "SDD depth [points]": [
                percent(d) if pd.isna(low) else f"{percent(d)} ({percent(low)} to {percent(high)})"
                for d, low, high in zip(
                    table["SDD depth"], table["depth low"], table["depth high"], strict=True
                )
            ],
            "dense [%]": table["dense accuracy"].map(percent),
            "valley [%]": table["valley accuracy"].map(percent),
            "best [%]": table["best accuracy"].map(percent),
            "best at ζ [%]": table["best sparsity"].map(percent),
            "best in phase": table["best phase"],
        }
    )
    note = (
        "The SDD depth is the largest drop of the test accuracy below an earlier maximum that is"
        " later recovered from, with its confidence interval over seeds. A curve *exhibits* sparse"
        f" double descent when the interval lies above {100 * tolerance:g} points, *dodges* it"
        " when it lies at or below; else, and with one seed, it is *undecided*."
    )
    return shown.to_markdown(index=False, disable_numparse=True) + f"\n\n{note}\n"


def main(smk) -> None:
    """Write the four files."""
    params = smk.params
    study = read_table(Path(smk.input[0]), STUDY).to_pandas()
    tolerance, confidence = params.analysis["tolerance"], params.analysis["confidence"]
    stopping = stopping_table(study, confidence, params.labels)
    phases = phases_table(findings(study, tolerance, confidence), params.labels)
    write_text(Path(smk.output.stopping_csv), stopping.to_csv(index=False))
    write_text(Path(smk.output.phases_csv), phases.to_csv(index=False))
    write_text(Path(smk.output.stopping_md), stopping_markdown(stopping, params.panels, confidence))
    write_text(Path(smk.output.phases_md), phases_markdown(phases, params.panels, tolerance))


if __name__ == "__main__":
    with Path(snakemake.log[0]).open("w") as log, redirect_stderr(log):
        main(snakemake)
