"""What a study would take, as numbers and as a page to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dsd2.planning.layers_table import PrunedNetwork, layers_tables


@dataclass(frozen=True)
class Measured:
    """The measured speed of one kind of training.

    Attributes:
        kind: network, images, augmentation, and so on, one for each column of the table.
        batch_size: images a step.
        batch: images a step that it was measured with.
        training: milliseconds an image of a training step.
    """

    kind: tuple[str, ...]
    batch_size: int
    batch: int
    training: float


@dataclass(frozen=True)
class Estimate:
    """What a study would take at most.

    Attributes:
        runs: how many, each with a name of its own.
        trainings: their iterations.
        shared: those of runs that several arms have in common; they are trained once.
        flops_paper: multiply-accumulates of all trainings, as the paper counts.
        flops_dense: those of convolutions and linear layers, with teachers' forward passes.
        flops_sparse: the same, each layer times the density that the schedule gives it.
        seconds: of all trainings, one after another.
        gpu_seconds: those on a GPU among them.
        longest: seconds of the longest chain, the teachers before it included.
        jobs: trainings side by side on CPUs.
        gpu_jobs: trainings side by side on GPUs.
        device: what was measured.
        stage: seconds of a job beside its training: interpreter, imports, data.
        memory: bytes of the largest job, of the host.
        gpu_memory: bytes of a GPU of the largest job there.
        checkpoints: bytes on disk.
        tables: bytes on disk of cached teacher logits.
        datasets: bytes on disk.
        measured: the speeds.
        warnings: sentences on what was found.
        networks: those that are pruned, each once with the pruning.
    """

    runs: int
    trainings: int
    shared: int
    flops_paper: float
    flops_dense: float
    flops_sparse: float
    seconds: float
    gpu_seconds: float
    longest: float
    jobs: int
    gpu_jobs: int
    device: str
    stage: float
    memory: float
    gpu_memory: float
    checkpoints: int
    tables: int
    datasets: int
    measured: tuple[Measured, ...]
    warnings: tuple[str, ...] = ()
    networks: tuple[PrunedNetwork, ...] = ()

    @property
    def elapsed(self) -> float:
        """Seconds with so many side by side: a chain's iterations wait for each other."""
        on_cpus = (self.seconds - self.gpu_seconds) / self.jobs
        return max(on_cpus, self.gpu_seconds / max(1, self.gpu_jobs), self.longest)


COLUMNS = ("network", "images", "classes", "augmentation", "precision", "teacher")
"""What :attr:`Measured.kind` holds."""


def markdown(estimate: Estimate) -> str:
    """The estimate as Markdown: what is needed, how it was measured, what it leaves out."""
    e = estimate
    needed = [
        ("trainings", f"{e.trainings:,} in {e.runs:,} runs{_shared(e)}"),
        ("operations as the paper counts", operations(e.flops_paper)),
        ("operations, dense, with teachers", operations(e.flops_dense)),
        ("operations, sparse, with teachers", operations(e.flops_sparse)),
        ("time", f"{duration(e.elapsed)} with {_side_by_side(e)} side by side"),
        ("time, one after another", duration(e.seconds)),
        ("time of the longest chain", duration(e.longest)),
        ("memory of the largest job", size(e.memory)),
        *([("GPU memory of the largest job", size(e.gpu_memory))] if e.gpu_memory else []),
        ("disk", f"{size(e.checkpoints)} checkpoints, {size(e.datasets)} datasets{_tables(e)}"),
    ]
    speeds = [(*m.kind, str(m.batch_size), str(m.batch), f"{m.training:.3g}") for m in e.measured]
    return "\n".join(
        [
            *_table(("what", "at most"), needed),
            "",
            f"Measured on this machine ({e.device}) by real training steps on random images:",
            "",
            *_table((*COLUMNS, "batch", "measured with", "ms an image"), speeds),
            "",
            *_notes(e),
            *layers_tables(e.networks),
        ]
    )


def _side_by_side(e: Estimate) -> str:
    if not e.gpu_seconds:
        return str(e.jobs)
    on_cpus = f" and {e.jobs} on CPUs" if e.gpu_seconds < e.seconds else ""
    return f"{e.gpu_jobs} on GPUs{on_cpus}"


def _shared(e: Estimate) -> str:
    return f"; {e.shared:,} of them serve several arms" if e.shared else ""


def _tables(e: Estimate) -> str:
    return f", {size(e.tables)} cached teacher logits" if e.tables else ""


def _notes(e: Estimate) -> list[str]:
    notes = [
        "Every chain is counted to its target sparsity:"
        " those with a stopping policy may end earlier.",
        f"Each training has {e.stage:.1f} s of start besides, and passes over all images after.",
        "One operation is one multiply-accumulate. The sparse count has the schedule's density in"
        " every layer, and a teacher that is yet to be selected as dense.",
        "Memory and disk are counted from the shapes; libraries and the allocator take more.",
        "Decoding of streamed images is not timed: give it as many processes (decoders) as it takes"
        " for the training not to wait.",
    ]
    if any(m.batch < m.batch_size for m in e.measured):
        notes.append(
            "Where a step of the real batch would have taken long, or there are few images, a"
            " smaller one was measured; larger batches are often a little faster an image."
        )
    return [f"- {note}" for note in (*(f"**{w}.**" for w in e.warnings), *notes)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def operations(count: float) -> str:
    """Multiply-accumulates in the unit that the paper's tables have, or a smaller one."""
    for name, unit in (("P", 1e15), ("T", 1e12), ("G", 1e9)):
        if count >= unit:
            return f"{count / unit:,.4g} {name}FLOP"
    return f"{count / 1e6:.4g} MFLOP"


def duration(seconds: float) -> str:
    """Seconds, minutes, hours or days, whichever is readable."""
    for name, unit in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * unit:
            return f"{seconds / unit:,.3g} {name}"
    return f"{seconds:.3g} s"


def size(count: float) -> str:
    """Bytes in a readable unit."""
    for name, unit in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return f"{count / 1e3:.3g} kB"
