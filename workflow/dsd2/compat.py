"""Every name of torch and torchvision that is not public, each behind one function.

A function here looks for the private name and does without it where it is gone, with the same
bits. It imports the library when it is called: importing this module costs nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

_LIBRARIES: list[Any] = []
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
    import torch

    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _LIBRARIES.append(library)
    return importlib.import_module(module)


@cache
def foreach(operation: str) -> Callable[..., Any]:
    """An operation on each of a list of tensors, on a GPU in one kernel.

    This is ``torch._foreach_<operation>``. Without it the tensor's own method is called in turn,
    which computes the same.

    Args:
        operation: the tensor method's name, such as ``mul_``.

    Returns:
        A function of a list of tensors, then a list of as many tensors or one number for all, then
        the method's keywords.
    """
    import torch

    if found := getattr(torch, f"_foreach_{operation}", None):
        return found
    method = getattr(torch.Tensor, operation)

    def one_by_one(
        tensors: Sequence[Tensor], *other: Sequence[Tensor] | float, **options: float
    ) -> list[Tensor]:
        # A list gives each tensor its own partner; a number is the partner of all.
        partners = [o if isinstance(o, (list, tuple)) else [o] * len(tensors) for o in other]
        return [method(*parts, **options) for parts in zip(tensors, *partners, strict=True)]

    return one_by_one
