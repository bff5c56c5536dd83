"""All that is promised of a GPU, checked and measured in one command; ``make gpu`` runs it.

    python tests/benchmarks/gpu.py [OUTPUT]

Writes a page and exits with 1 where a promise fails. It should take less than ten minutes on a GPU.
On a machine without one the same is done in a reduced form on the pretended GPU of ``tests/gpu``:
bits are compared and waits are counted, and nothing is timed.
"""

import multiprocessing
import sys
import time
import warnings
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests" / "gpu")]
IMAGES, SEVERAL = 50_000, (1, 2, 4)
"""Images that are trained on, as many as CIFAR-10 has, and trainings on one card."""
MODES = {
    "fp32": {},
    "fp32, channels_last": {"channels_last": True},
    "tf32": {"precision": "tf32"},
    "tf32, channels_last": {"precision": "tf32", "channels_last": True},
    "bf16, channels_last": {"precision": "bf16", "channels_last": True},
}
REACH = {
    ("VGG-like(5,5)", "fp32"): 0.35,
    ("VGG-like(5,5)", "bf16, channels_last"): 0.2,
    ("ResNet-18", "tf32, channels_last"): 2.0,
    ("ResNet-18", "bf16, channels_last"): 1.2,
}
"""Seconds of an epoch that an H100 should take at most."""


@dataclass
class Row:
    """A line of the page.

    Attributes:
        what: was looked at.
        found: as text.
        wanted: as text; nothing where nothing is promised.
        holds: whether the promise does.
    """

    what: str
    found: str
    wanted: str = ""
    holds: bool = True


def main(output: Path) -> int:
    """Look at everything, write the page; 1 where a promise fails."""
    card = pretended_card()
    with card or nullcontext() as pretended:
        rows = [*same_bits(pretended), *waits(pretended)]
        rows += launches(pretended) if pretended else speeds()
        text = page(rows, pretended)
    output.write_text(text, encoding="utf-8")
    print(text)
    return int(not all(row.holds for row in rows))


def pretended_card():
    """The pretended GPU where torch knows no real one; it must be there before torch is."""
    try:
        import pretended_cuda
    except ImportError as error:
        import torch

        if torch.cuda.is_available():
            return None
        sys.exit(f"there is no GPU, and none can be pretended: {error}")
    return pretended_cuda.gpu()


def same_bits(pretended) -> list[Row]:
    """Two trainings, a resumed one and one without graphs end with the same bits."""
    import torch
    from workloads import WORKLOADS, prepare

    from dsd2.nn.training import Progress, network_state

    prepare()
    rows = []
    for name in ["quickstart"] if pretended else list(WORKLOADS):
        workload = replace(WORKLOADS[name], augmentation="flip-shift")
        data = workload.data(workload.batch * (4 if pretended else 40) + 3)
        recipe = workload.recipe(epochs=4, milestones=(2,))

        def ends(recipe=recipe, workload=workload, data=data, **settings):
            model, masks = network_of(workload)
            train_on(model, masks, data, recipe, **settings)
            return network_state(model)

        def resumed(recipe=recipe, workload=workload, data=data):
            model, masks = network_of(workload)
            first = train_on(model, masks, data, replace(recipe, epochs=2))
            again, masks = network_of(workload)
            again.load_state_dict(network_state(model))
            kept = Progress(first.epoch, dict(first.moments), list(first.history))
            train_on(again, masks, data, recipe, progress=kept)
            return network_state(again)

        first = ends()
        for what, other in {
            "two trainings": ends(),
            "a resumed one": resumed(),
            "steps launched kernel by kernel against graphs": ends(graphs=False),
        }.items():
            same = all(torch.equal(tensor, other[n]) for n, tensor in first.items())
            said = "the same bits" if same else "other bits"
            rows.append(Row(f"{name}: {what}", said, "the same bits", same))
    return rows


def network_of(workload):
    """A network, half pruned."""
    from workloads import half_pruned

    from dsd2.nn.models import prunable_weights
    from dsd2.nn.pruning import apply_masks

    model = workload.network()
    masks = half_pruned(model)
    apply_masks(prunable_weights(model), masks)
    return model, masks


def train_on(model, masks, data, recipe, **settings):
    """A training with draws of its own."""
    from dsd2.nn.training import train

    return train(model, masks, data, recipe, stream=("gpu",), **settings)


