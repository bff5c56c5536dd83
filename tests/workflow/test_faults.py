"""Kills, bad input and damage, as they really happen."""

import os
import random
import re
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from project import TINY, training_processes, wait_until

KILLS = 30
needs_proc = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs Linux's /proc")


@pytest.mark.long
@needs_proc
def test_kills_at_random_moments_lose_nothing(fresh, finished):
    draws, killed = random.Random(20240220), 0
    while killed < KILLS:
        process = fresh.start()
        trains = wait_until(
            lambda p=process: training_processes(fresh.folder) or p.poll() is not None, 60
        )
        assert trains, "something trains"
        if process.poll() is not None:
            # The kills so far did not keep it from its end.
            assert fresh.checkpoints() == finished.checkpoints()
            fresh.forget_results()
            continue
        time.sleep(draws.uniform(0.0, 4.0))
        victim = ["workflow", "job", "both", "workflow", "both"][killed % 5]
        jobs = training_processes(fresh.folder)
        if victim in ("workflow", "both"):
            process.send_signal(signal.SIGKILL)
        if victim in ("job", "both"):
            for job in jobs:
                # It may have finished by itself in this moment.
                with suppress(ProcessLookupError):
                    os.kill(job, signal.SIGKILL)
        process.wait(timeout=120)
        # In a moment nothing trains any more: no orphan goes on writing.
        assert wait_until(lambda: not training_processes(fresh.folder), 5)
        fresh.snakemake("--unlock")
        killed += 1
    fresh.snakemake()
    assert fresh.checkpoints() == finished.checkpoints()
    assert not list(fresh.folder.glob("results/**/.*.tmp"))
    assert "Nothing to be done" in fresh.snakemake()


@needs_proc
def test_a_job_that_fails_once_is_named_and_the_rest_finishes(fresh):
    fresh.configure(arms={"a": None, "b": {"pruning": {"fraction": 0.5, "target_sparsity": 0.8}}})
    process = fresh.start()
    assert wait_until(lambda: len(training_processes(fresh.folder)) == 2, 60)
    os.kill(training_processes(fresh.folder)[0], signal.SIGKILL)
    assert process.wait(timeout=120) == 1
    text = (fresh.folder / "snakemake.log").read_text()
    summary = text.partition("These failed; the same command makes them")[2]
    assert len(re.findall(r"train .+ iteration \d+: ended without", summary)) == 1
    assert len(fresh.checkpoints()) in (3, 4), "the other arm is whole"
    fresh.snakemake()
    assert len(fresh.checkpoints()) == 7


@pytest.mark.long
@needs_proc
def test_a_second_workflow_on_the_same_results_refuses_and_a_stale_lock_is_undone(fresh):
    fresh.configure(arms={"vanilla": None})
    process = fresh.start()
    assert wait_until(lambda: training_processes(fresh.folder), 60)
    assert "Directory cannot be locked" in fresh.snakemake(status=1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert wait_until(lambda: not training_processes(fresh.folder), 5)
    assert "Directory cannot be locked" in fresh.snakemake(status=1)
    fresh.snakemake("--unlock")
    fresh.snakemake()
    assert len(fresh.checkpoints()) == 4


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"trainning": {}}, "config key trainning is unknown: did you mean training?"),
        ({"noise": {"kind": "symmetric", "rate": 1.5}}, "noise.rate is 1.5 but must be below 1"),
        (
            {"arms": {"a": {"distillation": {"teacher": "b"}}}},
            "config key arms.a.distillation.teacher is 'b' but must be one of the arms a",
        ),
    ],
)
def test_a_bad_configuration_ends_before_anything_runs(fresh, change, sentence):
    fresh.configure(**change)
    text = fresh.snakemake(status=1)
    assert sentence in text
    assert "Traceback" not in text
    assert not (fresh.folder / "results").exists()


def test_a_training_that_diverges_says_so_and_leaves_the_rest(fresh):
    arms = {"vanilla": None, "wild": {"training": {"learning_rate": 1.0e20}}}
    fresh.configure(arms=arms, pruning={"fraction": 0.6, "target_sparsity": 0.7})
    text = fresh.snakemake(status=1)
    assert "error: the training diverged in epoch 1 of 2" in text
    assert "lower training.learning_rate" in text
    assert len(fresh.checkpoints()) == 2, "the other arm finished"


def test_a_damaged_checkpoint_is_named_and_not_used(finished):
    run = next(p for p in (finished.folder / "results/runs").iterdir() if "-kd" not in p.name)
    damaged = run / "iter-00" / "checkpoint.safetensors"
    content = bytearray(damaged.read_bytes())
    content[-100] ^= 8
    stamp = damaged.stat()
    damaged.write_bytes(content)
    os.utime(damaged, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    (run / "iter-01" / "checkpoint.safetensors").unlink()
    name = str((run / "iter-01" / "checkpoint.safetensors").relative_to(finished.folder))
    text = finished.snakemake(name, status=1)
    assert "iter-00/checkpoint.safetensors: is damaged" in text
    damaged.unlink()
    finished.snakemake(name)


@pytest.mark.long
def test_all_perturbations_criteria_and_the_papers_mode_run(fresh):
    arms = {
        "rewind": {"perturbation": {"kind": "rewind"}},
        # From the second iteration on the dense network is another input than the one before.
        "rewind-later": {
            "perturbation": {"kind": "rewind", "rewind_step": 5},
            "pruning": {"target_sparsity": 0.9},
        },
        "reinit": {"perturbation": {"kind": "reinit"}},
        "finetune": {"perturbation": {"kind": "finetune"}},
        "gradient": {"pruning": {"criterion": "gradient"}},
        "random-layerwise": {"pruning": {"criterion": "random", "scope": "layer"}},
        "filters": {"pruning": {"structure": "filters"}},
        "l1-auto-cutout": {"training": {"l1": 1e-3, "augmentation": "auto-cutout"}},
    }
    fresh.configure(
        dataset={**TINY["dataset"], "validation": "test"},
        arms=arms,
        pruning={"fraction": 0.6, "target_sparsity": 0.7},
    )
    fresh.snakemake()
    assert len({*fresh.checkpoints().values()}) == len(fresh.checkpoints()) == 7 * 2 + 3


def test_a_checkpoint_of_another_run_is_refused(finished):
    runs = sorted((finished.folder / "results/runs").iterdir(), key=lambda run: "-kd" in run.name)
    foreign = runs[1] / "iter-00" / "checkpoint.safetensors"
    place = runs[0] / "iter-00" / "checkpoint.safetensors"
    place.write_bytes(foreign.read_bytes())
    wanted = runs[0] / "iter-01" / "checkpoint.safetensors"
    wanted.unlink()
    text = finished.snakemake(str(wanted.relative_to(finished.folder)), status=1)
    assert f"is iteration 0 of run {runs[1].name}, not iteration 0 of run {runs[0].name}" in text


@pytest.mark.long
def test_a_student_asked_for_before_its_teacher_is_selected_is_told_its_name_after(fresh):
    text = fresh.snakemake("--dry-run")
    (pending,) = set(re.findall(r"results/runs/\S+-best-s0-\w+/iter-01/metrics.parquet", text))
    text = fresh.snakemake(pending, status=1)
    assert "is a run's name before its teacher was selected; now that it is" in text
    text = fresh.snakemake(pending, status=1)
    assert "Traceback (most recent" not in text
    name = re.search(r"selected; now it is (results/runs/\S+)", text)[1]
    assert name != pending.partition("/iter-")[0]
    fresh.snakemake(f"{name}/iter-00/metrics.parquet")
