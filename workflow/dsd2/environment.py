"""What jobs inherit from the process that runs the workflow."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOTS = "DSD2_DATA_ROOTS"
DOWNLOAD = "DSD2_DOWNLOAD"
GPU_SHARE = "DSD2_GPU_SHARE"
MAX_RUNTIME = "DSD2_MAX_RUNTIME"
JOB_STARTED = "DSD2_JOB_STARTED"

RESERVE = 180.0
"""Seconds before its job's time limit at which a training ends by itself; it has to save then."""


def set_for_jobs(data_roots: Sequence[str], download: bool, gpu_share: int | None) -> None:
    """Have this process's children find this library, this interpreter and the data.

    Neither needs to be installed or activated. Where the data lies goes by the environment, since
    it is not what a dataset is: another place must make nothing anew.

    Args:
        data_roots: folders that may hold a named dataset, searched in order.
        download: whether one that is in none of them may be fetched.
        gpu_share: stages that may run on this machine's GPUs at once; None leaves it as it is.
    """
    library = str(Path(__file__).parents[1])
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [library, inherited]))
    interpreter = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([interpreter, os.environ.get("PATH", os.defpath)])
    # As JSON, for a colon may be part of a path.
    os.environ[ROOTS] = json.dumps(list(data_roots))
    os.environ[DOWNLOAD] = "yes" if download else ""
    if gpu_share is not None:
        os.environ[GPU_SHARE] = str(gpu_share)


def data_roots() -> list[Path]:
    """The folders that may hold a named dataset."""
    return [Path(root) for root in json.loads(os.environ.get(ROOTS, '["data"]'))]


def may_download() -> bool:
    """Whether a dataset that is in none of them may be fetched."""
    return bool(os.environ.get(DOWNLOAD))


def gpu_share() -> int:
    """Stages that may run on this machine's GPUs at once; each GPU has room for one at least."""
    return int(os.environ.get(GPU_SHARE, "1"))


def set_time_limit(minutes: int | None, in_job: bool) -> None:
    """Have this process's children know how long a job may take, and since when theirs does.

    Args:
        minutes: the most that any job may ask for; None leaves what this process was told.
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
