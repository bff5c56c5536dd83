"""A stage's process: how it starts and ends, with its parent or by a signal too; what it held."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


@contextmanager
def importing() -> Iterator[None]:
    """Import without looking for garbage: all stays, and looking takes a seventh of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def leave(status: int) -> NoReturn:
    """End this process without taking it apart: freeing torch takes a third of its import's time.

    What waits to be printed is. Worker processes die with their parent, and nothing else of ours
    waits for the interpreter's end.

    Args:
        status: exit status.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when its parent dies, so that no orphan goes on working.

    On Linux alone; elsewhere it does nothing.

    Args:
        parent: the parent's process id, where the parent has told it.
    """
    if not sys.platform.startswith("linux"):
        return
    known = parent
    parent = os.getppid() if known is None else known
    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent or (known is None and parent == 1):
        sys.exit("error: the process that started this one is gone")


class Stopped(BaseException):
    """Someone asked the process to end: a cluster that preempts it, or Ctrl-C.

    No :class:`Exception`, so that nothing on its way takes it for a failure of its own.

    Attributes:
        signal: which signal asked.
        kept: what is saved for the next attempt, in words.
    """

    def __init__(self, number: int) -> None:
        self.signal = signal.Signals(number)
        self.kept = ""

    def __str__(self) -> str:
        return f"stopped by {self.signal.name}{self.kept}"


def raise_when_asked_to_stop() -> None:
    """Have SIGTERM and SIGINT raise :class:`Stopped`, once: what it saves is not disturbed.

    One that is ignored, as a shell has it for what it runs in the background, stays so.
    """

    def stop(number: int, _: FrameType | None) -> None:
        for asking in (signal.SIGTERM, signal.SIGINT):
            signal.signal(asking, signal.SIG_IGN)
        raise Stopped(number)

    for asking in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(asking) is not signal.SIG_IGN:
            signal.signal(asking, stop)


def peak_memory(of: int = resource.RUSAGE_SELF) -> int:
    """Largest resident size so far, in bytes: of this process, or of those that it waited for."""
    peak = resource.getrusage(of).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
