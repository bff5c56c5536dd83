"""What jobs inherit from the process that runs the workflow."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from dsd2.processes import WORKFLOW, Identity

ROOTS = "DSD2_DATA_ROOTS"
DOWNLOAD = "DSD2_DOWNLOAD"
GPU_SHARE = "DSD2_GPU_SHARE"


def set_for_jobs(data_roots: Sequence[str], download: bool, gpu_share: int | None) -> None:
    """Have this process's children find this library, this interpreter and the data, and it.

    None of it needs to be installed or activated. Where the data lies goes by the environment, since
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
    os.environ[WORKFLOW] = str(Identity.own())
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
