"""What a study would take: counted from its runs, timed by a few steps on this machine."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from dsd2.artefacts.checkpoint import checkpoint_bytes
from dsd2.config.distillation import table_bytes
from dsd2.devices import stage_device
from dsd2.environment import gpu_share
from dsd2.errors import UserError
from dsd2.nn.flops import TrainingCost, training_cost
from dsd2.nn.precision import bf16_warning
from dsd2.nn.speed import Speed, Work, measure_speed
from dsd2.nn.teacher import passes_an_image
from dsd2.paths import dataset_name, run_name
from dsd2.planning.cost import Estimate, Measured, markdown
from dsd2.planning.resources import LABEL, NAME
from dsd2.processes import peak_memory
from dsd2.recipe import VIEWS
from dsd2.seeds import be_deterministic
from dsd2.stages.known_runs import KnownRun, know_runs
from dsd2.stages.planned_runs import PlannedRun, read_runs


def run_plan(path: Path, roots: list[Path], cores: int) -> None:
    """Print what the runs of a file would take, as Markdown.

    Args:
        path: a JSON list of objects with ``recipe``, ``iterations``, ``chains`` and ``gpus``.
        roots: folders that may hold a named dataset.
        cores: trainings side by side on CPUs.

    Raises:
        UserError: the file is not such a list, or a dataset is missing.
    """
    torch.set_num_threads(1)
    be_deterministic()
    print(markdown(estimate(read_runs(path), roots, cores)))


def estimate(runs: Sequence[PlannedRun], roots: list[Path], cores: int) -> Estimate:
    """Count and time what runs would take, each on a GPU or a CPU as its trainings will be.

    Args:
        runs: each once, teachers among them.
        roots: folders that may hold a named dataset.
        cores: trainings side by side on CPUs.

    Raises:
        UserError: there are no runs, a teacher is none of them, or a dataset is missing.
    """
    if not runs:
        raise UserError("there is nothing to estimate: the study has no runs")
    # What is measured beside a training on the same card would be too slow: it waits its turn.
    gpu = stage_device(max(run.gpus for run in runs)).device.type == "cuda"
    known = know_runs(runs, roots, gpu)
    most = {one.work: one.data.train for one in known.values()}
    speeds = {
        work: measure_speed(work, images, torch.device(work.device))
        for work, images in most.items()
    }
    starts = {device: _stage_cost(torch.device(device)) for device in {w.device for w in most}}
    seconds = {n: starts[one.device][0] + _seconds(one, speeds) for n, one in known.items()}
    tables = {
        one.table: (
            starts[one.teacher.device][0]
            + VIEWS * one.data.train * speeds[one.teacher.work].forward,
            table_bytes(one.data.train, one.data.classes),
            one.teacher.on_gpu,
        )
        for one in known.values()
        if one.table and one.teacher
    }
    costs = [cost for one in known.values() for cost in _costs(one)]
    spent = [(one.on_gpu, one.run.iterations * seconds[name]) for name, one in known.items()]
    spent += [(on_gpu, making) for making, _, on_gpu in tables.values()]
    memory = [one.memory(starts[one.device][1]) for one in known.values()]
    return Estimate(
        runs=len(runs),
        trainings=sum(run.iterations for run in runs),
        shared=sum(run.iterations for run in runs if run.chains > 1),
        flops_paper=sum(cost.paper for cost in costs),
        flops_dense=sum(cost.dense for cost in costs),
        flops_sparse=sum(cost.sparse for cost in costs),
        seconds=sum(each for _, each in spent),
        gpu_seconds=sum(each for on_gpu, each in spent if on_gpu),
        longest=max(_until(one, one.run.iterations, seconds, tables) for one in known.values()),
        jobs=cores,
        gpu_jobs=max(torch.cuda.device_count(), gpu_share()) if gpu else 0,
        device=" and ".join(_device_name(device) for device in sorted(starts)),
        stage=max(start for start, _ in starts.values()),
        memory=max(host for host, _ in memory),
        gpu_memory=max(of_gpu for _, of_gpu in memory),
        checkpoints=sum(_checkpoints(one) for one in known.values()),
        tables=sum(size for _, size, _ in tables.values()),
        datasets=sum(
            {
                dataset_name(one.run.recipe.dataset): _artefact(one) for one in known.values()
            }.values()
        ),
        measured=tuple(_measured(work, speed) for work, speed in speeds.items()),
        warnings=_warnings(speeds),
        networks=tuple(dict.fromkeys(one.pruned for one in known.values())),
    )


def _warnings(works: Iterable[Work]) -> tuple[str, ...]:
    """What is said once of all that is slower than need be."""
    slow = (w for w in works if w.training.precision == "bf16" and w.device == "cpu")
    first = next(slow, None)
    warning = first and bf16_warning(first.training, torch.device("cpu"))
    return (warning,) if warning else ()


def _device_name(device: str) -> str:
    return "CPU, one thread" if device == "cpu" else torch.cuda.get_device_name()


def _costs(one: KnownRun) -> list[TrainingCost]:
    """The operations of each of a run's trainings."""
    recipe = one.run.recipe
    images, epochs = one.data.train, recipe.training.epochs
    teacher, densities = None, None
    if one.teacher is not None and recipe.distillation is not None:
        teacher = one.teacher.network
        densities = one.teacher.densities(recipe.distillation.teacher_iteration or 0)
    return [
        training_cost(
            one.network,
            one.densities(iteration),
            images,
            epochs,
            teacher=teacher,
            teacher_densities=densities,
            teacher_images=images * passes_an_image(recipe, iteration),
        )
        for iteration in range(one.run.iterations)
    ]


def _seconds(one: KnownRun, speeds: dict[Work, Speed]) -> float:
    """Seconds of one training and of the passes that measure it."""
    speed, data = speeds[one.work], one.data
    seconds = one.run.recipe.training.epochs * data.train * speed.training
    seconds += data.images * speed.forward
    if one.teacher is not None and one.run.recipe.training.views == 1:
        seconds += data.train * speeds[one.teacher.work].forward
    return seconds


def _until(
    one: KnownRun,
    iterations: int,
    seconds: dict[str, float],
    tables: dict[str, tuple[float, int, bool]],
) -> float:
    """Seconds until so many of a run's trainings are done, its teacher's before them."""
    total = iterations * seconds[run_name(one.run.recipe)]
    distillation = one.run.recipe.distillation
    if one.teacher is not None and distillation is not None:
        chosen = distillation.teacher_iteration
        needed = one.teacher.run.iterations if chosen is None else chosen + 1
        total += _until(one.teacher, needed, seconds, tables)
    return total + (tables[one.table][0] if one.table else 0.0)


def _checkpoints(one: KnownRun) -> int:
    """Bytes of a run's checkpoints, each as sparse as the schedule has it."""
    recipe, network = one.run.recipe, one.network
    return sum(
        checkpoint_bytes(
            network.state,
            network.tensors,
            network.weights,
            one.densities(iteration),
            rewind=recipe.perturbation.rewinds and iteration == 0,
        )
        for iteration in range(one.run.iterations)
    )


def _artefact(one: KnownRun) -> int:
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
            f"{work.training.precision}{', channels last' * work.training.channels_last}"
            f"{' on a GPU' * (work.device == 'cuda')}",
            work.teacher.name if work.teacher else "no",
        ),
        batch_size=work.training.batch_size,
        batch=speed.batch,
        training=1000 * speed.training,
    )