def waits(pretended) -> list[Row]:
    """How often the host waits for the GPU: in a training, in caching and in evaluating."""
    import torch
    from workloads import WORKLOADS

    from dsd2.nn.evaluation import evaluate
    from dsd2.nn.teacher import Teacher, logits_of_views
    from dsd2.recipe import VIEWS, DistillationRecipe

    workload = replace(WORKLOADS["quickstart"], augmentation="flip-shift")
    data = workload.data(workload.batch * 5 if pretended else 5000)
    usual = DistillationRecipe(teacher_run="", teacher_iteration=0, alpha=0.8, temperature=10)
    rows = []
    for taught in (None, "computed in each step", "looked up on the card", "looked up on the host"):
        teacher = taught and Teacher(workload.network(1), usual)
        if taught and "looked up" in taught:
            where = "cuda" if "card" in taught else "cpu"
            teacher.table = torch.zeros(len(data), VIEWS, 10).to(where)
        counts = []
        for epochs in (1, 3):
            model, masks = network_of(workload)
            recipe = workload.recipe(epochs=epochs)
            with counting(pretended) as count:
                train_on(model, masks, data, recipe, teacher=teacher)
            counts.append(count())
        an_epoch = (counts[1] - counts[0]) / 2
        named = f"an epoch, a teacher {taught}" if taught else "an epoch, no teacher"
        rows.append(Row(f"waits in {named}", f"{an_epoch:g}", "≤ 2", an_epoch <= 2))
    model = workload.network()
    with counting(pretended) as count:
        logits_of_views(model, data)
    rows.append(Row("waits in caching a view", f"{count() / VIEWS:g}", "≤ 1", count() <= VIEWS))
    with counting(pretended) as count:
        evaluate(model, data)
    rows.append(Row("waits in an evaluation", f"{count()}", "≤ 3", count() <= 3))
    return rows


@contextmanager
def counting(pretended):
    """Counts waits: gives a function that tells how many there were."""
    import torch

    if pretended:
        with pretended.counting() as count:
            yield lambda: count.syncs.total()
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield lambda: sum("synchroniz" in str(w.message) for w in caught)
        finally:
            torch.cuda.set_sync_debug_mode("default")


def launches(pretended) -> list[Row]:
    """Kernels that a step launches one by one, counted without a GPU, and as a graph."""
    from workloads import WORKLOADS

    rows = []
    for name, workload in WORKLOADS.items():
        for precision in ("fp32", "bf16"):
            # Two images a step: as many kernels, and a CPU is done at some time.
            small = replace(workload, batch=2, augmentation="flip-shift")
            recipe = small.recipe(precision=precision)

            def launched(steps, graphs, small=small, recipe=recipe):
                model, masks = network_of(small)
                with pretended.counting() as count:
                    train_on(model, masks, small.data(2 * steps), recipe, graphs=graphs)
                return count.kernels.total() + count.replays

            each = [launched(6, graphs) - launched(5, graphs) for graphs in (False, True)]
            rows.append(
                Row(
                    f"launches in a step of {name}, {precision}: kernel by kernel / as a graph",
                    f"{each[0]} / {each[1]}",
                    "≤ 8 as a graph",
                    each[1] <= 8,
                )
            )
    return rows


