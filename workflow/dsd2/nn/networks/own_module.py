"""A network from a Python file of the user's own. Building it runs that file."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

from dsd2.errors import UserError
from dsd2.files.contents import content_digest
from dsd2.keys import Derived
from dsd2.model_recipe import Built
from dsd2.recipe import NETWORKS

if TYPE_CHECKING:
    from torch import nn


@NETWORKS.register_family("FILE.py:FUNCTION", r"[^:]+\.py:[A-Za-z_]\w*")
@dataclass(frozen=True, kw_only=True)
class OwnModule(Built):
    """What a function or class in a Python file of one's own makes of image and classes.

    Attributes:
        code_digest: of the file's content; empty where it does not matter.
    """

    code_digest: Annotated[str, Derived()] = ""

    @property
    def code(self) -> str:
        """The file."""
        return self.name.rpartition(":")[0]

    @property
    def slug(self) -> str:
        """``file-function``."""
        parts = (Path(self.code).stem, self.name.rpartition(":")[2])
        return "-".join("".join(c for c in part if c.isalnum() or c == "_") for part in parts)

    def build(self, image: tuple[int, int, int], classes: int) -> nn.Module:
        """What the function makes; it gets the image (C, H, W), the classes, and arguments."""
        from torch import nn

        found = content_digest(self.code, "model.name")
        if self.code_digest not in ("", found):
            raise UserError(
                f"{self.code}: has changed since the run was named; the file that it was named"
                f" after has the digest {self.code_digest}, this one {found}: give the workflow's"
                " command again for a run of this one"
            )
        function = self.name.rpartition(":")[2]
        made = getattr(_module(self.code, found), function, None)
        if not callable(made):
            raise UserError(
                f"config key model.name is {self.name!r}, but {self.code} has no function or class"
                f" {function}"
            )
        try:
            network = made(image, classes, **self.arguments)
        except Exception as error:  # of a network that someone else has written
            raise UserError(
                f"{self.code}: {function}({image}, {classes}, …) raised {type(error).__name__}:"
                f" {error}"
            ) from error
        if not isinstance(network, nn.Module):
            raise UserError(
                f"{self.code}: {function} returned a {type(network).__name__} but must return a"
                " torch.nn.Module"
            )
        return network


def _module(file: str, digest: str) -> ModuleType:
    """The file's module, run once a process."""
    name = f"dsd2_own_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, Path(file).expanduser())
    assert spec is not None, "the file's name ends in .py"
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # of code that someone else has written
        del sys.modules[name]
        raise UserError(f"{file}: cannot be run: {type(error).__name__}: {error}") from error
    return module
