"""Tests on a pretended GPU. It must be loaded before torch, so these run in a process of their own:

    pytest tests/gpu

``tests/unit/test_pretended_gpu.py`` starts that.
"""

import pretended_cuda  # isort: skip  # before torch
import pytest
import torch

from dsd2.seeds import be_deterministic


@pytest.fixture
def card():
    """A GPU, as a stage finds it: one thread, and no nondeterministic kernel."""
    torch.set_num_threads(1)
    be_deterministic()
    with pretended_cuda.gpu() as found:
        yield found
