"""The light stages: gates, chains, teacher choices. None of them imports torch."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from dsd2.analysis.gate import GateState, best_iteration, decide
from dsd2.config.stopping import WALL, Stopping
from dsd2.errors import DELETE, UserError, remake
from dsd2.files.decision import CHOICE, GATE, read_decision, write_decision
from dsd2.files.records import CHAIN, METRICS, read_rows, write_table


def run_gate(
    run: str, metrics: Path, previous: Path | None, policy: Stopping, output: Path
) -> None:
    """Judge an iteration by its metrics and the gate before; write the decision as JSON.

    Raises:
        UserError: metrics or gate are damaged, or of another run or iteration.
    """
    (row,) = _rows_of(run, [metrics])
    entropy = row["entropy" if policy.neuron == "position" else "entropy_channel"]
    before = None if previous is None else _read_gate(previous, run)
    state = decide(policy, before, entropy, row["validation_accuracy"])
    if state.iteration != row["iteration"]:
        raise UserError(f"{metrics}: is of iteration {row['iteration']}, not {state.iteration}")
    write_decision(output, GATE, {"run": run, **dataclasses.asdict(state)})
    verdict = "stops" if state.stop else "goes on"
    print(f"iteration {state.iteration} {verdict}: {state.reason}")


def run_collect(run: str, metrics: list[Path], gates: list[Path], last: int, output: Path) -> None:
    """Collect a chain's metrics up to its first stop, and mark the iteration that it returns.

    Args:
        run: the chain's.
        metrics: of the iterations, in order.
        gates: likewise; none for a chain that runs to the wall.
        last: the last iteration before the wall.
        output: the chain's table.

    Raises:
        UserError: no gate stops the chain, and it is not at the wall either; or a file is damaged
            or of another run or iteration.
    """
    rows = _rows_of(run, metrics)
    reason = WALL
    for gate in (_read_gate(path, run) for path in gates):
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
    names = ("run", "iteration", "sparsity", "validation_accuracy")
    write_decision(output, CHOICE, {name: best[name] for name in names})
    print(f"teacher: iteration {best['iteration']} of {best['run']}")


def _rows_of(run: str, metrics: list[Path]) -> list[dict[str, Any]]:
    """The rows of a run's files of metrics, one each."""
    rows = []
    for path in metrics:
        (row,) = read_rows(path, METRICS)
        if row["run"] != run:
            raise UserError(f"{path}: is of run {row['run']}, not of {run}; {remake(path)}")
        rows.append(row)
    return rows


def _read_gate(path: Path, run: str) -> GateState:
    try:
        decision = read_decision(path, GATE)
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file") from error
    if decision.pop("run") != run:
        raise UserError(f"{path}: is a gate of another run than {run}; {DELETE}")
    return GateState(**decision)
