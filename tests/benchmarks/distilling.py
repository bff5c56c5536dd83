"""A distilling epoch against a vanilla one: the teacher asked in every step, and looked up.

    python tests/benchmarks/distilling.py [REPEATS]

The student is VGG-like(5,5), the teacher ResNet-18, as in the paper. The table's one-off cost is
measured on some of its views, and given for all of them in epochs.
"""

import sys
from statistics import median

import torch
from workloads import CLASSES, DEVICE, WORKLOADS, half_pruned, prepare, ratio, side_by_side

from dsd2.nn.evaluation import evaluate
from dsd2.nn.teacher import Teacher
from dsd2.nn.training import train
from dsd2.recipe import VIEWS, DistillationRecipe

ASKED = DistillationRecipe(teacher_run="t", teacher_iteration=0, alpha=0.8, temperature=10.0)


def main(repeats: int) -> None:
    """Measure and print."""
    prepare()
    student, taught_by = WORKLOADS["VGG-like(5,5)"], WORKLOADS["ResNet-18"].network(1)
    few = student.images if DEVICE.type == "cuda" else 512
    data, model = student.data(few), student.network()
    masks, recipe = half_pruned(model), student.recipe()
    table = torch.rand(few, VIEWS, CLASSES).to(DEVICE)

    def epoch(teacher: Teacher | None):
        return lambda: train(model, masks, data, recipe, stream=("epoch",), teacher=teacher)

    works = [epoch(None), epoch(Teacher(taught_by, ASKED)), epoch(Teacher(taught_by, ASKED, table))]
    works.append(lambda: evaluate(taught_by, data))
    vanilla, asked, looked_up, one_view = side_by_side(works, repeats)
    print(f"VGG-like(5,5) taught by ResNet-18: {few} images, batch {student.batch}")
    print(f"    vanilla epoch             {median(vanilla):7.2f} s")
    print(f"    distilling, asking        {ratio(asked, vanilla):7.2f} × vanilla")
    print(f"    distilling, looking up    {ratio(looked_up, vanilla):7.2f} × vanilla")
    saved = [a - b for a, b in zip(asked, looked_up, strict=True)]
    pays = VIEWS * median(one_view) / median(saved)
    print(f"    a table of {VIEWS} views     pays after {pays:.0f} epochs")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
