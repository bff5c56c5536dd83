"""A fork server: stages start from a process that has imported torch already.

Importing torch takes seconds, and a small training takes no longer. So the first training of a
workflow leaves a copy of itself behind, made after its imports and before its work. Later stages
ask this copy, by a socket, for a further copy that does their work. The process that Snakemake
started waits for it: it passes signals on and ends as the copy ends.

Stages start by themselves where there is no server: outside Linux, on a cluster, where libraries
have started threads, and where a job's environment differs from the first training's.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from dsd2.fork_client import FOLDER, SIZE, receive, remove_folder, socket_path
from dsd2.processes import WORKFLOW, Identity, leave, raise_when_asked_to_stop

SERVERS = 4
"""Environments of jobs for which a workflow keeps a server, at most: each holds torch in memory."""

Main = Callable[[list[str], float], int]
"""A command line: arguments and when the process started, to the exit status."""


def leave_server(main: Main) -> None:
    """Leave a copy of this process behind that starts further stages, unless there is one.

    To be called after imports and before anything else: the copy keeps what there is.

    Args:
        main: the command line that the copies run.
    """
    folder = os.environ.get(FOLDER)
    workflow = Identity.parse(os.environ.get(WORKFLOW, ""))
    # A copy has one thread alone, and would wait for ever for what another one holds.
    if folder is None or workflow is None or len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX) as listening:
        if len(list(Path(folder).iterdir())) >= SERVERS:
            return
        ends = os.pidfd_open(workflow.pid)
        # Taken by one process alone: the first.
        listening.bind(socket_path(folder))
        listening.listen(64)
        sys.stdout.flush()
        sys.stderr.flush()
        _fork(_serve, listening, ends, main)
        os.close(ends)


def _fork(work: Callable[..., NoReturn], *arguments: object) -> None:
    """Run something in a copy of this process, which ends there even if it fails.

    Where the error went on, the copy would go on as this process.
    """
    if os.fork() == 0:
        try:
            work(*arguments)
        finally:
            leave(1)


def _serve(listening: socket.socket, workflow: int, main: Main) -> NoReturn:
    """Make a process for each stage that asks for one, until the workflow ends.

    Args:
        listening: socket.
        workflow: file descriptor of the workflow's process.
        main: command line that stages run.
    """
    os.setsid()
    _show_as(["python", "-m", "dsd2", "(starts stages that have torch imported)"])
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    _close_others({listening.fileno(), workflow})
    for asking in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asking, signal.SIG_DFL)
    # The kernel forgets children that have ended.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while workflow not in _ready(listening, workflow):
        with suppress(OSError):
            connection, _ = listening.accept()
            _fork(_run_stage, connection, listening, workflow, main)
            connection.close()
    remove_folder()
    leave(0)


def _run_stage(
    connection: socket.socket, listening: socket.socket, workflow: int, main: Main
) -> NoReturn:
    """Run a stage in a process of its own, and tell the client how it ended.

    The stage is killed where the client or the workflow is gone.
    """
    listening.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        size, streams = _receive_request(connection)
        request = json.loads(receive(connection, size))
    except (OSError, ValueError):
        leave(1)
    stage = os.fork()
    if stage == 0:
        connection.close()
        os.close(workflow)
        _become_stage(request, streams, main)
    ends = os.pidfd_open(stage)
    while ends not in (ready := _ready(connection, workflow, ends)):
        number = receive(connection, SIZE) if connection.fileno() in ready else b""
        os.kill(stage, int.from_bytes(number, "big") if number else signal.SIGKILL)
        if not number:
            leave(1)
    status = os.waitstatus_to_exitcode(os.waitpid(stage, 0)[1])
    with suppress(OSError):
        connection.sendall(status.to_bytes(SIZE, "big", signed=True))
    leave(0)


def _become_stage(request: dict[str, object], streams: list[int], main: Main) -> NoReturn:
    """Take over what a client is to its stage, and run it."""
    for stream, given in enumerate(streams):
        os.dup2(given, stream)
        os.close(given)
    arguments = list(map(str, request["arguments"]))  # type: ignore[call-overload]
    _show_as(["python", "-m", "dsd2", *arguments])
    os.chdir(str(request["folder"]))
    os.umask(int(request["umask"]))  # type: ignore[call-overload]
    for number in request["ignored"]:  # type: ignore[attr-defined]
        signal.signal(number, signal.SIG_IGN)
    raise_when_asked_to_stop()
    try:
        leave(main(arguments, float(request["started"])))  # type: ignore[arg-type]
    except SystemExit as end:
        # As the interpreter does it: a text is printed, and is a failure.
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        leave(end.code if isinstance(end.code, int) else int(end.code is not None))
    except BaseException:
        sys.excepthook(*sys.exc_info())
        leave(1)


def _receive_request(connection: socket.socket) -> tuple[int, list[int]]:
    """The length of a request, and the client's standard streams."""
    head, streams, _, _ = socket.recv_fds(connection, SIZE, 3)
    if len(head) < SIZE or len(streams) != 3:
        raise OSError("no request")
    return int.from_bytes(head, "big"), streams


def _ready(*sources: socket.socket | int) -> set[int]:
    """Wait until one or more of some sockets or processes can be read, or have ended."""
    waiting = select.poll()
    for source in sources:
        waiting.register(source, select.POLLIN)
    return {descriptor for descriptor, _ in waiting.poll()}


def _close_others(kept: set[int]) -> None:
    """Close all files but the standard streams and some more."""
    for number in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208
        if number > 2 and number not in kept:
            with suppress(OSError):
                os.close(number)


def _show_as(arguments: list[str]) -> None:
    """Have ``ps`` show other arguments of this process: those of the stage that it runs.

    The kernel shows what lies where the arguments lay at first, and no more than its length.
    """
    fields = Path("/proc/self/stat").read_text(errors="replace").rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    if 0 < start < end:
        text = b"\0".join(map(os.fsencode, arguments))[: end - start - 1]
        ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)
