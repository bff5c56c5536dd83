"""Where every arm of a plan is, by what lies on the disk: for people who watch a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsd2 import paths
from dsd2.config.study import Study
from dsd2.planning.chains import Chain, Plan
from dsd2.planning.jobs import arm_words, trained_chains


@dataclass(frozen=True)
class ArmState:
    """Where an arm is.

    Attributes:
        reached: trainings done, by seed; empty before the first of any.
        last: its last iteration before the wall.
        latest: metrics of the last training of each seed that has any.
        gate: what its gates say, in words.
        ended: whether no seed goes on.
    """

    words: str
    reached: list[int]
    last: int
    latest: list[dict[str, Any]]
    gate: str
    ended: bool


def arm_states(plan: Plan) -> list[ArmState]:
    """Where every arm of every study is, in their order."""
    chains: dict[tuple[str, str, str], list[tuple[Study, Chain]]] = {}
    for study, chain in trained_chains(plan):
        key = (study.folder, chain.arm.panel, chain.arm.name)
        chains.setdefault(key, []).append((study, chain))
    return [_state(plan, of_arm) for of_arm in chains.values()]


def _state(plan: Plan, of_arm: list[tuple[Study, Chain]]) -> ArmState:
    # Importing pyarrow takes a moment, and only a run that takes longer comes here.
    from dsd2.files.records import METRICS, read_rows

    study, first = of_arm[0]
    reached, latest, words, ended = [], [], [], []
    end = "nothing left to prune" if first.arm.exhausted else "at the wall"
    for _, chain in of_arm:
        stop = chain.arm.stopping.slug
        files = [
            paths.METRICS.format(run=chain.run, i=paths.number(i))
            for i in plan.requested(chain.run, stop, chain.arm.last)
        ]
        done = [path for path in files if Path(path).exists()]
        reached.append(len(done))
        if done:
            latest += read_rows(Path(done[-1]), METRICS)
        stopped = plan.stopped(chain.run, stop, chain.arm.last)
        ended.append(stopped or len(done) > chain.arm.last)
        words.append("stopped" if stopped else end if ended[-1] else "going on")
    return ArmState(
        words=arm_words(plan, study, first.arm),
        reached=reached if any(reached) else [],
        last=first.arm.last,
        latest=latest,
        gate=_counted(words),
        ended=all(ended),
    )


def _counted(words: list[str]) -> str:
    """Words that all seeds share, or how many have which."""
    counts = {word: words.count(word) for word in words}
    if len(counts) == 1:
        return words[0]
    return ", ".join(f"{count} {word}" for word, count in counts.items())
