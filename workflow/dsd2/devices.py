"""Which GPU a stage works on: a free one, by a lock that the kernel drops when the process ends.

Snakemake counts GPUs, but gives no job one of its own, and counts none unless `--resources gpu=N`
says how many there are. A lock holds whatever it counts, over several workflows on one machine, and
does not outlive a process that is killed.
"""

from __future__ import annotations

import fcntl
import math
import os
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from dsd2.environment import gpu_share
from dsd2.errors import UserError

if TYPE_CHECKING:
    import torch

ASK_EVERY = 0.5
"""Seconds between looks for a free GPU."""
MANY = 64
"""Stages on a machine's GPUs where only their memory limits them."""
ALLOCATED = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS")
"""What says which GPUs a Slurm job was given; one that was given none has neither."""

_claimed: dict[tuple[str, ...], int] = {}
"""What this process has claimed: its own locks would keep it waiting for ever."""


@dataclass(frozen=True)
class Given:
    """What a scheduler gave the stage.

    Attributes:
        threads: of the CPU.
        gpus: 0 keeps to the CPU; None takes a GPU where there is one.
    """

    threads: int
    gpus: int | None = None


class StageDevice(NamedTuple):
    """Where a stage works, and how many seconds it waited for that."""

    device: torch.device
    waited: float


def share_threads(threads: int, *, streamed: bool) -> int:
    """Give torch its share of a stage's threads; how many decode streamed images.

    Of the threads all but one, and at least one, decode.
    """
    import torch

    workers = max(1, threads - 1) if streamed else 0
    torch.set_num_threads(max(1, threads - workers))
    return workers


def stage_device(gpus: int | None = None) -> StageDevice:
    """The device of this process: a free GPU, waited for if there is none, or else the CPU.

    Args:
        gpus: how many the stage was given; with 0 it works on the CPU. None takes what there is.
    """
    import torch

    if gpus == 0 or not torch.cuda.is_available():
        return StageDevice(torch.device("cpu"), 0.0)
    names = device_names(torch.cuda.device_count(), os.environ)
    start = time.monotonic()
    number = claim(names, gpu_share(), lock_folder(os.environ))
    waited = time.monotonic() - start
    torch.cuda.set_device(number)
    return StageDevice(torch.device("cuda"), waited)


def device_names(count: int, environment: Mapping[str, str]) -> list[str]:
    """Names of the GPUs that a process sees, the same in every process whatever it sees.

    Those that a Slurm job was given are its own, and may have another job's numbers: their names
    are the job's. A job that was given none has the machine's.

    Args:
        count: how many it sees.
        environment: of the process.
    """
    visible = environment.get("CUDA_VISIBLE_DEVICES", "")
    names = [name.strip() for name in visible.split(",") if name.strip()]
    names = names[:count] if len(names) >= count else [str(number) for number in range(count)]
    if any(environment.get(variable) for variable in ALLOCATED):
        return [f"slurm-{environment.get('SLURM_JOB_ID', '')}-{name}" for name in names]
    return names


