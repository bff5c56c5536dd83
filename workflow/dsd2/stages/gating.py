"""The light stages of stopping: gates and chains. None of them imports torch."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from dsd2.analysis.gates import GateState, best_iteration, decide
from dsd2.errors import DELETE, UserError
from dsd2.files.decision import (
    GATE,
    chain_identity,
    gate_identity,
    read_decision,
    write_decision,
)
from dsd2.files.identity import check_identity
from dsd2.files.records import CHAIN, METRICS, read_rows, write_table
from dsd2.stopping import TARGET_REACHED, Stopping


def run_gate(
    run: str,
    iteration: int,
    metrics: Path,
    previous: Path | None,
    policy: Stopping,
    output: Path,
) -> None:
    """Judge an iteration by its metrics and the gate before; write the decision as JSON.

    Raises:
        UserError: metrics or gate are damaged, or of another run, iteration or policy.
    """
    row = _read_metrics(metrics, run, iteration)
    entropy = row["entropy" if policy.neuron == "position" else "entropy_channel"]
    before = None if previous is None else _read_gate(previous, run, policy, iteration - 1)
    if before is None and iteration > 0:
        raise UserError(f"{output}: the gate of iteration {iteration - 1} must be given")
    state = decide(policy, before, entropy, row["validation_accuracy"])
    decision = {"run": run, "policy": policy.slug, **dataclasses.asdict(state)}
    write_decision(output, GATE, decision)
    verdict = "stops" if state.stop else "goes on"
    print(f"iteration {state.iteration} {verdict}: {state.reason}")


def run_collect(
    run: str, policy: Stopping, last: int, metrics: list[Path], gates: list[Path], output: Path
) -> None:
    """Collect a chain's metrics up to its first stop, and mark the iteration that it returns.

    Args:
        run: the chain's.
        policy: that stops the chain.
        last: the last iteration before the target sparsity.
        metrics: of the iterations, in order.
        gates: likewise; none for a chain that runs to its target sparsity.
        output: the chain's table.

    Raises:
        UserError: no gate stops the chain, and it has not reached its target sparsity; or a file is
            damaged or of another run, iteration or policy.
    """
    rows = [_read_metrics(path, run, i) for i, path in enumerate(metrics)]
    reason = TARGET_REACHED
    for gate in (_read_gate(path, run, policy, i) for i, path in enumerate(gates)):
        if gate.stop:
            rows, reason = rows[: gate.iteration + 1], gate.reason
            break
    else:
        if len(rows) != last + 1:
            raise UserError(f"{output}: no gate stops the chain, and iteration {last} is missing")
    best = best_iteration([row["validation_accuracy"] for row in rows])
    write_table(
        output,
        CHAIN,
        [{**r, "returned": r["iteration"] == best, "stop_reason": reason} for r in rows],
        chain_identity(run, policy.slug, last),
    )


def _read_metrics(path: Path, run: str, iteration: int) -> dict[str, Any]:
    """The row of metrics of an iteration of a run."""
    (row,) = read_rows(path, METRICS)
    check_identity(path, row, {"run": run, "iteration": iteration}, DELETE)
    return row


def _read_gate(path: Path, run: str, policy: Stopping, iteration: int) -> GateState:
    try:
        decision = read_decision(path, GATE, gate_identity(run, policy.slug, iteration))
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file") from error
    del decision["run"], decision["policy"]
    return GateState(**decision)
