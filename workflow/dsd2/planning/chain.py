"""One chain of a plan: whose it is, what it is called, and what its run is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from dsd2 import paths
from dsd2.config.arms import Arm
from dsd2.files.decision import CHOICE, chain_identity, read_decision
from dsd2.recipe import LABEL_ISSUES_REVISION, CorrectionsRecipe, NoiseRecipe, RunRecipe


@dataclass(frozen=True)
class Chain:
    """A run with the rule that ends it: the iterations of one arm with one seed.

    Attributes:
        run: name of the run, the pending one while its teacher is not selected.
        choices: files of the teacher choices that the name depends on.
    """

    arm: Arm
    seed: int
    run: str
    choices: tuple[str, ...]

    @property
    def path(self) -> str:
        """Where the collected metrics of the chain lie."""
        return paths.CHAIN.format(run=self.run, stop=self.arm.stopping.slug, last=self.arm.last)

    @property
    def choice(self) -> str:
        """Where the chain's best iteration is written when a student asks for it."""
        return paths.CHOICE.format(run=self.run, stop=self.arm.stopping.slug, last=self.arm.last)


def corrected(arm: Arm, judge: Chain) -> NoiseRecipe:
    """The noise of an arm whose labels a chain corrects."""
    assert arm.corrections is not None, "a chain judges for it"
    made = CorrectionsRecipe(
        run=judge.run,
        stop=judge.arm.stopping.slug,
        last=judge.arm.last,
        action=arm.corrections.action,
        revision=LABEL_ISSUES_REVISION,
    )
    return replace(arm.noise, corrections=made)


def recipe_of(
    arm: Arm, noise: NoiseRecipe, seed: int, teacher_run: str | None, iteration: int | None
) -> RunRecipe:
    """The recipe of an arm's run.

    Args:
        arm: it.
        noise: its labels', with their corrections.
        seed: of the training.
        teacher_run: the run that teaches it, if one does.
        iteration: of that run; None while it is not chosen.
    """
    recipe = RunRecipe(
        dataset=arm.dataset,
        noise=noise,
        model=arm.model,
        training=arm.training,
        pruning=arm.pruning,
        perturbation=arm.perturbation,
        seed=seed,
    )
    if arm.distillation is None or teacher_run is None:
        return recipe
    distillation = arm.distillation.recipe(teacher_run, iteration)
    return replace(recipe, distillation=distillation)


def gate_file(run: str, stop: str, iteration: int) -> str:
    """A gate's decision."""
    return paths.GATE.format(run=run, stop=stop, i=paths.number(iteration))


def chosen(teacher: Chain, path: Path) -> int | None:
    """The iteration that a chain's choice names; None while it has not been made."""
    identity = chain_identity(teacher.run, teacher.arm.stopping.slug, teacher.arm.last)
    try:
        return int(read_decision(path, CHOICE, identity)["iteration"])
    except FileNotFoundError:
        return None
