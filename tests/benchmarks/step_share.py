"""How much of a training step is spent outside the kernels that do its arithmetic.

    python tests/benchmarks/step_share.py

Torch's profiler gives the time of every operation itself. Kernels are those of convolutions,
linear layers, batch-norm and pooling, forward and backward; the rest are activations, the loss, the
optimiser, masks, the gather of the batch, and torch's own bookkeeping, which a profiler makes
dearer. The floor is what the rest would take if each of its operations were as cheap as one on a
single number.
"""

import torch
from torch.profiler import ProfilerActivity, profile
from workloads import DEVICE, WORKLOADS, half_pruned, prepare

from dsd2.nn.training import train

KERNELS = ("conv", "mkldnn", "batch_norm", "max_pool", "aten::mm", "aten::addmm", "aten::bmm")


def cheapest_operation() -> float:
    """Microseconds of an operation on a single number, by the same profiler."""
    number = torch.zeros(1)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for _ in range(10000):
            number.add_(1.0)
    (event,) = (event for event in profiled.key_averages() if event.key == "aten::add_")
    return event.self_cpu_time_total / event.count


def main() -> None:
    """Measure and print."""
    prepare()
    cheapest = cheapest_operation()
    for name, workload in WORKLOADS.items():
        model, data = workload.network(), workload.data()
        masks = half_pruned(model)
        train(model, masks, data, workload.recipe(), stream=("warm",))
        kind = ProfilerActivity.CUDA if DEVICE.type == "cuda" else ProfilerActivity.CPU
        with profile(activities=[kind]) as profiled:
            train(model, masks, data, workload.recipe(), stream=("measured",))
        took = {
            event.key: event.self_device_time_total
            if DEVICE.type == "cuda"
            else event.self_cpu_time_total
            for event in profiled.key_averages()
        }
        whole = sum(took.values())
        outside = {k: t for k, t in took.items() if not any(word in k for word in KERNELS)}
        calls = sum(event.count for event in profiled.key_averages() if event.key in outside)
        print(
            f"{name}: {sum(outside.values()) / whole:.1%} of a step outside the kernels;"
            f" floor {calls * cheapest / whole:.1%}"
        )
        for operation in sorted(outside, key=outside.__getitem__, reverse=True)[:5]:
            print(f"    {outside[operation] / whole:6.1%} {operation}")


if __name__ == "__main__":
    main()
