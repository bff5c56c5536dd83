"""What a study would take: counted from its runs, timed by a few steps on this machine."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from dsd2.artefacts.checkpoint import checkpoint_bytes
from dsd2.config.distillation import table_bytes
from dsd2.data.metadata import Metadata, metadata
from dsd2.errors import UserError
from dsd2.nn.flops import TrainingCost, training_cost
from dsd2.nn.pruning import scheduled_densities
from dsd2.nn.sizes import Sizes, network_sizes
from dsd2.nn.speed import Speed, Work, measure_speed, timed
from dsd2.nn.teacher import passes_an_image
from dsd2.paths import dataset_name, run_name
from dsd2.planning.cost import Estimate, Measured, markdown
from dsd2.planning.layers_table import PrunedNetwork
from dsd2.planning.resources import LABEL, NAME, training_bytes
from dsd2.processes import peak_memory
from dsd2.recipe import AUGMENTATIONS, VIEWS
from dsd2.seeds import be_deterministic
from dsd2.stages.planned_runs import PlannedRun, read_runs


@dataclass(frozen=True)
class _Known:
    """A planned run with what its recipe implies."""

    run: PlannedRun
    data: Metadata
    network: Sizes
    teacher: _Known | None

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

    @property
    def memory(self) -> int:
        """Bytes of a training, libraries aside."""
        teacher = self.teacher.network if self.teacher else None
        return training_bytes(self.run.recipe, self.data, self.network, teacher)

    @property
    def work(self) -> Work:
        recipe = self.run.recipe
        one_view = AUGMENTATIONS[recipe.training.augmentation].views() == 1
        live = self.teacher if self.table is None and not one_view else None
        return Work(
            model=recipe.model,
            image=self.data.image,
            classes=self.data.classes,
            training=timed(recipe.training),
            teacher=live.run.recipe.model if live else None,
        )


def run_plan(path: Path, roots: list[Path], jobs: int) -> None:
    """Print what the runs of a file would take, as Markdown.

    Args:
        path: a JSON list of objects with ``recipe``, ``iterations`` and ``chains``.
        roots: folders that may hold a named dataset.
        jobs: trainings side by side on a CPU; a GPU has one.

    Raises:
        UserError: the file is not such a list, or a dataset is missing.
    """
    torch.set_num_threads(1)
    be_deterministic()
    print(markdown(estimate(read_runs(path), roots, jobs)))


def estimate(runs: Sequence[PlannedRun], roots: list[Path], jobs: int) -> Estimate:
    """Count and time what runs would take.

    Args:
        runs: each once, teachers among them.
        roots: folders that may hold a named dataset.
        jobs: trainings side by side on a CPU; a GPU has one.

    Raises:
        UserError: there are no runs, a teacher is none of them, or a dataset is missing.
    """
    if not runs:
        raise UserError("there is nothing to estimate: the study has no runs")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    known = _know(runs, roots)
    most = {known_run.work: known_run.data.train for known_run in known.values()}
    speeds = {work: measure_speed(work, images, device) for work, images in most.items()}
    stage, libraries = _stage_cost(device)
    seconds = {name: stage + _seconds(one, speeds) for name, one in known.items()}
    tables = {
        one.table: (
            stage + VIEWS * one.data.train * speeds[one.teacher.work].forward,
            table_bytes(one.data.train, one.data.classes),
        )
        for one in known.values()
        if one.table and one.teacher
    }
    costs = [cost for one in known.values() for cost in _costs(one)]
    return Estimate(
        runs=len(runs),
        trainings=sum(run.iterations for run in runs),
        shared=sum(run.iterations for run in runs if run.chains > 1),
        flops_paper=sum(cost.paper for cost in costs),
        flops_dense=sum(cost.dense for cost in costs),
        flops_sparse=sum(cost.sparse for cost in costs),
        seconds=sum(known[name].run.iterations * each for name, each in seconds.items())
        + sum(making for making, _ in tables.values()),
        longest=max(_until(one, one.run.iterations, seconds, tables) for one in known.values()),
        jobs=jobs if device.type == "cpu" else 1,
        device="CPU, one thread" if device.type == "cpu" else torch.cuda.get_device_name(),
        stage=stage,
        memory=libraries + max(one.memory for one in known.values()),
        checkpoints=sum(_checkpoints(one) for one in known.values()),
        tables=sum(size for _, size in tables.values()),
        datasets=sum(
            {
                dataset_name(one.run.recipe.dataset): _artefact(one) for one in known.values()
            }.values()
        ),
        measured=tuple(_measured(work, speed) for work, speed in speeds.items()),
        networks=tuple(dict.fromkeys(one.pruned for one in known.values())),
    )


def _know(runs: Sequence[PlannedRun], roots: list[Path]) -> dict[str, _Known]:
    by_name = {run_name(run.recipe): run for run in runs}

    @cache
    def know(name: str) -> _Known:
        if name not in by_name:
            raise UserError(f"the runs name a teacher that is none of them: {name}")
        recipe = by_name[name].recipe
        data, taught = metadata(recipe.dataset, roots), recipe.distillation
        network = network_sizes(recipe.model, data.image, data.classes)
        teacher = None if taught is None else know(taught.teacher_run)
        return _Known(by_name[name], data, network, teacher)

    return {name: know(name) for name in by_name}


def _costs(one: _Known) -> list[TrainingCost]:
    """The operations of each of a run's trainings."""
    recipe, layers = one.run.recipe, list(one.network.macs)
    images, epochs = one.data.train, recipe.training.epochs
    teacher, densities = None, None
    if one.teacher is not None and recipe.distillation is not None:
        teacher = one.teacher.network
        chosen = recipe.distillation.teacher_iteration or 0
        pruning = one.teacher.run.recipe.pruning
        kept = pruning.kept(teacher.head, teacher.depthwise)
        densities = scheduled_densities(list(teacher.macs), pruning, chosen, kept)
    return [
        training_cost(
            one.network,
            scheduled_densities(layers, recipe.pruning, iteration, one.kept),
            images,
            epochs,
            teacher=teacher,
            teacher_densities=densities,
            teacher_images=images * passes_an_image(recipe, iteration),
        )
        for iteration in range(one.run.iterations)
    ]


