"""The light stages: gates, chains, teacher choices. None of them imports torch."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from dsd2.analysis.gate import GateState, best_iteration, decide
from dsd2.config.stopping import Stopping
from dsd2.errors import REDO, UserError
from dsd2.files.atomic import write_text
from dsd2.files.records import CHAIN, METRICS, read_rows, write_table


def run_gate(metrics: Path, previous: Path | None, policy: Stopping, output: Path) -> None:
    """Judge an iteration by its metrics and the gate before; write the decision as JSON."""
    (row,) = read_rows(metrics, METRICS)
    entropy = row["entropy" if policy.neuron == "position" else "entropy_channel"]
    state = decide(policy, _read_gate(previous), entropy, row["validation_accuracy"])
    if state.iteration != row["iteration"]:
        raise UserError(f"{metrics}: is of iteration {row['iteration']}, not {state.iteration}")
    write_text(output, json.dumps(dataclasses.asdict(state), sort_keys=True) + "\n")
    verdict = "stops" if state.stop else "goes on"
    print(f"iteration {state.iteration} {verdict}: {state.reason}")


def run_collect(metrics: list[Path], gates: list[Path], last: int, output: Path) -> None:
    """Collect a chain's metrics up to its first stop, and mark the iteration that it returns.

    Args:
        metrics: of the iterations, in order.
        gates: likewise; none for a chain that runs to the wall.
        last: the last iteration before the wall.
        output: the chain's table.

    Raises:
        UserError: no gate stops the chain, and it is not at the wall either.
    """
    rows = [row for path in metrics for row in read_rows(path, METRICS)]
    reason = "reached the wall"
    for gate in map(_read_gate, gates):
        assert gate is not None, "given"
        if gate.stop:
            rows, reason = rows[: gate.iteration + 1], gate.reason
            break
    else:
        if len(rows) != last + 1:
            raise UserError(f"{output}: no gate stops the chain, and iteration {last} is missing")
    if [row["iteration"] for row in rows] != list(range(len(rows))):
        raise UserError(f"{output}: iterations are missing or out of order")
    best = best_iteration([row["validation_accuracy"] for row in rows])
    write_table(
        output,
        CHAIN,
        [{**r, "returned": r["iteration"] == best, "stop_reason": reason} for r in rows],
    )


def run_select(chain: Path, output: Path) -> None:
    """Write which iteration of a chain is its best, as a teacher's choice."""
    (best,) = (row for row in read_rows(chain, CHAIN) if row["returned"])
    choice: dict[str, Any] = {
        "run": best["run"],
        "iteration": best["iteration"],
        "sparsity": best["sparsity"],
        "validation_accuracy": best["validation_accuracy"],
    }
    write_text(output, json.dumps(choice, sort_keys=True) + "\n")
    print(f"teacher: iteration {best['iteration']} of {best['run']}")


def _read_gate(path: Path | None) -> GateState | None:
    if path is None:
        return None
    try:
        return GateState(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: is damaged; {REDO}") from error
