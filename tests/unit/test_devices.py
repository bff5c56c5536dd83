"""Locks on GPUs, taken by processes of their own. How many GPUs there are is pretended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dsd2.devices import (
    claim,
    device_names,
    gpu_limits,
    lock_folder,
    memory_of_gpus,
    share_of_gpus,
    stage_device,
)
from dsd2.environment import gpu_share, set_for_jobs
from dsd2.errors import UserError

LIBRARY = Path(__file__).parents[2] / "workflow"
HOLD = (
    "import sys, pathlib, dsd2.devices as d\n"
    "names, at_once, folder = sys.argv[1].split(','), int(sys.argv[2]), pathlib.Path(sys.argv[3])\n"
    "print(d.claim(names, at_once, folder), flush=True)\n"
    "sys.stdin.read()\n"
)


@pytest.fixture
def holders(tmp_path):
    """Starts processes that hold a place on a GPU until they are killed."""
    started = []

    def start(names, at_once=1):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, names, str(at_once), str(tmp_path / "locks")],
            env={**os.environ, "PYTHONPATH": str(LIBRARY)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def says(process):
    return process.stdout.readline().strip()


@pytest.mark.process
def test_each_stage_has_a_gpu_of_its_own_and_a_killed_one_frees_it(holders):
    first, second = holders("0,1"), holders("0,1")
    assert {says(first), says(second)} == {"0", "1"}
    third = holders("0,1")
    assert says(third) == "waiting for one of 2 GPUs"
    second.send_signal(signal.SIGKILL)
    assert says(third) in ("0", "1")


@pytest.mark.process
def test_small_runs_share_cards_evenly(holders):
    taken = []
    for _ in range(4):
        process = holders("0,1", at_once=4)
        taken.append(says(process))
    assert taken == ["0", "1", "0", "1"]
    assert says(holders("0,1", at_once=4)) == "waiting for one of 2 GPUs"


@pytest.mark.process
def test_a_gpu_is_the_same_whatever_a_process_sees(holders):
    assert says(holders("4,7")) == "0"
    assert says(holders("7,4")) == "0", "the other one, which it sees first"
    assert says(holders("7")) == "waiting for one of 1 GPUs"


@pytest.mark.process
def test_a_lock_that_is_deleted_is_not_held_by_the_next(holders, tmp_path):
    folder = tmp_path / "locks"
    assert says(holders("0")) == "0"
    (folder / "0.0.lock").unlink()
    assert says(holders("0")) == "0", "nothing can be done about the first, but none waits for ever"
    assert says(holders("0")) == "waiting for one of 1 GPUs"


def test_a_gpu_of_any_name_has_a_lock_in_the_folder(tmp_path):
    assert claim(["MIG-GPU-8a/1/0", "../x"], 1, tmp_path / "locks") == 0
    assert claim(["../x"], 1, tmp_path / "locks") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["locks"]


PLANTED = {
    "a link to a folder": lambda folder, own: folder.symlink_to(own, target_is_directory=True),
    "a link to nothing": lambda folder, own: folder.symlink_to(own / "absent"),
    "a file": lambda folder, own: folder.touch(),
    "a named pipe": lambda folder, own: os.mkfifo(folder),
    "a folder that all may write to": lambda folder, own: (folder.mkdir(), folder.chmod(0o777)),
    "a folder that the group may enter": lambda folder, own: (folder.mkdir(), folder.chmod(0o750)),
}


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_a_folder_of_locks_that_another_may_have_made_is_refused(tmp_path, plant):
    folder, own = tmp_path / "locks", tmp_path / "own"
    own.mkdir(mode=0o700)
    plant(folder, own)
    with pytest.raises(UserError, match=r"locks: cannot be used for locks on GPUs .*; have it"):
        claim(["0"], 1, folder)
    assert not list(own.iterdir()), "nothing is made where a link leads"


def test_another_users_folder_of_locks_is_refused(tmp_path):
    folder = tmp_path / "locks"
    folder.mkdir(mode=0o700)
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    os.chown(folder, 65534, 65534)
    with pytest.raises(UserError, match="another user's, or open to others"):
        claim(["0"], 1, folder)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "another user's"])
def test_what_is_no_lock_of_ones_own_is_refused(tmp_path, kind):
    folder = tmp_path / "locks"
    folder.mkdir(mode=0o700)
    lock, target = folder / "0.0.lock", tmp_path / "target"
    match kind:
        case "link":
            lock.symlink_to(target)
        case "pipe":
            os.mkfifo(lock)
        case "folder":
            lock.mkdir()
        case _:
            lock.touch()
            if os.geteuid() != 0:
                pytest.skip("only root can give a file to another user")
            os.chown(lock, 65534, 65534)
    with pytest.raises(UserError, match=r"0.0.lock: cannot be used for locks on GPUs"):
        claim(["0"], 1, folder)
    assert not target.exists()


def test_locks_lie_in_ones_own_runtime_folder_wherever_tmpdir_is(tmp_path, monkeypatch):
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    expected = runtime / "dsd2-gpus"
    assert lock_folder({"XDG_RUNTIME_DIR": str(runtime)}) == expected
    elsewhere = lock_folder({})
    for unfit in ("relative", str(tmp_path / "absent"), ""):
        assert lock_folder({"XDG_RUNTIME_DIR": unfit}) == elsewhere
    runtime.chmod(0o755)
    assert lock_folder({"XDG_RUNTIME_DIR": str(runtime)}) == elsewhere
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert lock_folder({"TMPDIR": str(tmp_path)}) == elsewhere, "one place for all of a user's"


def test_jobs_are_told_how_many_share(monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    assert gpu_share() == 1
    set_for_jobs(["data"], False, 4)
    assert gpu_share() == 4
    set_for_jobs(["data"], False, None)
    assert gpu_share() == 4, "a workflow within a job knows no limit, and inherits it"


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, ["0", "1"]),
        ("", ["0", "1"]),
        ("3, 5", ["3", "5"]),
        ("GPU-8a,GPU-9b", ["GPU-8a", "GPU-9b"]),
    ],
)
def test_names_of_gpus(visible, expected):
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    assert device_names(2, environment) == expected
    assert device_names(2, {**environment, "SLURM_JOB_ID": "7"}) == expected, "it gave no GPU"
    given = {**environment, "SLURM_JOB_ID": "7", "SLURM_JOB_GPUS": "0,1"}
    assert device_names(2, given) == [f"slurm-7-{name}" for name in expected]


def test_a_process_that_asks_again_does_not_wait_for_itself(tmp_path):
    assert claim(["0"], 1, tmp_path / "locks") == 0
    assert claim(["0"], 1, tmp_path / "locks") == 0


SMI = """#!/bin/sh
case "$*" in
  *"-i 9"*) exit 6 ;;
  *"-i 1"*) echo 24564 ;;
  *) printf '81559\\n24564\\n' ;;
