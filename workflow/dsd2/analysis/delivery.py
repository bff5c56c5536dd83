"""Which network of an arm to deliver: the sparsest that is as good as the best, within reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
"""A row of the study's table."""


def choose(rows: Sequence[Row], tolerance: float) -> Row:
    """The row of the network to deliver, by validation data alone.

    Args:
        rows: of one arm, all seeds and iterations.
        tolerance: validation accuracy that may be given up for a smaller network.
    """
    best = max(row["validation_accuracy"] for row in rows)
    good = [row for row in rows if row["validation_accuracy"] >= best - tolerance]
    return max(good, key=lambda row: (row["sparsity"], row["validation_accuracy"], -row["seed"]))


def report(chosen: Row, study: Sequence[Row], label: str, tolerance: float) -> str:
    """What the delivered network is, how good, how small, and what it cost, in Markdown.

    Args:
        chosen: its row.
        study: every row of the study.
        label: of its arm.
        tolerance: that it was chosen with.
    """
    rows = [row for row in study if row["arm"] == chosen["arm"]]
    run = [row for row in rows if row["seed"] == chosen["seed"]]
    dense = next(row for row in run if row["iteration"] == 0)
    last = max(run, key=lambda row: row["iteration"])
    best = max(rows, key=lambda row: row["validation_accuracy"])
    kept = round((1 - chosen["sparsity"]) * chosen["prunable"])
    always = chosen["parameters"] - chosen["prunable"]
    cost = {c: last[f"total_flops_{c}"] + last[f"teacher_flops_{c}"] for c in ("dense", "paper")}
    seconds = {(row["run"], row["iteration"]): row["seconds"] for row in study}

    def line(name: str, key: str) -> str:
        cells = (f"{100 * row[key]:.2f} %" for row in (chosen, best, dense))
        return f"| {name} | {' | '.join(cells)} |"

    return "\n".join(
        [
            f"# The delivered network: {label}",
            "",
            f"Iteration {chosen['iteration']} of `{chosen['run']}`, beside `model.safetensors`.",
            f"It is the sparsest whose validation accuracy is at most {100 * tolerance:g} % (of all"
            " images) below the best; the test accuracy played no part in the choice.",
            "",
            "| | delivered | best by validation | dense |",
            "| --- | --- | --- | --- |",
            line("test accuracy", "test_accuracy"),
            line("validation accuracy", "validation_accuracy"),
            line("sparsity", "sparsity"),
            line("accuracy on the training labels", "train_accuracy"),
            "",
            f"- **Size**: {kept:,} of {chosen['prunable']:,} weights are left, and {always:,}"
            " biases and batch-norm parameters.",
            f"- **Cost**: {cost['dense'] / 1e12:.2f} TMAC (10¹² multiply-accumulates) for the"
            f" {last['iteration'] + 1} trainings of its run and for its teacher's,"
            f" {cost['paper'] / 1e12:.2f} as the paper counts.",
            f"- **Time**: {sum(seconds.values()) / 60:.1f} min in all {len(seconds)} trainings of"
            f" the study, one after another, on {chosen['device']}.",
            f"- **Why it stopped**: {last['stop_reason']}.",
            f"- **Data**: {chosen['origin']}, {chosen['train_images']} training images.",
            "",
            "Load it, with `workflow/` on Python's path:",
            "",
            "```python",
            "from pathlib import Path",
            "import torch",
            "from dsd2.files.checkpoint import load_checkpoint",
            "",
            'network = load_checkpoint(Path("model.safetensors")).network(torch.device("cpu"))',
            "```",
            "",
        ]
    )
