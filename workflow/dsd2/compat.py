"""Every name of a library that is not public, each behind one function with a fallback.

A function here looks for the private name and does without it where it is gone, with the same
result. It imports the library when it is called: importing this module costs nothing.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

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


def has_forward_hooks(module: nn.Module) -> bool:
    """Whether hooks change what a module reads or returns, as ``torch.nn.utils.prune`` has them.

    False where torch keeps them elsewhere.
    """
    return any(getattr(module, name, None) for name in ("_forward_pre_hooks", "_forward_hooks"))


# Snakemake. Each function takes the ``workflow`` that Snakefiles see; none of the attributes that
# are read here is documented.


def placing(workflow: Any) -> Callable[[str], str]:
    """Where a result lies: below the prefix that a module that takes these rules has, if any.

    Without Snakemake's attribute every path is where the rules say.
    """
    try:
        place: Callable[[str], str] = workflow.modifier.path_modifier.replace_prefix
    except AttributeError:
        return str
    return place


def resource_limit(workflow: Any, name: str) -> int | None:
    """What ``--resources`` limits a resource to; None where it does not, or none can be known."""
    try:
        limit = workflow.global_resources.get(name)
    except AttributeError:
        return None
    return getattr(limit, "value", limit)


def limit_resource(workflow: Any, name: str, limit: int) -> None:
    """Have no more of a resource given out at once, as ``--resources`` does.

    Where Snakemake has changed, nothing limits it but ``--resources``.
    """
    with suppress(AttributeError, TypeError):
        workflow.global_resources[name] = limit


def runs_jobs_here(workflow: Any) -> bool:
    """Whether this process itself starts the jobs, on this machine; False where none can know.

    Not within a job, and not where they are sent to a cluster.
    """
    try:
        nodes = workflow.resource_settings.nodes
    except AttributeError:
        return False
    return nodes is None and bool(getattr(workflow, "is_main_process", False))


def forced_again(workflow: Any) -> set[str] | None:
    """Rules and files that the command line asks for again; None where that may be anything.

    Known once Snakemake looks for jobs, not yet while it reads its files.
    """
    try:
        settings = workflow.dag_settings
        if settings.forceall or settings.target_jobs:
            return None
        forced = {*settings.forcerun, *(settings.targets if settings.forcetargets else ())}
    except AttributeError:
        return None
    return {os.path.normpath(name) for name in forced}


def given_by_command(workflow: Any) -> tuple[list[Any], list[str]] | None:
    """Files of ``--configfile`` and texts of ``--config``; None where they cannot be known.

    In a module there are none: the configuration is the outer workflow's, which answers for it.
    """
    try:
        if workflow.modifier.parent_modifier is not None:
            return [], []
        settings = workflow.config_settings
        return list(settings.configfiles), [str(text) for text in settings.config_args]
    except (AttributeError, TypeError):
        return None


def says_nothing(workflow: Any) -> bool:
    """Whether ``--quiet all`` keeps Snakemake from saying even why it stops."""
    settings = getattr(workflow, "output_settings", None)
    kinds = getattr(settings, "quiet", None) or ()
    quiet = {str(kind).lower().rpartition(".")[2] for kind in kinds}
    return "all" in quiet and not getattr(settings, "dryrun", False)


def terminal_handler(workflow: Any) -> logging.Handler | None:
    """What writes Snakemake's own lines to the terminal, where nothing asks for them.

    None where an option does (``--verbose``, ``--printshellcmds``, ``--quiet``, ``--dry-run``,
    ``--logger`` and their like), within a job, in a module, whose outer workflow has lines of its
    own, and where Snakemake has changed: its lines are shown then.
    """
    try:
        settings = workflow.output_settings
        asked = (
            settings.verbose,
            settings.printshellcmds,
            settings.quiet,
            settings.dryrun,
            settings.debug_dag,
            settings.stdout,
            settings.log_handler_settings,
            not workflow.is_main_process,
            workflow.modifier.parent_modifier,
        )
    except AttributeError:
        return None
    known = () if any(asked) else logging.getLogger("snakemake.logging").handlers
    return next((handler for handler in known if handler.name == "DefaultStreamHandler"), None)


def terminate_jobs() -> None:
    """Ask the jobs that this process has started to end, as Ctrl-C in a terminal does.

    Where Snakemake alone gets the signal, it would wait for them. It does so where it has changed.
    """
    with suppress(ImportError, AttributeError, TypeError):
        shell = importlib.import_module("snakemake.shell").shell
        for process in list(shell._processes.values()):
            with suppress(OSError):
                process.terminate()


def drop_default_rate_limit(workflow: Any) -> None:
    """Have Snakemake look for jobs to start when one has ended, and not in between.

    For its default limit of 100 jobs a second, every look while jobs wait sets an alarm for the
    next one a second later. So each job that ends adds a look a second for the rest of the run: a
    long one gives ever more of a core to looking. A limit that is asked for stays. Where Snakemake
    has changed, its limit stays, too.
    """
    with suppress(AttributeError):
        limiter = workflow.scheduler.job_rate_limiter
        if limiter and (limiter.max_jobs, limiter.timespan) == (100, 1):
            workflow.scheduler.job_rate_limiter = None
