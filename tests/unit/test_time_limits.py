"""Jobs that may not take as long as a training does: what is asked for, and how stages end."""

import re
import time
from pathlib import Path

import pytest
import yaml
from one_stage import environment, finish, make_data

from dsd2.artefacts.resume import ResumeFile
from dsd2.config.studies import load_studies
from dsd2.environment import (
    JOB_STARTED,
    MAX_RUNTIME,
    RESERVE,
    deadline,
    set_time_limit,
    time_limit,
)
from dsd2.planning.chains import Plan
from dsd2.planning.requests import Allocation
from dsd2.planning.resources import ROUNDS, Needs
from dsd2.processes import Stopped

ROOT = Path(__file__).parents[2]
STUDIES = sorted((ROOT / "config" / "paper").glob("*.yaml"))
STUDY = {
    "study": "test",
    "seeds": [0],
    "dataset": {"name": "cifar10"},
    "training": {"epochs": 160},
    "arms": {"a": None},
}


def allocated(limit, **changes):
    """A run and its allocation, where jobs have a limit and no GPU."""
    plan = Plan(*load_studies({**STUDY, **changes}))
    return Allocation(plan, [], gpus=False, limit=limit), next(iter(plan.runs))


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES, ids=lambda file: file.stem)
@pytest.mark.parametrize("limit", [60, 2880])
@pytest.mark.parametrize("gpus", [True, False])
def test_no_study_asks_for_more_time_than_a_job_may_take(study, limit, gpus, monkeypatch):
    monkeypatch.chdir(ROOT)
    plan = Plan(*load_studies({**yaml.safe_load(study.read_text()), "lookahead": 5}))
    needs = Allocation(plan, [], gpus, limit)
    for run in plan.runs:
        blocks = [needs.block(run, i) or i for i in range(20)]
        for attempt in (1, 2, 3, 30):
            asked = needs.training_minutes(run, attempt)
            assert 0 < asked * max(blocks.count(block) for block in blocks) <= limit
        assert needs.teacher_logits(run).minutes(5, limit) <= limit
    for dataset in plan.datasets:
        assert needs.dataset(dataset).minutes(5, limit) <= limit


def test_table_14_gets_as_many_attempts_as_its_longest_training_takes():
    content = yaml.safe_load((ROOT / "config/paper/table14.yaml").read_text())
    plan = Plan(*load_studies(content))
    without, limited = (Allocation(plan, [], limit=limit) for limit in (None, 2880))
    longest = max(plan.runs, key=lambda run: without.training(run).seconds)
    minutes = without.training_minutes(longest, 1)
    assert minutes > 2880, "or this test says nothing"
    attempts = limited.training(longest).attempts(2880)
    assert attempts >= minutes / 2880
    assert limited.retries() + 1 == ROUNDS * attempts
    assert without.retries() is None
    # What memory is asked for grows when all attempts that should suffice have failed.
    asked = [limited.training_mem_mb(longest, i) for i in (1, attempts, attempts + 1, 999)]
    first = without.training_mem_mb(longest, 1)
    assert asked == [first, first, 2 * first, ROUNDS * first]


def test_a_short_training_gets_what_it_got_without_a_limit():
    needs, run = allocated(1_000_000)
    free, _ = allocated(None)
    for attempt in (1, 2, 3):
        assert needs.training_minutes(run, attempt) == free.training_minutes(run, attempt)
        assert needs.training_mem_mb(run, attempt) == free.training_mem_mb(run, attempt)
    assert needs.retries() is None


@pytest.mark.parametrize(("room", "size"), [(5, 5), (4, 4), (3, 3), (2, 2), (1, 1), (0.5, 1)])
def test_blocks_are_parted_where_they_would_take_too_long(room, size):
    one = allocated(None)[0].training_minutes(allocated(None)[1], 1)
    needs, run = allocated(int(room * one), lookahead=5)
    blocks = [needs.block(run, i) for i in range(10)]
    if size == 1:
        assert blocks == [None] * 10
        return
    assert max(blocks.count(block) for block in blocks) == size
    assert blocks == sorted(blocks, key=lambda name: int(name.rpartition("block")[2]))
    assert not {*blocks[:5]} & {*blocks[5:]}, "no block waits for a gate within it"
    assert needs.training_minutes(run, 1) == one
    assert needs.training_minutes(run, 2) * size <= int(room * one)


def test_attempts_are_whole_epochs():
    needs = Needs(memory=1e9, seconds=180 + 10 * 3000, epoch=3000)
    # A job of 120 minutes has time for two epochs beside its start and its end.
    assert needs.attempts(120) == 5
    assert needs.attempts(None) == needs.attempts(503) == 1
    # Of one that is too short for any, one is hoped for: the estimate is a slow machine's.
    assert needs.attempts(10) == 10
    assert Needs(memory=1e9, seconds=1e6).attempts(120) == 1, "what cannot go on"


def test_stages_are_told_the_limit_and_when_their_job_started(monkeypatch):
    for name in (MAX_RUNTIME, JOB_STARTED):
        monkeypatch.delenv(name, raising=False)
    assert deadline(1000.0) is None
    set_time_limit(None, in_job=True)
    assert deadline(1000.0) is None
    set_time_limit(60, in_job=False)
    assert time_limit() == 60
    assert deadline(1000.0) == 1000.0 + 3600 - RESERVE
    before = time.time()
    set_time_limit(None, in_job=True)
    in_job = deadline(0.0)
    assert before + 3600 - RESERVE <= in_job <= time.time() + 3600 - RESERVE
    set_time_limit(None, in_job=True)
    assert deadline(0.0) == in_job, "the first process of the job counts"
    set_time_limit(None, in_job=False)
    assert deadline(1000.0) == 1000.0 + 3600 - RESERVE


@pytest.mark.process
def test_a_stage_ends_by_itself_and_goes_on_until_it_is_done(tmp_path):
    """A limit that leaves no time after any epoch: each attempt trains one."""
    make_data(tmp_path)
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    assert finish(whole).returncode == 0
    limited = {"env": environment(DSD2_MAX_RUNTIME="1")}
    for epoch in (1, 2, 3):
        ended = finish(parted, **limited)
        assert ended.returncode == 1
        assert re.fullmatch(
            rf"error: stopped after epoch {epoch} of 25, for its job may take 1 minutes: what was"
            " trained is saved, and the next attempt, or the same command, goes on from it\n",
            ended.stderr,
        )
        assert [path.name for path in parted.iterdir()] == ["resume"]
    last = finish(parted, env=environment(DSD2_MAX_RUNTIME="2880"))
    assert last.stdout.startswith("resuming after epoch 3\n")
    assert (parted / "checkpoint").read_bytes() == (whole / "checkpoint").read_bytes()


def test_an_attempt_in_which_no_epoch_ended_says_so(tmp_path):
    """Epochs that take longer than a job may would start again for ever."""
    resume = ResumeFile(tmp_path / "resume", "key")
    with pytest.raises(Stopped, match="no epoch came to its end"), resume.saving_when_stopped():
        raise Stopped(15)


def test_the_profiles_limit_is_that_of_its_partitions():
    folder = ROOT / "profiles" / "slurm"
    (said,) = yaml.safe_load((folder / "config.v9+.yaml").read_text())["resources"]
    partitions = yaml.safe_load((folder / "partitions.yaml").read_text())["partitions"]
    least = min(partition["max_runtime"] for partition in partitions.values())
    assert said == f"max_runtime={least}"
