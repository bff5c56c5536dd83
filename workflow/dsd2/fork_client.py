"""The process that Snakemake starts for a stage, where a fork server runs the stage itself."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from dsd2.processes import die_with_workflow

FOLDER = "DSD2_FORK_SERVER"
"""Environment variable that names the folder of a workflow's fork servers."""
WANTED = "DSD2_FORK"
"""Environment variable by which a user turns fork servers off: ``no``."""
PATIENCE = 10.0
"""Seconds in which a server answers; one that does not is left alone."""

SIZE = 4
"""Bytes of a message's length, of a signal's number and of a status."""


def set_folder() -> None:
    """Have stages that this process starts use fork servers; to be called when the work begins."""
    os.environ.pop(FOLDER, None)
    if sys.platform != "linux" or os.environ.get(WANTED) == "no":
        return
    folder = tempfile.mkdtemp(prefix="dsd2-")
    # A socket's path has 107 bytes at most.
    if len(os.fsencode(folder)) > 80:
        Path(folder).rmdir()
    else:
        os.environ[FOLDER] = folder


def remove_folder() -> None:
    """Undo :func:`set_folder`: servers end with the workflow, and need no folder any more."""
    if folder := os.environ.pop(FOLDER, None):
        shutil.rmtree(folder, ignore_errors=True)


def run_by_server(arguments: list[str], started: float) -> int | None:
    """Have a fork server run a stage, and wait for it.

    A signal that ends the stage ends this process, too.

    Args:
        arguments: of the command line, without the program's name.
        started: when this process started, as ``time.time()`` counts.

    Returns:
        The exit status; None where there is no server, so that nothing has been done.
    """
    folder = os.environ.get(FOLDER)
    if folder is None:
        return None
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.settimeout(PATIENCE)
            connection.connect(socket_path(folder))
            die_with_workflow()
            _pass_signals_on(connection)
            _send_request(connection, arguments, started)
            connection.settimeout(None)
        except OSError:
            _stop_passing_on()
            return None
        return _outcome(receive(connection, SIZE))


def _pass_signals_on(connection: socket.socket) -> None:
    def pass_on(number: int, _: object) -> None:
        with suppress(OSError):
            connection.send(number.to_bytes(SIZE, "big"))

    for asking in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(asking) is not signal.SIG_IGN:
            signal.signal(asking, pass_on)


def _stop_passing_on() -> None:
    for asking in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(asking) is not signal.SIG_IGN:
            signal.signal(asking, signal.SIG_DFL)


def _send_request(connection: socket.socket, arguments: list[str], started: float) -> None:
    mask = os.umask(0o077)
    os.umask(mask)
    ignored = [
        int(number)
        for number in (signal.SIGTERM, signal.SIGINT)
        if signal.getsignal(number) is signal.SIG_IGN
    ]
    request = {
        "arguments": arguments,
        "started": started,
        "folder": str(Path.cwd()),
        "umask": mask,
        "ignored": ignored,
    }
    text = json.dumps(request).encode()
    socket.send_fds(connection, [len(text).to_bytes(SIZE, "big")], [0, 1, 2])
    connection.sendall(text)


def _outcome(answer: bytes) -> int:
    """A stage's exit status; ends this process by the signal that ended the stage."""
    if len(answer) < SIZE:
        print("error: the process that ran this stage is gone", file=sys.stderr)
        return 1
    status = int.from_bytes(answer, "big", signed=True)
    if status < 0:
        with suppress(OSError):  # SIGKILL has no other action.
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


def socket_path(folder: str) -> str:
    """A server's socket: one for each interpreter and environment, since imports depend on them."""
    known = json.dumps([sys.executable, sys.flags, sorted(os.environ.items())])
    return os.path.join(folder, hashlib.sha256(known.encode(errors="replace")).hexdigest()[:16])  # noqa: PTH118


def receive(connection: socket.socket, size: int) -> bytes:
    """So many bytes; fewer where the other end is gone."""
    received = b""
    while len(received) < size:
        try:
            part = connection.recv(size - len(received))
        except ConnectionError:
            part = b""
        if not part:
            break
        received += part
    return received
