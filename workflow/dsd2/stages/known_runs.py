"""The runs that are to be estimated, with what their recipes imply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dsd2.data.metadata import Metadata, metadata
from dsd2.errors import UserError
from dsd2.nn.couplings import Couplings
from dsd2.nn.pruning import scheduled_densities
from dsd2.nn.sizes import Sizes, network_couplings, network_sizes
from dsd2.nn.speed import Work, timed
from dsd2.paths import run_name
from dsd2.planning.layers_table import PrunedNetwork
from dsd2.planning.resources import host_bytes, training_bytes, training_gpu_bytes
from dsd2.stages.planned_runs import PlannedRun


@dataclass(frozen=True)
class KnownRun:
    """A planned run with what its recipe implies."""

    run: PlannedRun
    data: Metadata
    network: Sizes
    teacher: KnownRun | None
    on_gpu: bool
    couplings: Couplings | None

    def densities(self, iteration: int) -> dict[str, float]:
        """Of each layer in an iteration, as the schedule has it."""
        pruning = self.run.recipe.pruning
        layers = list(self.network.macs)
        return scheduled_densities(layers, pruning, iteration, self.kept, self.couplings)

    @property
    def table(self) -> str | None:
        """Name of the teacher's table of all views that is looked up, if one is."""
        taught = self.run.recipe.distillation
        if taught is None or not taught.table:
            return None
        return f"{taught.teacher_run}/{taught.teacher_iteration}"

    @property
    def kept(self) -> frozenset[str]:
        """The layers that lose nothing."""
        return self.run.recipe.pruning.kept(self.network.head, self.network.depthwise)

    @property
    def pruned(self) -> PrunedNetwork:
        """The network as the table of its layers is made from it."""
        model, data = self.run.recipe.model, self.data
        return PrunedNetwork(model, data.image, data.classes, self.run.recipe.pruning)

    def memory(self, libraries: int) -> tuple[float, float]:
        """Bytes of a training: of the host, where libraries take so many, and of a GPU."""
        teacher = self.teacher.network if self.teacher else None
        about = (self.run.recipe, self.data, self.network, teacher)
        if self.on_gpu:
            return libraries + host_bytes(self.run.recipe, self.data), training_gpu_bytes(*about)
        return libraries + training_bytes(*about), 0.0

    @property
    def work(self) -> Work:
        """What is timed of its trainings."""
        recipe = self.run.recipe
        one_view = recipe.training.views == 1
        live = self.teacher if self.table is None and not one_view else None
        return Work(
            model=recipe.model,
            image=self.data.image,
            classes=self.data.classes,
            training=timed(recipe.training),
            teacher=live.run.recipe.model if live else None,
            device=self.device,
        )

    @property
    def device(self) -> str:
        """``cuda`` or ``cpu``."""
        return "cuda" if self.on_gpu else "cpu"


def know_runs(runs: Sequence[PlannedRun], roots: list[Path], gpu: bool) -> dict[str, KnownRun]:
    """Each run, by its name, with what its recipe implies.

    Args:
        runs: each once, teachers among them.
        roots: folders that may hold a named dataset.
        gpu: whether there is one.

    Raises:
        UserError: a teacher is none of them, or a dataset is missing.
    """
    by_name = {run_name(run.recipe): run for run in runs}

    @cache
    def know(name: str) -> KnownRun:
        if name not in by_name:
            raise UserError(f"the runs name a teacher that is none of them: {name}")
        recipe = by_name[name].recipe
        data, taught = metadata(recipe.dataset, roots), recipe.distillation
        network = network_sizes(recipe.model, data.image, data.classes)
        teacher = None if taught is None else know(taught.teacher_run)
        on_gpu = gpu and by_name[name].gpus > 0
        couplings = None
        if recipe.pruning.structure == "filters":
            couplings = network_couplings(recipe.model, data.image, data.classes)
        return KnownRun(by_name[name], data, network, teacher, on_gpu, couplings)

    return {name: know(name) for name in by_name}
