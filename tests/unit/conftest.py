"""What several unit tests need."""

import pandas as pd
import pytest
import torch
from rows import DIP, FLAT, row_of

from dsd2.files.records import STUDY
from dsd2.seeds import be_deterministic


@pytest.fixture
def reproducible():
    """One thread and no nondeterministic kernel, as a stage has it."""
    torch.set_num_threads(1)
    be_deterministic()


@pytest.fixture
def without_gradients():
    """No gradients are kept during a test."""
    with torch.no_grad():
        yield


@pytest.fixture
def study():
    """A study's table, made by hand: a curve that descends, one that does not, and its stops."""
    rows = []
    for arm, curve, stops in (
        ("vanilla", DIP, (4, 4, 4)),
        ("student", FLAT, (4, 4, 4)),
        ("gated", FLAT, (3, 3, 2)),
    ):
        for seed, shift in enumerate((-0.01, 0.0, 0.01)):
            taught = arm != "vanilla"
            for i in range(stops[seed]):
                # Valleys of one place and of several depths, 14, 13 and 12 points.
                valley = arm == "vanilla" and i == 1
                rows.append(
                    row_of(
                        STUDY,
                        panel="all",
                        arm=arm,
                        seed=seed,
                        iteration=i,
                        run=f"{'vanilla' if arm == 'vanilla' else 'student'}-{seed}",
                        stopping="entropy-te0.8-ta0.9" if arm == "gated" else "none",
                        sparsity=1 - 0.5**i,
                        test_majority_accuracy=0.1,
                        class_images=[1000],
                        test_accuracy=curve[i] + shift * (1 + valley),
                        returned=i == (0 if arm == "vanilla" else stops[seed] - 1),
                        teacher_run="vanilla" if taught else None,
                        teacher_iteration=seed if taught else None,
                        total_flops_paper=1e9 * (i + 1),
                        teacher_flops_paper=4e9 if taught else 0.0,
                    )
                )
    return pd.DataFrame(rows)
