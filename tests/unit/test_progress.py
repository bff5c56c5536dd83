"""What a person sees while a study runs."""

import logging
import os
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from dsd2.events import Events
from dsd2.files import records
from dsd2.planning import progress, reporter
from dsd2.planning.jobs import Stage
from dsd2.planning.progress import (
    MAX_ARMS,
    ArmState,
    arms_table,
    progress_bar,
    progress_line,
    running,
)
from dsd2.planning.reporter import ProgressReporter
from dsd2.screen import Screen


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


def test_a_bar_says_the_same_with_a_line_for_each_job():
    needed = [Stage(f"{i}", f"{i}") for i in range(3)]
    assert progress_bar(needed, {"0"}, ["a", "b"], 0, 30) == [
        "[######..............]  33%  1 of at most 3 trainings after 30 s, about 60 s left",
        "now a",
        "now b",
    ]


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


class Looks:
    """What a reporter sees at each of its looks; the last ends it, as a damaged file does."""

    def __init__(self, monkeypatch, events, *, screen=None, table=()):
        monkeypatch.setattr(reporter, "EVERY", 0.0)
        monkeypatch.setattr(reporter, "LINES_EVERY", 0.0)
        monkeypatch.setattr(reporter, "stages", self.look)
        monkeypatch.setattr(reporter, "arm_states", lambda plan: list(table))
        self.looks = []
        plan = SimpleNamespace(studies={})
        self.reporter = ProgressReporter(plan, events, screen or Screen(live=False))

    def look(self, plan):
        if not self.looks:
            raise OSError
        needed, *then = self.looks.pop(0)
        for act in then:
            act()
        return [Stage(name, name) for name in needed]

    def play(self, *looks):
        self.looks += looks
        self.reporter.start([])
        self.reporter._thread.join(timeout=30)
        assert not self.reporter._thread.is_alive()


def test_where_nothing_is_trained_nothing_is_said(run, monkeypatch, capsys):
    events, _ = run
    seen = Looks(monkeypatch, events)
    seen.play([[]], [["never looked at"]])
    assert len(seen.looks) == 1
    assert capsys.readouterr().err == ""


def test_lines_are_written_when_a_tenth_is_done(run, monkeypatch, capsys):
    events, _ = run
    names = [f"stage {i}" for i in range(40)]
    Path(names[0]).touch()
    looks = [[names], [names]]
    looks += [[names, Path(name).touch] for name in names[1:10]]
    Looks(monkeypatch, events).play(*looks)
    lines = [line.partition(",")[0] for line in capsys.readouterr().err.splitlines()]
    assert lines == [f"progress: {n} of at most 40 trainings ({n / 40:.0%})" for n in (5, 9)]


def test_of_a_long_training_something_is_said_now_and_then(run, monkeypatch, capsys):
    events, tell = run
    monkeypatch.setattr(reporter, "FIRST", 0.0)
    seen = Looks(monkeypatch, events, table=[arm("vanilla", 1)])
    seen.play([["a", "b"]], [["a", "b"]])
    assert capsys.readouterr().err == "", "nothing trains: another target was asked for"

    def begin(epoch):
        Path("a.log").write_text(f"epoch {epoch}/9 loss\n")
        tell("job_info", jobid=1, rule_name="train", output=["a"], log=["a.log"])

    looks = [[["a", "b"]], *([["a", "b"], partial(begin, epoch)] for epoch in (1, 2, 2))]
    Looks(monkeypatch, events, table=[arm("vanilla", 1)]).play(*looks)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("; ")[2] for line in lines[::3]] == [
        "now a epoch 1/9",
        "now a epoch 2/9",
    ]
    assert [line.split()[:2] for line in lines[1:3]] == [
        ["progress:", "arm"],
        ["progress:", "vanilla"],
    ]


def test_on_a_terminal_it_is_painted_anew(run, monkeypatch):
    events, tell = run
    shown = []
    screen = SimpleNamespace(live=True, show=shown.append, say=lambda *lines, indent="": None)
    tell("job_info", jobid=1, rule_name="train", output=["a"], log=["a.log"])
    Path("a.log").write_text("epoch 3/9 loss\n")
    looks = [[["a", "b"]], [["a", "b"]], [["a", "b"], Path("a").touch]]
    Looks(monkeypatch, events, screen=screen).play(*looks)
    assert shown == [], "where Snakemake's own lines are shown, nothing is painted between them"
    Path("a").unlink()
    events.calm = True
    Looks(monkeypatch, events, screen=screen, table=[arm("vanilla", 1)]).play(looks[0], *looks)
    first, second = shown
    assert first[0].startswith(f"[{'.' * 20}]   0%  0 of at most 2 trainings after ")
    assert first[1:2] == ["now a epoch 3/9"]
    assert [line.split()[0] for line in first[2:]] == ["arm", "vanilla"]
    assert second[0].startswith(f"[{'#' * 10}{'.' * 10}]  50%  1 of at most 2 trainings after ")


def test_what_is_to_be_done_is_said_before(run, monkeypatch, capsys):
    events, _ = run
    looks = Looks(monkeypatch, events)

    def study(name, title):
        return SimpleNamespace(
            folder=name, title=title, arms={"a": 1, "b": 2}, seeds=[0, 1], trains=1
        )

    studies = [study("one", "Its\ntitle"), *(study(f"s{i}", f"s{i}") for i in range(6))]
    looks.reporter._plan.studies = {s.folder: s for s in studies}
    looks.play([[]])
    assert capsys.readouterr().err == "", "Snakemake's own lines are shown"
    events.calm = True
    Path("x").touch()
    looks = Looks(monkeypatch, events)
    looks.reporter._plan.studies = {s.folder: s for s in studies}
    looks.looks = [[["x", "y"]], [[]]]
    looks.reporter.start([str(Path("logs/snakemake.log").absolute())])
    assert capsys.readouterr().err.splitlines() == [
        "Study one: Its title",
        *(f"Study s{i}" for i in range(4)),
        "and 2 more studies",
        "14 arms of 2 seeds, at most 2 trainings, of which 1 are done.",
        "Snakemake's log is logs/snakemake.log (DSD2_OUTPUT=snakemake shows it here).",
    ]


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
    head, begun, *rest = arms_table([arm("vanilla", 3, 2), arm("student")])
    assert head.split()[:3] == ["arm", "iterations", "of"]
    assert " ".join(begun.split()) == "vanilla 3 2 10 50.00 65.0 0.750 going on"
    assert rest == ["and 1 more arms, of which 1 wait for their turn"]
    assert arms_table([arm("student")]) == []


def test_metrics_are_read_again_when_they_are_made_anew(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(records, "read_rows", lambda file, kind: read.append(file) or [{}])
    file = tmp_path / "metrics.parquet"
    file.touch()
    for _ in range(2):
        assert progress._rows(file) == [{}]
    os.utime(file, (1, 1))
    progress._rows(file)
    assert len(read) == 2


def test_of_many_arms_those_that_are_done_are_counted():
    done = [arm(f"done {i}", 10, gate="stopped", ended=True) for i in range(MAX_ARMS)]
    text = "\n".join(arms_table([*done, arm("under way", 1)]))
    assert "under way" in text
    assert "done 0" not in text
    assert f"and {MAX_ARMS} more arms, of which 0 wait" in text