esac
"""


@pytest.mark.process
@pytest.mark.parametrize(
    ("visible", "memory"),
    [(None, [81559, 24564]), ("1", [24564]), ("", []), ("-1", []), ("9", None)],
)
def test_gpus_and_their_memory_are_known_without_torch(tmp_path, monkeypatch, visible, memory):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(SMI)
    tool.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    if visible is not None:
        environment["CUDA_VISIBLE_DEVICES"] = visible
    assert memory_of_gpus(environment) == memory
    tool.unlink()
    environment["PATH"] = str(tmp_path)
    assert memory_of_gpus(environment) is None, "there may be GPUs that no tool tells of"


@pytest.mark.parametrize(
    ("memory", "given", "limits"),
    [
        (None, {}, {}),
        ([], {"gpu_share": 4}, {"gpu": 0, "gpu_mem_mb": 0}),
        ([80, 80], {}, {"gpu": 2, "gpu_mem_mb": 160}),
        ([80, 80], {"gpu": 1}, {"gpu_mem_mb": 160}),
        ([80, 80], {"gpu_share": 4}, {"gpu": 4, "gpu_mem_mb": 160}),
        ([80, 80], {"gpu_share": 1}, {"gpu": 2, "gpu_mem_mb": 160}),
        ([80], {"gpu_mem_mb": 70}, {"gpu": 64}),
    ],
)
def test_no_more_is_given_out_than_there_is(memory, given, limits):
    assert gpu_limits(memory, given.get) == limits


def test_stages_share_gpus_where_one_says_how_many_may_or_what_fits():
    assert share_of_gpus({}.get) is None
    assert share_of_gpus({"gpu_mem_mb": 70_000}.get) > 8
    assert share_of_gpus({"gpu_mem_mb": 70_000, "gpu_share": 2}.get) == 2


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="this machine has a GPU")
def test_without_a_gpu_stages_work_on_the_cpu():
    assert stage_device().device.type == "cpu"
