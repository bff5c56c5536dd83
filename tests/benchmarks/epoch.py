"""A whole epoch against the textbook loop's, and in faster arithmetic.

    python tests/benchmarks/epoch.py [REPEATS] [WORKLOAD ...]

The textbook loop tests after every epoch, on a fifth as many images; ours measures everything once
after the last epoch of an iteration (accuracy on all splits, entropy), of which each epoch has its
share here. On a CPU everything has one core; the textbook loop's workers have it too.
"""

import sys
from statistics import median

from textbook import Textbook
from workloads import WORKLOADS, Workload, half_pruned, prepare, ratio, side_by_side

from dsd2.nn.evaluation import evaluate, evaluate_with_states
from dsd2.nn.training import train

MODES = {
    "exact": {},
    "channels_last": {"channels_last": True},
    "bf16": {"precision": "bf16"},
    "bf16, channels_last": {"precision": "bf16", "channels_last": True},
}


def main(repeats: int, names: list[str]) -> None:
    """Measure and print."""
    prepare()
    for name in names:
        measure(name, WORKLOADS[name], repeats)


def measure(name: str, workload: Workload, repeats: int) -> None:
    """One workload."""
    data, test = workload.data(), workload.data(max(workload.images // 5, 1))
    textbook = Textbook(workload, data, test)
    model = workload.network()
    masks = half_pruned(model)

    def in_mode(changes: dict):
        recipe = workload.recipe(**changes)
        return lambda: train(model, masks, data, recipe, stream=("epoch",))

    def measuring() -> None:
        evaluate_with_states(model, data)
        evaluate(model, test)

    works = [textbook.epoch, measuring, *(in_mode(changes) for changes in MODES.values())]
    theirs, once, *ours = side_by_side(works, repeats)
    share = [took / workload.epochs for took in once]
    whole = [a + b for a, b in zip(ours[0], share, strict=True)]
    print(f"{name}: {len(data)} images, batch {workload.batch}")
    print(f"    textbook loop             {median(theirs):7.2f} s an epoch")
    print(f"    ours, exact               {median(whole):7.2f} s: {ratio(theirs, whole):.2f} ×")
    print(f"    measuring an iteration    {ratio(once, ours[0]):7.2f} of an epoch")
    for mode, took in list(zip(MODES, ours, strict=True))[1:]:
        print(f"    ours, {mode:19} {median(took):7.2f} s: {ratio(ours[0], took):.2f} × exact")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3, sys.argv[2:] or list(WORKLOADS))
