"""The light stage that chooses the iteration of a chain that students are distilled from."""

from __future__ import annotations

from pathlib import Path

from dsd2.files.decision import CHOICE, chain_identity, write_decision
from dsd2.files.records import CHAIN, read_rows
from dsd2.stopping import Stopping


def run_select(run: str, policy: Stopping, last: int, chain: Path, output: Path) -> None:
    """Write which iteration of a chain is its best, as a teacher's choice.

    Args:
        run: the chain's.
        policy: that stops the chain.
        last: the last iteration before the target sparsity.
        chain: the chain's table.
        output: the choice.

    Raises:
        UserError: the table is damaged or of another chain.
    """
    identity = chain_identity(run, policy.slug, last)
    (best,) = (row for row in read_rows(chain, CHAIN, identity) if row["returned"])
    names = ("iteration", "sparsity", "validation_accuracy")
    write_decision(output, CHOICE, {**identity, **{name: best[name] for name in names}})
    print(f"teacher: iteration {best['iteration']} of {run}")
