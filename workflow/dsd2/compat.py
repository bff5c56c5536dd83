"""Make torchvision importable beside a torch build that lacks torchvision's compiled operators."""

from __future__ import annotations

import importlib
from types import ModuleType

import torch

_LIBRARIES: list[torch.library.Library] = []
"""Keeps the definitions alive: torch forgets an operator when its Library object is collected."""


def import_torchvision(module: str = "torchvision") -> ModuleType:
    """Import a torchvision module, also where torchvision's compiled operators cannot be loaded.

    A torchvision wheel built for another torch build (a CUDA wheel beside a CPU torch, say) fails
    at import because it registers fake kernels for ``torchvision::nms`` and ``qnms``, which its
    missing library would have defined. Declaring the two schemas is enough for all that this
    project uses: models, datasets and transforms. Where the operators load, nothing is declared.

    Args:
        module: dotted name, ``torchvision`` or a submodule of it.

    Raises:
        ImportError: torchvision is not installed.
    """
    try:
        return importlib.import_module(module)
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _LIBRARIES.append(library)
    return importlib.import_module(module)


def has_forward_hooks(module: torch.nn.Module) -> bool:
    """Whether hooks change what a module reads or returns, as ``torch.nn.utils.prune`` has them.

    False where torch keeps them elsewhere.
    """
    return any(getattr(module, name, None) for name in ("_forward_pre_hooks", "_forward_hooks"))