def speeds() -> list[Row]:
    """Seconds, against the textbook loop, of several on a card, and memory against its estimate."""
    import torch
    from textbook import Textbook
    from workloads import WORKLOADS, seconds

    from dsd2.nn.evaluation import evaluate_with_states
    from dsd2.nn.teacher import logits_of

    fast_card = "H100" in torch.cuda.get_device_name() or "H200" in torch.cuda.get_device_name()
    rows = []
    for name in ("VGG-like(5,5)", "ResNet-18"):
        workload = WORKLOADS[name]
        data = workload.data(IMAGES)
        few = workload.data(IMAGES // 10)
        textbook = Textbook(workload, few, workload.data(IMAGES // 50))
        textbook.epoch()
        theirs = 10 * seconds(textbook.epoch)
        rows.append(Row(f"{name}: the textbook loop's epoch, a tenth of one", f"{theirs:.2f} s"))
        for mode, changes in MODES.items():
            for graphs in (False, True):
                took = an_epoch(workload, data, changes, graphs)
                reach = REACH.get((name, mode)) if graphs and fast_card else None
                rows.append(
                    Row(
                        f"{name}, {mode}, {'graphs' if graphs else 'kernel by kernel'}: an epoch",
                        f"{took:.3f} s, {theirs / took:.1f} × as fast",
                        f"≤ {reach} s" if reach else "",
                        reach is None or took <= reach,
                    )
                )
        model = workload.network()
        evaluate_with_states(model, data)
        took = seconds(lambda m=model, d=data: evaluate_with_states(m, d))
        rows.append(Row(f"{name}: evaluation with entropy", f"{took:.2f} s"))
        took = seconds(lambda m=model, d=data: logits_of(m, d))
        rows.append(Row(f"{name}: caching one view of a teacher", f"{took:.2f} s"))
        rows.append(memory(name, workload, data))
    return [*rows, *several()]


def an_epoch(workload, data, changes, graphs) -> float:
    """Seconds of the faster of two epochs after one that warms up."""
    model, masks = network_of(workload)
    recipe = workload.recipe(epochs=3, **changes)
    history = train_on(model, masks, data, recipe, graphs=graphs).history
    return min(row["seconds"] for row in history[1:])


def memory(name, workload, data) -> Row:
    """What a training takes of the card, against what Snakemake is asked for."""
    import torch

    from dsd2.nn.footprint import footprint
    from dsd2.nn.sizes import EVALUATED_ON_GPU
    from dsd2.planning.resources import CONTEXT, MARGIN

    torch.cuda.empty_cache()
    held = torch.cuda.memory_reserved()
    torch.cuda.reset_peak_memory_stats()
    an_epoch(workload, data, {}, graphs=True)
    taken = torch.cuda.max_memory_reserved() - held + data.images.nbytes
    network = footprint(workload.model, workload.image, 10)
    most = max(network.training_memory(workload.batch), EVALUATED_ON_GPU * 2 * network.largest)
    asked = CONTEXT + MARGIN * (most + 2 * data.images.nbytes)
    found = f"{(taken + CONTEXT) / 1e9:.2f} GB, asked for {asked / 1e9:.2f} GB"
    fits = taken + CONTEXT <= asked
    return Row(f"{name}: memory of the card", found, "no more than asked for", fits)


def several() -> list[Row]:
    """Epochs of VGG-like(5,5) an hour that a card trains, in so many processes at once."""
    rows, start = [], multiprocessing.get_context("spawn")
    for number in SEVERAL:
        with start.Pool(number) as pool:
            took = pool.map(_alone, range(number))
        rate = sum(3600 / seconds for seconds in took)
        rows.append(Row(f"VGG-like(5,5), {number} on the card", f"{rate:,.0f} epochs an hour"))
    return rows


def _alone(_: int) -> float:
    from workloads import WORKLOADS, prepare

    prepare()
    workload = WORKLOADS["VGG-like(5,5)"]
    model, masks = network_of(workload)
    history = train_on(model, masks, workload.data(IMAGES), workload.recipe(epochs=12)).history
    return sum(row["seconds"] for row in history[2:]) / 10


def page(rows: list[Row], pretended) -> str:
    """The page, what holds everywhere first."""
    import torch
    from run import machine

    about = (ROOT / "tests" / "benchmarks" / "gpu.md").read_text(encoding="utf-8").rstrip()
    if pretended:
        state = (
            "**Nothing here was measured on a GPU: none was at hand.** What follows was counted on"
            " the pretended GPU of `tests/gpu`, which computes on the CPU: bits are compared with"
            " its own, launches are an estimate, and nothing is known of speed, of cuDNN's"
            f" rounding, or of memory. torch {torch.__version__}."
        )
    else:
        where = f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
        state = f"Measured on {where}:\n\n{machine()}"
    lines = ["| what | found | promised | holds |", "| --- | --- | --- | --- |"]
    for row in rows:
        holds = ("yes" if row.holds else "**no**") if row.wanted else ""
        lines.append(f"| {row.what} | {row.found} | {row.wanted} | {holds} |")
    return "\n".join([about, "", "## What `make gpu` found", "", state, "", *lines, ""])


if __name__ == "__main__":
    begun = time.monotonic()
    failed = main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "docs" / "gpu.md"))
    print(f"{time.monotonic() - begun:.0f} s")
    sys.exit(failed)
