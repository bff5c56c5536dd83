"""A stage's process: how it starts and ends, with its parent or by a signal too; what it held."""

from __future__ import annotations

import ctypes
import gc
import hashlib
import io
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import NoReturn

WORKFLOW = "DSD2_WORKFLOW"
"""Environment variable that tells a stage which process runs the workflow."""

LOOK_EVERY = 1.0
"""Seconds between looks whether the workflow still runs, where the kernel does not tell."""


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


@dataclass(frozen=True)
class Identity:
    """What tells a process from every other, also from a later one with the same number.

    Attributes:
        pid: its number, as it sees itself.
        number: its number in ``/proc``, which may be that of another namespace.
        started: when it started, in the kernel's ticks; 0 where there is no ``/proc``.
        place: the boot of a machine and the namespace in which the numbers hold.
    """

    pid: int
    number: int
    started: int
    place: str

    def __str__(self) -> str:
        return f"{self.pid}-{self.number}-{self.started}-{self.place}"

    @classmethod
    def own(cls) -> Identity:
        """This process."""
        number, _, started = _looked_up("self") or (os.getpid(), "", 0)
        return cls(os.getpid(), number, started, _place())

    @classmethod
    def parse(cls, text: str) -> Identity | None:
        """The process that ``str`` made a text of; None where the text is another."""
        try:
            pid, number, started, place = text.split("-")
            return cls(int(pid), int(number), int(started), place)
        except ValueError:
            return None

    def lives(self) -> bool | None:
        """Whether the process lives; None where that cannot be known from here."""
        if self.place != _place() or not self.started:
            return None
        found = _looked_up(self.number)
        return found is not None and found[2] == self.started and found[1] not in "ZX"


def _looked_up(process: int | str) -> tuple[int, str, int] | None:
    """Number, state and start of a process, by ``/proc``."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(errors="replace")
    except OSError:
        return None
    # The name between the brackets may hold anything.
    fields = text.rpartition(")")[2].split()
    return int(text.partition(" ")[0]), fields[0], int(fields[19])


@cache
def _place() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8")
        place = boot + str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        place = socket.gethostname()
    return hashlib.sha256(place.encode()).hexdigest()[:8]


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when its parent dies, so that no orphan goes on working.

    On Linux alone; elsewhere it does nothing.

    Args:
        parent: the parent's process id, where it is known from the parent. Whatever the id of an
            orphan's new parent is, it is another.
    """
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid() if parent is None else parent
    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        _end_orphan()


def die_with_workflow() -> None:
    """Have this process end when its parent dies, or the workflow that it belongs to.

    A shell may stand between the two: it outlives the workflow, and the kernel tells nothing. So
    a thread looks. Where the workflow has other process ids, as outside a container, the parent
    alone counts. Does nothing in a process that no workflow started.
    """
    workflow = Identity.parse(os.environ.get(WORKFLOW, ""))
    if workflow is None:
        return
    parent = os.getppid()
    die_with_parent(parent)
    if workflow.lives() is False:
        _end_orphan()
    if workflow.lives() and parent != workflow.pid:
        threading.Thread(target=_watch, args=[workflow], daemon=True).start()


def _watch(workflow: Identity) -> None:
    while workflow.lives() is not False:
        time.sleep(LOOK_EVERY)
    os._exit(128 + signal.SIGKILL)


def _end_orphan() -> NoReturn:
    sys.exit("error: the process that started this one is gone")


def escape_what_cannot_be_shown() -> None:
    """Have letters that the terminal's encoding lacks printed as escapes, not end the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(*lines: str) -> None:
    """Print lines; one who has closed the terminal or pipe does not make the work a failure."""
    try:
        print(*lines, sep="\n", flush=True)
    except OSError:
        # The interpreter flushes again at its end, and would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


class Stopped(BaseException):
    """A signal ends the process: a cluster that preempts it, or Ctrl-C.

    No :class:`Exception`, so that nothing on its way takes it for a failure of its own.

    Attributes:
        signal: it.
        kept: what is saved for the next attempt, for the message.
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


def out_of_memory_sentence(name: str, error: BaseException) -> str:
    """What a process held when it found no more memory, and what it requested.

    Args:
        name: of the stage.
        error: that said so.
    """
    requested = str(error).partition("\n")[0] or "no more could be had"
    held = peak_memory() / 1e6
    return f"{name} ran out of memory when it held {held:.0f} MB ({requested}): give it more"


def peak_memory(of: int = resource.RUSAGE_SELF) -> int:
    """Largest resident size so far, in bytes: of this process, or of those that it waited for."""
    peak = resource.getrusage(of).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
