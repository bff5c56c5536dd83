"""Snakemake, imported once for the runs of a test process: each run is a fork of it.

The imports take longer than most dry runs. What a fork does is what `python -m snakemake` does in
a process of its own, for Snakemake keeps nothing between runs and this project's library is not
imported before. Runs that a test kills, and those with other settings of Python, are processes of
their own.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

USED = ("numpy", "pandas", "pulp", "pydantic", "smart_open", "yaml")
"""What a run imports later."""


def _of_python(environment):
    """The settings that Python reads when it starts."""
    return {key: value for key, value in environment.items() if key.startswith("PYTHON")}


class Server:
    """A process that has imported Snakemake, and its runs."""

    def __init__(self):
        ours, theirs = socket.socketpair()
        command = [sys.executable, str(Path(__file__).resolve()), str(theirs.fileno())]
        self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        self._settings = _of_python(os.environ)
        self._running = threading.Lock()
        theirs.close()
        self._socket = ours
        self._answers = ours.makefile("r")

    def fits(self):
        """Whether a run with the environment as it is now may be a fork."""
        is_free = self._process.poll() is None and not self._running.locked()
        return is_free and _of_python(os.environ) == self._settings

    def run(self, arguments, folder, log, patience):
        """Run Snakemake to its end, in a session of its own; gives its exit status.

        Args:
            arguments: of the command line.
            folder: where.
            log: file of what it prints.
            patience: seconds that it may take; then it is killed, and TimeoutError raised.
        """
        asked = {
            "arguments": [str(argument) for argument in arguments],
            "folder": str(folder),
            "log": str(log),
            "environment": dict(os.environ),
        }
        with self._running:
            self._socket.sendall(json.dumps(asked).encode() + b"\n")
            self._socket.settimeout(patience)
            pid = json.loads(self._answers.readline())
            try:
                return json.loads(self._answers.readline())
            except TimeoutError:
                os.killpg(pid, signal.SIGKILL)
                self._process.kill()
                raise

    def stop(self):
        """End the process."""
        self._socket.close()
        self._answers.close()
        self._process.wait()


def _serve(connection):
    """Fork a run for each request, and tell its process and then its exit status."""
    for name in USED:
        importlib.import_module(name)
    from snakemake import cli

    # It imports all plugins.
    cli.get_argument_parser()
    requests = connection.makefile("r")
    while line := requests.readline():
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            return cli.main, asked
        connection.sendall(b"%d\n" % pid)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        connection.sendall(b"%d\n" % status)
    return None, None


def _become(asked):
    """Be as `python -m snakemake` is when it starts."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.path[0] = asked["folder"]
    sys.argv[:] = ["snakemake", *asked["arguments"]]
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(log)
    os.close(nothing)


if __name__ == "__main__":
    connection = socket.socket(fileno=int(sys.argv[1]))
    main, asked = _serve(connection)
    connection.close()
    if main is not None:
        _become(asked)
        main(asked["arguments"])
