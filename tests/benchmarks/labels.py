"""What labels of ImageNet's size cost a training, against reading their file and no more.

Each is the best of five. The ratio is what may be compared between machines.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import torch
import workloads  # noqa: F401 - finds the library

from dsd2.data.labels import Labels, SplitLabels, load_labels, save_labels

TRAIN, VALIDATION = 1_231_167, 50_000


def best(work: Callable[[], object]) -> float:
    """Seconds of the fastest of five."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Save and load, and print."""
    draws = torch.Generator().manual_seed(0)
    rows = torch.randperm(TRAIN + VALIDATION, generator=draws)
    classes = torch.randint(1000, rows.shape, generator=draws)
    parts = [SplitLabels(part, part) for part in classes.split([TRAIN, VALIDATION])]
    dataset: Any = SimpleNamespace(
        train_rows=rows[:TRAIN],
        validation_rows=rows[TRAIN:],
        train=SimpleNamespace(labels=parts[0].clean),
        validation=SimpleNamespace(labels=parts[1].clean),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "labels.parquet")
        saving = best(lambda: save_labels(path, Labels(*parts), dataset))
        loading = best(lambda: load_labels(path, dataset))
        reading = best(lambda: pq.ParquetFile(path).read())
    print(f"{TRAIN + VALIDATION:,} labels: saving {saving:.2f} s, loading {loading:.2f} s,")
    print(f"reading the file alone {reading:.2f} s: loading is {loading / reading:.1f} times that")


if __name__ == "__main__":
    main()