def _seconds(one: _Known, speeds: dict[Work, Speed]) -> float:
    """Seconds of one training and of the passes that measure it."""
    speed, data = speeds[one.work], one.data
    seconds = one.run.recipe.training.epochs * data.train * speed.training
    seconds += data.images * speed.forward
    augmentation = AUGMENTATIONS[one.run.recipe.training.augmentation]
    if one.teacher is not None and augmentation.views() == 1:
        seconds += data.train * speeds[one.teacher.work].forward
    return seconds


def _until(
    one: _Known,
    iterations: int,
    seconds: dict[str, float],
    tables: dict[str, tuple[float, int]],
) -> float:
    """Seconds until so many of a run's trainings are done, its teacher's before them."""
    total = iterations * seconds[run_name(one.run.recipe)]
    distillation = one.run.recipe.distillation
    if one.teacher is not None and distillation is not None:
        chosen = distillation.teacher_iteration
        needed = one.teacher.run.iterations if chosen is None else chosen + 1
        total += _until(one.teacher, needed, seconds, tables)
    return total + (tables[one.table][0] if one.table else 0.0)


def _checkpoints(one: _Known) -> int:
    """Bytes of a run's checkpoints, each as sparse as the schedule has it."""
    recipe, network = one.run.recipe, one.network
    return sum(
        checkpoint_bytes(
            network.state,
            network.tensors,
            network.weights,
            scheduled_densities(list(network.weights), recipe.pruning, iteration, one.kept),
            rewind=recipe.perturbation.rewinds and iteration == 0,
        )
        for iteration in range(one.run.iterations)
    )


def _artefact(one: _Known) -> int:
    """Bytes of a dataset on the disk; a validation set that is the test set is there once."""
    channels, height, width = one.data.image
    held_out = 0 if one.run.recipe.dataset.validation == "test" else one.data.validation
    each = NAME if one.run.recipe.dataset.stream else channels * height * width
    return (one.data.train + held_out + one.data.test) * (each + LABEL)


def _stage_cost(device: torch.device) -> tuple[float, int]:
    """Seconds and bytes of a process that does what every training does before it begins."""
    # PYTHONPATH could not say where the library lies if there were a colon in it.
    program = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        f"import torch, dsd2.stages.train; torch.zeros(1, device={device.type!r})"
    )
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    return time.perf_counter() - start, peak_memory(resource.RUSAGE_CHILDREN)


def _measured(work: Work, speed: Speed) -> Measured:
    return Measured(
        kind=(
            work.model.title,
            "×".join(map(str, work.image)),
            str(work.classes),
            work.training.augmentation,
            f"{work.training.precision}{', channels last' * work.training.channels_last}",
            work.teacher.name if work.teacher else "no",
        ),
        batch_size=work.training.batch_size,
        batch=speed.batch,
        training=1000 * speed.training,
    )