def memory_of_gpus(environment: Mapping[str, str]) -> list[int] | None:
    """Megabytes of each GPU that a process may see, by NVIDIA's tool; None where it does not tell.

    For Snakemake's process, which has no torch.

    Args:
        environment: of the process.
    """
    tool = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if tool is None:
        return None
    command = [tool, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        if visible.strip() in ("", "-1"):
            return []
        command += ["-i", visible]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        return [int(line) for line in done.stdout.splitlines() if line.strip()]
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def share_of_gpus(given: Callable[[str], int | None]) -> int | None:
    """Stages that may share a machine's GPUs; None where nobody has said.

    Args:
        given: what ``--resources`` limits a resource to.
    """
    if (share := given("gpu_share")) is not None:
        return share
    return MANY if given("gpu_mem_mb") is not None else None


def gpu_limits(memory: Sequence[int] | None, given: Callable[[str], int | None]) -> dict[str, int]:
    """What Snakemake may give out at once of this machine's GPUs, beside the user's limits.

    One stage a GPU; where stages may share them, as many as may and as fit together.

    Args:
        memory: megabytes of each GPU; None where they are not known.
        given: what ``--resources`` limits a resource to.
    """
    if memory is None:
        return {}
    share = (share_of_gpus(given) or 0) if memory else 0
    limits = {"gpu": max(len(memory), share), "gpu_mem_mb": sum(memory)}
    return {name: limit for name, limit in limits.items() if given(name) is None}


def lock_folder(environment: Mapping[str, str]) -> Path:
    """Where this user's locks lie: on the machine itself, since its GPUs are its own.

    One place for all workflows of a user, whatever each has as ``TMPDIR``. The user's own runtime
    folder comes first: nobody else can write there, and nothing is cleared away while it is used.

    Args:
        environment: of the process.
    """
    user = os.geteuid()
    for runtime in (environment.get("XDG_RUNTIME_DIR"), f"/run/user/{user}"):
        # `su` keeps the variable of the user that one was before.
        if runtime and Path(runtime).is_absolute() and _is_private(runtime):
            return Path(runtime, "dsd2-gpus")
    shared = Path("/tmp")
    place = shared if os.access(shared, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    return place / f"dsd2-gpus-{user}"


def _is_private(folder: str) -> bool:
    """Whether a path is a folder that this user alone can enter."""
    try:
        return _private(os.stat(folder))  # noqa: PTH116 - a folder's state, not a path's
    except OSError:
        return False


def _private(state: os.stat_result) -> bool:
    alone = state.st_uid == os.geteuid() and not stat.S_IMODE(state.st_mode) & 0o077
    return alone and stat.S_ISDIR(state.st_mode)


def claim(names: Sequence[str], at_once: int, folder: Path) -> int:
    """Take a place on the GPU that has fewest of this user's stages; wait until there is one.

    The place is this process's until it ends, however it ends. A second call gives the same one.

    Args:
        names: of the GPUs.
        at_once: stages that may run on all of them together; each takes one at least.
        folder: of the locks.

    Returns:
        The GPU's place among ``names``.

    Raises:
        UserError: the folder or a lock in it is not this user's alone: another could block us.
    """
    key = (str(folder), *names)
    if key not in _claimed:
        _claimed[key] = _wait_for_one(names, at_once, folder)
    return _claimed[key]


def _wait_for_one(names: Sequence[str], at_once: int, folder: Path) -> int:
    opened = _open_private(folder)
    places = range(max(1, math.ceil(at_once / len(names))))
    waiting = False
    while True:
        for place in places:
            for number, name in enumerate(names):
                if _lock(folder, opened, f"{quote(name, safe='')}.{place}.lock"):
                    return number
        if not waiting:
            print(f"waiting for one of {len(names)} GPUs", flush=True)
            waiting = True
        time.sleep(ASK_EVERY)


def _open_private(folder: Path) -> int:
    """Make the folder of the locks where there is none, and open it; what is there is checked."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise _refused(folder, error.strerror) from error
    if not _private(os.fstat(opened)):
        raise _refused(folder, "it is another user's, or open to others")
    # Those who clear away what is old, as systemd does, leave a locked folder's files alone.
    with suppress(OSError):
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return opened


def _lock(folder: Path, opened: int, name: str) -> bool:
    """Lock a file for as long as the process lives; False if another process has it."""
    # A named pipe would keep a process waiting that opens it.
    how = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(name, how, 0o600, dir_fd=opened)
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode) or state.st_uid != os.geteuid():
            raise _refused(folder / name, "it is no file of yours")
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # One that somebody has deleted meanwhile locks nothing.
            if os.fstat(descriptor).st_nlink:
                return True
        os.close(descriptor)
    except OSError as error:
        raise _refused(folder / name, error.strerror) from error
    return False


def _refused(path: Path, reason: str | None) -> UserError:
    return UserError(
        f"{path}: cannot be used for locks on GPUs ({reason}); have it removed, or set"
        " XDG_RUNTIME_DIR to a folder of your own with mode 700"
    )
