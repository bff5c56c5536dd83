"""A stage that a fork server runs behaves as one that starts by itself."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from one_stage import environment
from project import wait_until

from dsd2.fork_client import FOLDER, WANTED, set_folder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="fork servers need Linux")

# Stands for Snakemake: it says who it is, and runs what it reads, a line each.
WORKFLOW = """
import json, os, subprocess, sys
from dsd2.environment import set_for_jobs
from dsd2.fork_client import set_folder
set_for_jobs([], False, None)
set_folder()
print(os.environ.get("DSD2_FORK_SERVER"), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    environment = {**os.environ, **request["environment"]}
    stage = subprocess.Popen([sys.executable, sys.argv[1], *request["arguments"]], env=environment,
                             cwd=request["folder"])
    print(stage.pid, flush=True)
    print(stage.wait(), flush=True)
"""

# Stands for a stage's command line; each prints whether it was copied, and who runs it.
STAGE = """
import os, sys, time
import_of = os.getpid()

def main(arguments, started):
    leave_server(main)
    # A signal may come as soon as the line is out.
    try:
        print(os.getpid() != import_of, os.getpid(), os.getcwd(), flush=True)
        match arguments:
            case ["status", number]:
                return int(number)
            case ["raise"]:
                raise ValueError("of the stage")
            case ["exit", text]:
                sys.exit(text)
            case ["last"]:
                time.sleep(600)
    except Stopped as stopped:
        print(stopped, flush=True)
        return 128 + stopped.signal

if __name__ == "__main__":
    from dsd2.fork_client import run_by_server
    from dsd2.fork_server import leave_server
    from dsd2.processes import Stopped, leave, raise_when_asked_to_stop
    status = run_by_server(sys.argv[1:], 0.0)
    if status is None:
        raise_when_asked_to_stop()
        status = main(sys.argv[1:], 0.0)
    leave(status)
"""


class Workflow:
    """A process that starts stages, the first of which leaves a fork server behind."""

    def __init__(self, folder):
        self.place = folder
        program = folder / "stage.py"
        program.write_text(STAGE)
        with (folder / "errors").open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", WORKFLOW, str(program)],
                env=environment(OPENBLAS_NUM_THREADS="1"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.folder = Path(self._line())

    def _line(self):
        return self.process.stdout.readline().strip()

    def start(self, *arguments, folder=None, **variables):
        """Have a stage started; returns its client's number, if it was copied, and its own."""
        request = {
            "arguments": arguments,
            "environment": variables,
            "folder": str(folder or self.place),
        }
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        client = int(self._line())
        copied, own, self.works_in = self._line().split()
        return client, copied == "True", int(own)

    def ends(self):
        return int(self._line())

    def errors(self):
        return (self.place / "errors").read_text()


@pytest.fixture
def workflow(tmp_path):
    workflow = Workflow(tmp_path)
    _, copied, _ = workflow.start("status", "0")
    assert not copied, "the first stage starts by itself"
    assert workflow.ends() == 0
    with workflow.process:
        yield workflow
        workflow.process.kill()
    assert wait_until(lambda: not workflow.folder.exists(), 20), "the server ends, and clears up"


def test_later_stages_are_copies_with_their_own_status_folder_and_streams(workflow):
    elsewhere = workflow.place / "elsewhere"
    elsewhere.mkdir()
    assert workflow.start("status", "7", folder=elsewhere)[1]
    assert workflow.works_in == str(elsewhere)
    assert workflow.ends() == 7
    assert workflow.start("raise")[1]
    assert workflow.ends() == 1
    assert workflow.errors().strip().endswith("ValueError: of the stage")
    assert workflow.start("exit", "why")[1]
    assert workflow.ends() == 1
    assert workflow.errors().endswith("why\n")


def test_a_stage_of_another_environment_starts_by_itself_and_leaves_its_own_server(workflow):
    for copied in (False, True):
        assert workflow.start("status", "0", ANOTHER="yes")[1] is copied
        assert workflow.ends() == 0


def test_it_can_be_turned_off(monkeypatch):
    monkeypatch.setattr(os, "environ", {**os.environ, WANTED: "no", FOLDER: "left over"})
    set_folder()
    assert FOLDER not in os.environ


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_stage(workflow, number):
    client, _, stage = workflow.start("last")
    assert client != stage
    os.kill(client, number)
    assert workflow._line() == f"stopped by {number.name}"
    assert workflow.ends() == 128 + number


def test_a_stage_that_is_killed_ends_its_client_in_the_same_way(workflow):
    _, _, stage = workflow.start("last")
    os.kill(stage, signal.SIGKILL)
    assert workflow.ends() == -signal.SIGKILL


def test_a_stage_ends_with_its_client(workflow):
    client, _, stage = workflow.start("last")
    os.kill(client, signal.SIGKILL)
    assert workflow.ends() == -signal.SIGKILL
    assert wait_until(lambda: gone(stage), 20)


def test_a_stage_ends_with_its_workflow(workflow):
    _, _, stage = workflow.start("last")
    workflow.process.kill()
    assert wait_until(lambda: gone(stage), 20)


def test_the_kernel_shows_a_copy_as_the_stage_that_it_runs(workflow):
    _, _, stage = workflow.start("last")
    shown = Path(f"/proc/{stage}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    assert b"last" in shown
    assert b"status" not in shown
    os.kill(stage, signal.SIGKILL)
    workflow.ends()


def test_a_server_that_fails_does_not_go_on_as_the_stage_that_left_it(tmp_path):
    program = (
        "from dsd2 import fork_server; from dsd2.environment import set_for_jobs;"
        "from dsd2.fork_client import *; set_for_jobs([], False, None); set_folder()\n"
        "def serve(*_): raise OSError('no more files')\n"
        "fork_server._serve = serve; fork_server.leave_server(None); remove_folder()\n"
        "os.write(1, b'the stage\\n'); os.waitpid(-1, 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(OPENBLAS_NUM_THREADS="1"),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "the stage\n"), done.stderr


def test_a_process_with_threads_leaves_no_server(tmp_path):
    program = (
        "import threading, time; from dsd2.environment import set_for_jobs;"
        "from dsd2.fork_client import *; from dsd2.fork_server import leave_server;"
        "set_for_jobs([], False, None); set_folder();"
        "threading.Thread(target=time.sleep, args=[600], daemon=True).start();"
        "leave_server(None); print(os.listdir(os.environ[FOLDER])); remove_folder(); os._exit(0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True
    )
    assert done.stdout == "[]\n", done.stderr


def gone(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return True
    return state.rpartition(")")[2].split()[0] in "ZX"
