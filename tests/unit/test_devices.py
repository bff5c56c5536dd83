"""Locks on GPUs, taken by processes of their own. How many GPUs there are is pretended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dsd2.devices import device_names, stage_device
from dsd2.environment import gpu_share, set_for_jobs

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


def test_each_stage_has_a_gpu_of_its_own_and_a_killed_one_frees_it(holders):
    first, second = holders("0,1"), holders("0,1")
    assert {says(first), says(second)} == {"0", "1"}
    third = holders("0,1")
    assert says(third) == "waiting for one of 2 GPUs"
    second.send_signal(signal.SIGKILL)
    assert says(third) in ("0", "1")


def test_small_runs_share_cards_evenly(holders):
    taken = []
    for _ in range(4):
        process = holders("0,1", at_once=4)
        taken.append(says(process))
    assert taken == ["0", "1", "0", "1"]
    assert says(holders("0,1", at_once=4)) == "waiting for one of 2 GPUs"


def test_a_gpu_is_the_same_whatever_a_process_sees(holders):
    assert says(holders("4,7")) == "0"
    assert says(holders("7,4")) == "0", "the other one, which it sees first"
    assert says(holders("7")) == "waiting for one of 1 GPUs"


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


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="this machine has a GPU")
def test_without_a_gpu_stages_work_on_the_cpu():
    assert stage_device().type == "cpu"
