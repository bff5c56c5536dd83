"""Stages end with the workflow that started them, whatever stands between the two."""

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from one_stage import environment

from dsd2.environment import set_for_jobs
from dsd2.errors import UserError
from dsd2.processes import WORKFLOW, Identity

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")

NAMES = ["--run", "x", "--policy", '{"policy":"none"}', "--last", "1"]

STAGE = "import sys; from dsd2.cli import main; sys.exit(main(sys.argv[1:], 0.0))"

# A stage that lasts, of the command line or of a script, once it has begun.
LASTING = {
    "verb": "import dsd2.cli as c\n"
    "c._stage = lambda *_: lambda: (print(os.getpid(), flush=True), time.sleep(600))\n"
    "c.main(['select', '--run', 'x', '--policy', '{}', '--last', '1', '--chain', 'x',"
    " '--output', 'x'], 0.0)\n",
    "script": "from dsd2.script import logged\n"
    "with logged(os.devnull): print(os.getpid(), flush=True); time.sleep(600)\n",
}

# Stands for Snakemake: says which process it is, and has a shell start a stage.
FAKE_WORKFLOW = (
    "import os, subprocess, sys; from dsd2.environment import set_for_jobs\n"
    "set_for_jobs([], False, None)\n"
    "subprocess.run(sys.argv[1:])\n"
)


@needs_proc
@pytest.mark.parametrize("lasting", LASTING.values(), ids=LASTING)
@pytest.mark.parametrize("shell", ['exec $0 -c "$1"', '$0 -c "$1"; true'])
def test_a_stage_ends_with_its_workflow_even_behind_a_shell(lasting, shell):
    stage = ["bash", "-c", shell, sys.executable, f"import os, time\n{lasting}"]
    with subprocess.Popen(
        [sys.executable, "-c", FAKE_WORKFLOW, *stage],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as workflow:
        pid = int(workflow.stdout.readline())
        workflow.kill()
    try:
        assert _wait_until(lambda: not _alive(pid))
    finally:
        if _alive(pid):
            os.kill(pid, signal.SIGKILL)


@needs_proc
@pytest.mark.parametrize("lasting", LASTING.values(), ids=LASTING)
def test_a_stage_whose_workflow_is_gone_does_not_begin(lasting):
    gone = subprocess.run(
        [sys.executable, "-c", "from dsd2.processes import Identity; print(Identity.own())"],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    done = subprocess.run(
        [sys.executable, "-c", f"import os, time\n{lasting}"],
        env=environment(**{WORKFLOW: gone}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "error: the process that started this one is gone\n"


@needs_proc
def test_a_later_process_of_the_same_number_is_another():
    own = Identity.own()
    assert own.lives()
    assert Identity.parse(str(own)) == own
    assert dataclasses.replace(own, started=own.started + 1).lives() is False
    assert dataclasses.replace(own, place="0123abcd").lives() is None
    for text in ("", "1", "a-b-c-d", "1-2-3-4-5"):
        assert Identity.parse(text) is None


@needs_proc
def test_a_process_that_nobody_has_waited_for_is_dead():
    with subprocess.Popen(
        [sys.executable, "-c", "from dsd2.processes import Identity; print(Identity.own())"],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        child = Identity.parse(process.stdout.read().strip())
        assert _wait_until(lambda: child.lives() is False), "it has ended, and is a zombie"


def in_a_namespace(*options):
    """A command that is process 1 of a new namespace; skips where that is not permitted."""
    command = ["unshare", "--pid", "--fork", *options]
    permitted = (
        shutil.which("unshare")
        and not subprocess.run([*command, "true"], capture_output=True, check=False).returncode
    )
    if not permitted:
        pytest.skip("new process namespaces are not permitted here")
    return command


@pytest.mark.parametrize("options", [["--mount-proc"], []])
@pytest.mark.parametrize("given", [["--die-with-parent"], []])
def test_a_parent_may_be_process_1(tmp_path, options, given):
    stage = [
        sys.executable,
        "-c",
        STAGE,
        *given,
        "select",
        *NAMES,
        "--chain",
        str(tmp_path / "absent"),
    ]
    done = subprocess.run(
        [
            *in_a_namespace(*options),
            *(sys.executable, "-c", FAKE_WORKFLOW, *stage, "--output", str(tmp_path / "out")),
        ],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.startswith(f"error: {tmp_path / 'absent'}: ")


def test_a_stage_in_a_container_of_its_own_is_not_called_an_orphan(tmp_path):
    stage = [sys.executable, "-c", STAGE, "select", *NAMES, "--chain", str(tmp_path / "absent")]
    inner = [*in_a_namespace("--mount-proc"), *stage, "--output", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-c", FAKE_WORKFLOW, *inner],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.startswith(f"error: {tmp_path / 'absent'}: ")


def test_a_letter_that_the_terminal_lacks_ends_no_stage(tmp_path):
    program = (
        "from dsd2.processes import escape_what_cannot_be_shown, say\n"
        "escape_what_cannot_be_shown(); say('ζ = 0.5'); print('\\udcff')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(PYTHONIOENCODING="ascii:strict"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "\\u03b6 = 0.5\n\\udcff\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("where", [">/dev/full", "| true", ">&-"])
def test_nobody_who_listens_ends_no_run(where):
    program = "from dsd2.processes import say; say(*['results'] * 10000); print('more')"
    command = f'set -o pipefail; "$0" -c "{program}" {where}'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable], env=environment(), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.fixture
def elsewhere(monkeypatch):
    """Pretends that the library lies elsewhere, in a process that has an environment of its own."""
    monkeypatch.setattr(os, "environ", dict(os.environ))

    def place(library):
        monkeypatch.setattr("dsd2.environment.__file__", str(library / "dsd2" / "environment.py"))

    return place


def test_a_clone_below_a_colon_is_found_from_within(tmp_path, monkeypatch, elsewhere):
    library = tmp_path / "a:b" / "clone" / "workflow"
    library.mkdir(parents=True)
    elsewhere(library)
    monkeypatch.chdir(library.parent)
    set_for_jobs([], False, None)
    assert os.environ["PYTHONPATH"].split(os.pathsep)[0] == "workflow"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"{library}: has a colon in its path"):
        set_for_jobs([], False, None)


def test_a_clone_below_braces_is_named(tmp_path, elsewhere):
    elsewhere(tmp_path / "{x}")
    with pytest.raises(UserError, match="x}: has braces in its path, which Snakemake takes"):
        set_for_jobs([], False, None)


def test_a_full_folder_for_temporary_files_is_named(tmp_path, monkeypatch, elsewhere):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("dsd2.environment.TEMPORARY", 2 * shutil.disk_usage(tmp_path).total)
    with pytest.raises(UserError, match=f"{tmp_path}: has no space for temporary files"):
        set_for_jobs([], False, None)


def _alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()
