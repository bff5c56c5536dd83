"""What ends a run early or damages its files, and the one command that mends it."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from project import training_processes, wait_until
from test_faults import needs_proc

RUN = "results/runs/*vgg1x2-ep2-lr0.05-f0.6-s0-*"
GATED = "results/runs/*-00-s0-*"
MIDDLE = f"{RUN}/iter-02/checkpoint.safetensors"

DAMAGED = {
    "dataset": ("results/datasets/*.safetensors", MIDDLE),
    "labels": ("results/labels/*.parquet", MIDDLE),
    "checkpoint": (f"{RUN}/iter-01/checkpoint.safetensors", MIDDLE),
    "metrics": (f"{RUN}/iter-02/metrics.parquet", f"{RUN}/stopping/*/*.parquet"),
    "chain": (f"{RUN}/stopping/*/*.parquet", "results/studies/tiny/metrics.parquet"),
    "study": ("results/studies/tiny/metrics.parquet", "results/studies/tiny/figures/sdd.png"),
    "gate": (f"{GATED}/stopping/*/iter-01.json", f"{GATED}/stopping/*/*.parquet"),
    "choice": (f"{RUN}/stopping/*/*.best.json", "results/studies/tiny/figures/sdd.png"),
}
"""Each kind of artefact, and a file that is made from it."""


def damage(path):
    """Lose the second half of a file's blocks, and leave its times as they were."""
    content = path.read_bytes()
    content = content[: len(content) // 2].ljust(len(content), b"\0")
    before = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.long
@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_artefact_is_named_with_the_command_that_remakes_it_alone(finished, kind):
    (damaged,), (made,) = ([*finished.folder.glob(pattern)] for pattern in DAMAGED[kind])
    before, whole = finished.checkpoints(), damaged.read_bytes()
    damage(damaged)
    made.unlink()
    # Snakemake asks for a file in the middle only where something that needs it is asked for.
    name, wanted = (str(path.relative_to(finished.folder)) for path in (damaged, made))
    text = finished.snakemake(wanted, status=1)
    assert re.search(f"{re.escape(name)}: (is damaged|has other columns)", text)
    trained = kind == "checkpoint"
    if kind in ("gate", "choice", "metrics"):
        assert "delete it and run the same command again to make it anew" in text
        damaged.unlink()
    else:
        (command,) = set(re.findall(r"`snakemake (--force \S+)` makes it anew", text))
        (stage,) = finished.done(finished.snakemake(*command.split())).items()
        assert stage == ("train", 1) if trained else stage[1] == 1
    assert finished.checkpoints() == {k: v for k, v in before.items() if k != wanted}
    finished.snakemake(wanted)
    assert "train" not in finished.done(finished.snakemake())
    assert finished.checkpoints() == before
    # What holds no times and durations is made again to the bit.
    if kind not in ("metrics", "chain", "study"):
        assert damaged.read_bytes() == whole


@pytest.mark.long
@needs_proc
@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_a_workflow_that_is_asked_to_end_leaves_no_orphan_and_goes_on(fresh, finished, asked):
    process = fresh.start()
    assert wait_until(lambda: training_processes(fresh.folder), 60)
    if asked is signal.SIGINT:
        # Ctrl-C reaches every process that the terminal shows.
        os.killpg(process.pid, asked)
    else:
        process.send_signal(asked)
    assert process.wait(timeout=120) != 0
    assert wait_until(lambda: not training_processes(fresh.folder), 5)
    fresh.snakemake()
    assert fresh.checkpoints() == finished.checkpoints()


def mounted(folder, size):
    """Put a small file system in the place of a folder; whether that was possible."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.long
def test_a_full_disk_is_named_and_the_same_command_completes_with_room(fresh, finished):
    results = fresh.folder / "results"
    if not mounted(results, "300k"):
        pytest.skip("only root can mount a small file system")
    try:
        text = fresh.snakemake(status=1)
        assert "No space left on device" in text
        assert not [path for path in results.rglob(".*.tmp") if path.is_file()]
        subprocess.run(["mount", "-o", "remount,size=50m", results], check=True)
        fresh.snakemake()
        assert fresh.checkpoints() == finished.checkpoints()
    finally:
        subprocess.run(["umount", results], check=True)


@pytest.mark.long
def test_results_on_another_file_system_work(fresh, finished):
    shared_memory = Path("/dev/shm")
    if not shared_memory.is_dir():
        pytest.skip("needs a second file system at /dev/shm")
    place = shared_memory / f"dsd2-{os.getpid()}"
    place.mkdir()
    (fresh.folder / "results").symlink_to(place)
    try:
        fresh.snakemake()
        assert fresh.checkpoints() == finished.checkpoints()
    finally:
        subprocess.run(["rm", "-r", place], check=True)


@pytest.mark.long
def test_results_that_may_not_be_written_to_are_named(fresh):
    results = fresh.folder / "results"
    if not mounted(results, "1m"):
        pytest.skip("only root can mount a read-only file system")
    subprocess.run(["mount", "-o", "remount,ro", results], check=True)
    try:
        text = fresh.snakemake(status=1)
        assert "Read-only file system" in text
        assert "results" in text
    finally:
        subprocess.run(["umount", results], check=True)


@pytest.mark.long
def test_another_runs_metrics_in_the_place_of_ones_own_are_refused(finished):
    (own,), (foreign,) = (
        [*finished.folder.glob(f"{pattern}/iter-01/metrics.parquet")] for pattern in (RUN, GATED)
    )
    own.write_bytes(foreign.read_bytes())
    (chain,) = finished.folder.glob(f"{RUN}/stopping/*/*.parquet")
    chain.unlink()
    text = finished.snakemake(status=1)
    assert re.search(
        r"iter-01/metrics.parquet: is of run \S+, but run \S+ belongs here; delete it", text
    )
