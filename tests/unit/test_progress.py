"""What a person sees while a study runs."""

from pathlib import Path

from dsd2.planning import progress
from dsd2.planning.jobs import Stage
from dsd2.planning.progress import MOST_ARMS, ProgressReporter, arms_table, progress_line, running
from dsd2.planning.status import ArmState


def stages(done, total):
    return [Stage(f"arm iteration {i}", Path(f"log-{i}"), i < done) for i in range(total)]


def test_a_line_says_share_time_left_and_what_runs(tmp_path):
    log = tmp_path / "log"
    log.write_text("epoch 1/30  loss 1\nepoch 2/30  loss 1\n")
    listed = [*stages(2, 3), Stage("vanilla seed 0 iteration 3", log, done=False)]
    assert progress_line(listed, before=1, seconds=30) == (
        "progress: 2 of at most 4 trainings (50%), about 60 s left;"
        " now vanilla seed 0 iteration 3 epoch 2/30"
    )


def test_no_estimate_before_the_first_training_and_none_after_the_last():
    assert "left" not in progress_line(stages(1, 2), 1, 30)
    assert "left" not in progress_line(stages(1, 1), 0, 30)


def test_long_estimates_are_in_minutes_and_hours():
    assert "about 20 min left" in progress_line(stages(1, 11), 0, 120)
    assert "about 10.0 h left" in progress_line(stages(1, 11), 0, 3600)


def test_what_is_done_does_not_run(tmp_path):
    log = tmp_path / "log"
    log.write_text("")
    assert running([Stage("a", log, done=False)]) == ["a"]
    assert running([Stage("a", log, done=True)]) == []


def test_where_nothing_is_trained_nothing_is_said(monkeypatch, capsys):
    monkeypatch.setattr(progress, "EVERY", 0.001)
    looks = []
    reporter = ProgressReporter(lambda: looks.append(1) or [], list)
    reporter.start()
    reporter._thread.join(timeout=30)
    assert not reporter._thread.is_alive()
    assert len(looks) == 1
    assert capsys.readouterr().err == ""


def test_a_table_of_answers_runs_but_is_no_training(tmp_path):
    log = tmp_path / "log"
    log.write_text("view 40/162\n")
    table = Stage("table of answers for student seed 0", log, done=False, trains=False)
    line = progress_line([*stages(1, 2), table], 0, 10)
    assert line.startswith("progress: 1 of at most 2 trainings (50%)")
    assert line.endswith("now table of answers for student seed 0 view 40/162")


def arm(words, *reached, last=9, gate="going on", ended=False):
    latest = [
        {"sparsity": 0.5, "validation_accuracy": 0.6 + 0.1 * k, "entropy": 0.75}
        for k, count in enumerate(reached)
        if count
    ]
    return ArmState(words, list(reached), last, latest, gate, ended)


def test_a_row_says_where_an_arm_is():
    head, begun, *rest = arms_table([arm("vanilla", 3, 2), arm("student")]).splitlines()
    assert head.split()[1:4] == ["arm", "iterations", "of"]
    assert " ".join(begun.split()) == "progress: vanilla 3 2 10 50.00 65.0 0.750 going on"
    assert rest == ["progress:   and 1 more arms, of which 1 wait for their turn"]
    assert arms_table([arm("student")]) == ""


def test_of_many_arms_those_that_are_done_are_counted():
    done = [arm(f"done {i}", 10, gate="at the wall", ended=True) for i in range(MOST_ARMS)]
    text = arms_table([*done, arm("under way", 1)])
    assert "under way" in text
    assert "done 0" not in text
    assert f"and {MOST_ARMS} more arms, of which 0 wait" in text
