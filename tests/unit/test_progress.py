"""What a person sees while a study runs."""

import logging
import os
from pathlib import Path

import pytest

from dsd2.events import Events
from dsd2.planning import progress
from dsd2.planning.jobs import Stage
from dsd2.planning.progress import (
    MAX_ARMS,
    ArmState,
    ProgressReporter,
    arms_table,
    progress_line,
    running,
)


def line(made, total, before, seconds, now=()):
    needed = [Stage(f"arm iteration {i}", f"metrics-{i}") for i in range(total)]
    return progress_line(needed, {f"metrics-{i}" for i in range(made)}, now, before, seconds)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Events of a log as Snakemake's, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    events, logger = Events(silent=False), logging.Logger("snakemake.logging")
    logger.addHandler(events)

    def tell(event, **about):
        logger.info(event, extra={"event": event, **about})

    return events, tell


def test_a_line_says_share_time_left_and_what_runs():
    assert line(2, 4, 1, 30, ["vanilla seed 0 iteration 3 epoch 2/30"]) == (
        "progress: 2 of at most 4 trainings (50%), about 60 s left;"
        " now vanilla seed 0 iteration 3 epoch 2/30"
    )


def test_no_estimate_before_the_first_training_and_none_after_the_last():
    assert "left" not in line(1, 2, 1, 30)
    assert "left" not in line(1, 1, 0, 30)


def test_long_estimates_are_in_minutes_and_hours():
    assert "about 20 min left" in line(1, 11, 0, 120)
    assert "about 10.0 h left" in line(1, 11, 0, 3600)


def test_what_runs_is_what_was_started_and_has_begun(run):
    events, tell = run
    needed = [Stage("a", "a.parquet"), Stage("b", "b.parquet"), Stage("logits", "c.st", False)]
    for number, name in enumerate(("a.parquet", "b.parquet", "c.st", "other")):
        tell("job_info", jobid=number, rule_name="x", output=[name], log=[f"{name}.log"])
    assert running(needed, events.running()) == [], "all wait for a scheduler"
    for name, text in (
        ("a.parquet", "epoch 1/30  loss 1\nepoch 2/30  loss 1\n"),
        ("c.st", "view 40/162\n"),
        ("other", ""),
    ):
        Path(f"{name}.log").write_text(text)
    Path("b.parquet.log").write_text("epoch 9/30 of an earlier attempt\n")
    os.utime("b.parquet.log", (0, 0))
    assert running(needed, events.running()) == ["a epoch 2/30", "logits view 40/162"]
    tell("job_finished", job_id=0)
    assert running(needed, events.running()) == ["logits view 40/162"]
    Path("c.st").touch()
    assert running(needed, events.running()) == [], "where Snakemake tells of no end"


def test_a_job_that_failed_does_not_run(run):
    events, tell = run
    tell("job_info", jobid=7, rule_name="train", output=["a"], log=["a.log"])
    assert [job.rule for job in events.running()] == ["train"]
    tell("job_error", jobid=7)
    assert events.running() == []


def test_where_nothing_is_trained_nothing_is_said(monkeypatch, capsys):
    monkeypatch.setattr(progress, "EVERY", 0.001)
    looks = []
    monkeypatch.setattr(progress, "stages", lambda plan: looks.append(plan) or [])
    reporter = ProgressReporter("a plan", Events(silent=False))
    reporter.start()
    reporter._thread.join(timeout=30)
    assert not reporter._thread.is_alive()
    assert looks == ["a plan"]
    assert capsys.readouterr().err == ""


def test_lines_are_written_when_something_changed(run, monkeypatch, capsys):
    events, _ = run
    monkeypatch.setattr(progress, "EVERY", 0.0)
    looks = iter([*[["a", "b"]] * 3, []])

    def needed(plan):
        names = next(looks)
        if not names:
            raise OSError
        return [Stage(name, name) for name in names]

    monkeypatch.setattr(progress, "stages", needed)
    Path("a").touch()
    reporter = ProgressReporter("a plan", events)
    reporter.start()
    reporter._thread.join(timeout=30)
    assert capsys.readouterr().err == "progress: 1 of at most 2 trainings (50%)\n"


def test_teacher_logits_are_no_training():
    needed = [Stage("a", "a"), Stage("b", "b"), Stage("logits", "c", trains=False)]
    assert progress_line(needed, {"a", "c"}, [], 1, 10).endswith("1 of at most 2 trainings (50%)")


def arm(label, *reached, last=9, gate="going on", ended=False):
    latest = [
        {"sparsity": 0.5, "validation_accuracy": 0.6 + 0.1 * k, "entropy": 0.75}
        for k, count in enumerate(reached)
        if count
    ]
    return ArmState(label, list(reached), last, latest, gate, ended)


def test_a_row_says_where_an_arm_is():
    head, begun, *rest = arms_table([arm("vanilla", 3, 2), arm("student")]).splitlines()
    assert head.split()[1:4] == ["arm", "iterations", "of"]
    assert " ".join(begun.split()) == "progress: vanilla 3 2 10 50.00 65.0 0.750 going on"
    assert rest == ["progress:   and 1 more arms, of which 1 wait for their turn"]
    assert arms_table([arm("student")]) == ""


def test_of_many_arms_those_that_are_done_are_counted():
    done = [arm(f"done {i}", 10, gate="stopped", ended=True) for i in range(MAX_ARMS)]
    text = arms_table([*done, arm("under way", 1)])
    assert "under way" in text
    assert "done 0" not in text
    assert f"and {MAX_ARMS} more arms, of which 0 wait" in text
