"""What jobs inherit from the process that runs the workflow."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from dsd2.errors import UserError
from dsd2.processes import WORKFLOW, Identity

ROOTS = "DSD2_DATA_ROOTS"
DOWNLOAD = "DSD2_DOWNLOAD"
USER_PATHS = "DSD2_USER_PATHS"
GPU_SHARE = "DSD2_GPU_SHARE"
CUDA_GRAPHS = "DSD2_CUDA_GRAPHS"
MAX_RUNTIME = "DSD2_MAX_RUNTIME"
JOB_STARTED = "DSD2_JOB_STARTED"

RESERVE = 180.0
"""Seconds before its job's time limit at which a training ends by itself; it has to save then."""

TEMPORARY = 1_000_000
"""Bytes that a run may need for temporary files of Snakemake's own."""


def set_for_jobs(
    data_roots: Sequence[str],
    download: bool,
    gpu_share: int | None,
    user_paths: Mapping[str, str] | None = None,
) -> None:
    """Have this process's children find this library, this interpreter, the data and itself.

    Nothing needs to be installed or activated. Where the data lies goes by the environment, since
    it is not what a dataset is: another place must make nothing anew.

    Args:
        data_roots: folders that may hold a named dataset, searched in order.
        download: whether one that is in none of them may be fetched.
        gpu_share: stages that may run on this machine's GPUs at once; None leaves it as it is.
        user_paths: where data of the user's own lies, by its manifest.

    Raises:
        UserError: this library or interpreter lies where its children cannot find it, or there
            is no space for temporary files.
    """
    _check_temporary_folder()
    library = _listable(Path(__file__).parents[1])
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [library, inherited]))
    interpreter = _listable(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([interpreter, os.environ.get("PATH", os.defpath)])
    os.environ[WORKFLOW] = str(Identity.own())
    # pyarrow brings an allocator that it does not use, with a thread: a process of several threads
    # leaves no fork server.
    os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")
    # As JSON, for a colon may be part of a path.
    os.environ[ROOTS] = json.dumps(list(data_roots))
    os.environ[USER_PATHS] = json.dumps(dict(user_paths or {}))
    os.environ[DOWNLOAD] = "yes" if download else ""
    if gpu_share is not None:
        os.environ[GPU_SHARE] = str(gpu_share)


def _listable(folder: Path) -> str:
    """A folder as it can stand in a list of folders, which colons part, and in a rule."""
    absolute, relative = str(folder), os.path.relpath(folder)
    if "{" in absolute or "}" in absolute:
        raise UserError(
            f"{absolute}: has braces in its path, which Snakemake takes for a wildcard; rename"
            " the folder"
        )
    if os.pathsep not in absolute:
        return absolute
    if os.pathsep not in relative:
        # Jobs work in the folder that this process works in.
        return relative
    raise UserError(
        f"{absolute}: has a colon in its path, at which PATH and PYTHONPATH are parted; rename the"
        " folder, or run the workflow within the clone"
    )


def _check_temporary_folder() -> None:
    """Snakemake's scheduler writes there, and would not say that it is full."""
    try:
        folder = tempfile.gettempdir()
    except OSError as error:
        raise UserError(f"no folder for temporary files can be used ({error.strerror})") from error
    if shutil.disk_usage(folder).free < TEMPORARY:
        raise UserError(
            f"{folder}: has no space for temporary files; free some, or set TMPDIR elsewhere"
        )


def data_roots() -> list[Path]:
    """The folders that may hold a named dataset."""
    return [Path(root) for root in json.loads(os.environ.get(ROOTS, '["data"]'))]


def user_path(manifest: str) -> str | None:
    """Where data of the user's own lies; None where nobody has said."""
    path: str | None = json.loads(os.environ.get(USER_PATHS, "{}")).get(manifest)
    return path


def may_download() -> bool:
    """Whether a dataset that is in none of them may be fetched."""
    return bool(os.environ.get(DOWNLOAD))


def gpu_share() -> int:
    """Stages that may run on this machine's GPUs at once; each GPU takes one at least."""
    return int(os.environ.get(GPU_SHARE, "1"))


def cuda_graphs() -> bool:
    """Whether a training on a GPU may capture its steps as CUDA graphs: unless ``no`` is said."""
    return os.environ.get(CUDA_GRAPHS) != "no"


def set_time_limit(minutes: int | None, in_job: bool) -> None:
    """Have this process's children know how long a job may take, and since when theirs does.

    Args:
        minutes: the most that any job may ask for; None leaves the limit of this process.
        in_job: whether this process runs in a job already, and not where jobs are started from.
    """
    if minutes is not None:
        os.environ[MAX_RUNTIME] = str(minutes)
    if in_job:
        # Within a job one Snakemake starts another; the first one's start counts.
        os.environ.setdefault(JOB_STARTED, str(time.time()))
    else:
        os.environ.pop(JOB_STARTED, None)


def time_limit() -> int | None:
    """Minutes that a job may take at most; None where nobody has said."""
    minutes = os.environ.get(MAX_RUNTIME)
    return int(minutes) if minutes else None


def deadline(started: float) -> float | None:
    """When a stage should have saved and ended, as ``time.time()`` counts; None: whenever it likes.

    Args:
        started: when the stage did, where no job's start is known.
    """
    minutes = time_limit()
    if minutes is None:
        return None
    return float(os.environ.get(JOB_STARTED, started)) + 60 * minutes - RESERVE
