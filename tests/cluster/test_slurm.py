"""Slurm itself runs the default study, cut down, and takes its jobs away."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from project import Project, training_processes, wait_until

from cluster import ClusterProject, slurm_says, small_quickstart

UNDRAWN = {"figure": False, "tables": []}
ONE_CHAIN = {"arms": {"vanilla": None}, **UNDRAWN}
"""Three iterations of one run, and nothing drawn."""
DRAWN = {"arms": {"vanilla": None}}
ONE_TRAINING = {**ONE_CHAIN, "pruning": {"fraction": 0.45, "target_sparsity": 0.4}}
BLOCKS = ("--config", "lookahead=3")
SINGLE = ("--config", "lookahead=1")


def iteration_trains(project, iteration):
    """Wait until an iteration's training has a process; returns it."""

    def found():
        return training_processes(project.folder, iteration)

    assert wait_until(found, 200), f"iteration {iteration} trains"
    return found()[0]


def running_job(project):
    return next(job.number for job in project.jobs() if job.state == "RUNNING")


def cancelled(project):
    """A job is cancelled in a block's second iteration, and nothing is sent again."""
    process = project.start(*BLOCKS, "--retries", "0")
    iteration_trains(project, 1)
    slurm_says("scancel", running_job(project))
    status = process.wait(timeout=project.patience)
    first = project.modified("results/runs/*/iter-00/checkpoint.safetensors")
    text = project.snakemake(*BLOCKS)
    return project, status, first, text


def requeued(project):
    """A job is preempted: put back into the queue while it runs."""
    process = project.start(*BLOCKS)
    iteration_trains(project, 1)
    # Slurm lets a requeued job wait for two minutes, and takes no other time for it.
    slurm_says("scontrol", "requeue", running_job(project))
    assert process.wait(timeout=project.patience) == 0, (
        project.folder / "snakemake.log"
    ).read_text()
    return project


def out_of_time(project):
    """A training hangs, as on a sick node, until its two minutes are over."""
    process = project.start(*SINGLE, "--set-resources", "train:runtime=1 + attempt")
    os.kill(iteration_trains(project, 0), signal.SIGSTOP)
    assert process.wait(timeout=project.patience) == 0, (
        project.folder / "snakemake.log"
    ).read_text()
    return project


def parted(project):
    """A job may take three minutes, all of which are kept for saving: each attempt trains an epoch.

    A shorter limit would end jobs on a busy machine before they have begun.
    """
    project.snakemake(*BLOCKS, "--resources", "max_runtime=3")
    return project


def out_of_memory(project):
    """The first attempt has too little memory; all wait for the one node with a GPU."""
    asked = ("--set-resources", "train:mem_mb=200 + 340 * (attempt - 1)", "train:gpu=1")
    project.snakemake(*BLOCKS, *asked)
    return project


def in_blocks(project):
    """Three iterations are one job."""
    project.snakemake(*BLOCKS)
    return project


def one_by_one(project):
    """Each training is a job of its own."""
    project.snakemake(*SINGLE)
    return project


def locally(project):
    """No job goes to the cluster."""
    project.snakemake()
    return project


RUNS = {
    "out of time": (ClusterProject, ONE_TRAINING, out_of_time),
    "parted": (ClusterProject, ONE_TRAINING, parted),
    "out of memory": (ClusterProject, ONE_CHAIN, out_of_memory),
    "cancelled": (ClusterProject, ONE_CHAIN, cancelled),
    "requeued": (ClusterProject, ONE_CHAIN, requeued),
    "blocks": (ClusterProject, UNDRAWN, in_blocks),
    "single": (ClusterProject, DRAWN, one_by_one),
    "local": (Project, UNDRAWN, locally),
}
"""The kind of project, what its study changes, and what is done with it."""


@pytest.fixture(scope="module")
def runs(slurm, tmp_path_factory, request):
    """The runs that the chosen tests need, as futures by name.

    All are started at once, since most of a cluster's time is waiting.
    """
    marks = [mark for item in request.session.items for mark in item.iter_markers("runs")]
    needed = dict.fromkeys(name for mark in marks for name in mark.args)
    base = tmp_path_factory.mktemp("cluster")
    with ThreadPoolExecutor() as pool:

        def start(name):
            kind, study, work = RUNS[name]
            return pool.submit(work, small_quickstart(base / name.replace(" ", "-"), kind, **study))

        yield {name: start(name) for name in needed}


def same_bytes(project, runs):
    """Whether every checkpoint has the bytes of the local run's."""
    local, own = runs["local"].result().checkpoints(), project.checkpoints()
    return bool(own) and all(local[path] == content for path, content in own.items())


@pytest.mark.parametrize(
    ("name", "iterations", "trainings"),
    [
        pytest.param("blocks", 9, 3, marks=pytest.mark.runs("blocks")),
        pytest.param("single", 3, 3, marks=[pytest.mark.runs("single"), pytest.mark.long]),
    ],
)
@pytest.mark.runs("local")
def test_results_are_a_local_runs_to_the_byte(runs, name, iterations, trainings):
    project = runs[name].result()
    jobs = project.jobs()
    assert len(project.checkpoints()) == iterations
    assert same_bytes(project, runs)
    assert [job.state for job in jobs] == ["COMPLETED"] * (1 + trainings), "the dataset, and these"
    assert {job.partition for job in jobs} == {"cpu"}
    study = project.folder / "results/studies/quickstart"
    assert (study / "metrics.parquet").exists()
    assert (study / "figures/sdd.png").exists() == (name == "single")


@pytest.mark.runs("local", "cancelled")
def test_a_cancelled_block_keeps_its_finished_iterations(runs):
    project, status, first, text = runs["cancelled"].result()
    assert status == 1
    assert len(first) == 1, "the iteration that was finished is kept"
    assert project.modified("results/runs/*/iter-00/checkpoint.safetensors") == first
    assert project.done(text)["train"] == 2
    assert [job.state for job in project.jobs()] == ["COMPLETED", "CANCELLED", "COMPLETED"]
    assert same_bytes(project, runs)


@pytest.mark.runs("local", "requeued")
def test_a_preempted_job_starts_again_by_itself(runs):
    project = runs["requeued"].result()
    assert [(job.state, job.restarts) for job in project.jobs()] == [
        ("COMPLETED", 0),
        ("COMPLETED", 1),
    ]
    assert same_bytes(project, runs)


@pytest.mark.long
@pytest.mark.runs("local", "out of time")
def test_out_of_time_is_sent_again_with_more(runs):
    project = runs["out of time"].result()
    assert [job.state for job in project.jobs()] == ["COMPLETED", "TIMEOUT", "COMPLETED"]
    assert same_bytes(project, runs)


@pytest.mark.long
@pytest.mark.runs("local", "parted")
def test_a_training_longer_than_a_job_may_take_goes_on_in_the_next(runs):
    project = runs["parted"].result()
    dataset, *attempts = project.jobs()
    assert dataset.state == "COMPLETED"
    # An epoch each, and the measuring.
    assert [job.state for job in attempts] == ["FAILED", "FAILED", "COMPLETED"]
    assert same_bytes(project, runs)


@pytest.mark.runs("local", "out of memory")
def test_out_of_memory_is_sent_again_with_more_and_gpus_have_their_partition(runs):
    project = runs["out of memory"].result()
    _, small, large = project.jobs()
    assert small.state in ("OUT_OF_MEMORY", "FAILED")
    assert "memory" in project.log(small)
    assert large.state == "COMPLETED"
    assert {small.partition, large.partition} == {"gpu"}
    assert same_bytes(project, runs)
