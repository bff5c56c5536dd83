"""Processes that end with the one that started them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys


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
