"""Seeds from names, and determinism: the same recipe gives the same bits on one machine."""

from __future__ import annotations

import hashlib
import os

import torch


def derived_seed(*names: int | str) -> int:
    """A 63-bit seed determined by the names alone, the same in every process."""
    text = "/".join(str(name) for name in names).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1


def generator(*names: int | str) -> torch.Generator:
    """A CPU generator seeded by :func:`derived_seed`: one stream for every device."""
    return torch.Generator().manual_seed(derived_seed(*names))


def be_deterministic() -> None:
    """Have torch refuse nondeterministic kernels. To be called before CUDA is first used.

    Single precision is single precision: torch by itself would take TF32 for a GPU's convolutions.
    """
    allow_tf32(convolutions=False, products=False)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # torch.use_deterministic_algorithms(True) does the same, but imports the compiler, which costs
    # every stage more than a second.
    torch.set_deterministic_debug_mode("error")
    torch.backends.cudnn.benchmark = False
    # With it, every empty tensor is filled, which costs time and protects nothing here.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def allow_tf32(convolutions: bool, products: bool) -> None:
    """Whether a GPU may take TF32, which keeps 10 bits of each factor, in place of float32."""
    torch.backends.cudnn.allow_tf32 = convolutions
    torch.backends.cuda.matmul.allow_tf32 = products
