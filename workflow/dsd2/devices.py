"""Which GPU a stage works on: a free one, by a lock that the kernel drops when the process ends.

Snakemake counts GPUs, but says to no job which is its own, and counts none unless it is told how
many there are. A lock holds whatever it counts, over several workflows on one machine, and does
not outlive a process that is killed.
"""

from __future__ import annotations

import fcntl
import math
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dsd2.environment import gpu_share

if TYPE_CHECKING:
    import torch

ASK_EVERY = 0.5
"""Seconds between looks for a free GPU."""


def stage_device() -> torch.device:
    """The device of this process: a free GPU, waited for if there is none, or else the CPU.

    Under Slurm the allocation's GPU is taken without a lock: nobody else has it.
    """
    import torch

    if not torch.cuda.is_available():
        return torch.device("cpu")
    if "SLURM_JOB_ID" not in os.environ:
        names = device_names(torch.cuda.device_count(), os.environ)
        torch.cuda.set_device(claim(names, gpu_share(), lock_folder()))
    return torch.device("cuda")


def device_names(count: int, environment: Mapping[str, str]) -> list[str]:
    """Names of the GPUs that a process sees, the same in every process whatever it sees.

    Args:
        count: how many it sees.
        environment: of the process.
    """
    visible = environment.get("CUDA_VISIBLE_DEVICES", "")
    names = [name.strip() for name in visible.split(",") if name.strip()]
    return names[:count] if len(names) >= count else [str(number) for number in range(count)]


def lock_folder() -> Path:
    """Where this user's locks lie: on the machine itself, since its GPUs are its own."""
    return Path(tempfile.gettempdir(), f"dsd2-gpus-{os.getuid()}")


def claim(names: Sequence[str], at_once: int, folder: Path) -> int:
    """Take a place on the GPU that has fewest of this user's stages; wait until there is one.

    The place is this process's until it ends, however it ends.

    Args:
        names: of the GPUs.
        at_once: stages that may run on all of them together; each has room for one at least.
        folder: of the locks.

    Returns:
        The GPU's place among ``names``.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    places = range(max(1, math.ceil(at_once / len(names))))
    told = False
    while True:
        for place in places:
            for number, name in enumerate(names):
                if _lock(folder / f"{name}.{place}.lock"):
                    return number
        if not told:
            print(f"waiting for one of {len(names)} GPUs", flush=True)
            told = True
        time.sleep(ASK_EVERY)


def _lock(file: Path) -> bool:
    """Lock a file for as long as the process lives; False if another process has it."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    return True
