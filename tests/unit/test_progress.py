"""What a person sees while a study runs."""

from dsd2.progress import progress_line, running


def test_a_line_says_share_time_left_and_what_runs():
    stages = {"a": True, "b": True, "c": False, "d": False}
    line = progress_line(stages, before=1, seconds=30, now=["run x iter-02 epoch 3/30"])
    assert line == (
        "progress: 2 of at most 4 trainings (50%), about 60 s left; now run x iter-02 epoch 3/30"
    )


def test_no_estimate_before_the_first_training_and_none_after_the_last():
    assert "left" not in progress_line({"a": True, "b": False}, 1, 30, [])
    assert "left" not in progress_line({"a": True}, 0, 30, [])


def test_long_estimates_are_in_minutes_and_hours():
    stages = {str(i): i < 1 for i in range(11)}
    assert "about 20 min left" in progress_line(stages, 0, 120, [])
    assert "about 10.0 h left" in progress_line(stages, 0, 3600, [])


def test_running_reads_the_logs(tmp_path):
    metrics = tmp_path / "run-x" / "iter-02" / "metrics.parquet"
    log = tmp_path / "run-x" / "logs" / "iter-02.log"
    log.parent.mkdir(parents=True)
    log.write_text("epoch 1/30  loss 1\nepoch 2/30  loss 1\n")
    assert running({str(metrics): False}) == ["run-x iter-02 epoch 2/30"]
    assert running({str(metrics): True}) == []
