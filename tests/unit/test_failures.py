"""What is said of a run that failed, by Snakemake's events."""

import logging

import pytest

from dsd2 import events
from dsd2.events import RECORDS, Events, damaged_records, listen
from dsd2.job import TAIL, WITHOUT_REASON


class Run:
    """A logger that tells as Snakemake does."""

    def __init__(self, folder, silent):
        self.folder = folder
        self.heard = Events(silent=silent)
        self.logger = logging.Logger("snakemake.logging")
        self.logger.addHandler(self.heard)

    def fails(self, jobid, *, log=None, needs=(), told=None, outputs=("checkpoint", "metrics")):
        """A job fails, having written a log or none; returns its outputs."""
        files = [str(self.folder / f"{jobid}-{name}") for name in outputs]
        path = self.folder / f"{jobid}.log"
        if log is not None:
            path.write_text(log)
        about = {"rule_name": "train", "jobid": jobid, "rule_msg": told}
        about |= {"input": list(needs), "output": files, "log": [str(path)]}
        self.logger.error("Error in rule", extra={"event": "job_error", **about})
        return files

    def finishes(self, jobid):
        self.logger.info("Finished", extra={"event": "job_finished", "job_id": jobid})

    def errs(self, text):
        self.logger.error(text, extra={"event": "error", "exception": "WorkflowError"})


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Run(tmp_path, silent=False)


@pytest.fixture
def silent(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Run(tmp_path, silent=True)


def test_a_job_is_named_with_its_own_last_sentence(run):
    run.fails(1, log="epoch 1/3\nerror: the training diverged\n")
    run.fails(
        2, log="Traceback (most recent call last):\n  x\nKeyError: 'y'\nand its second line\n"
    )
    run.fails(3, log="epoch 2/3 loss 0.5\n")
    run.fails(4)
    run.fails(5, told="SLURM-job '7' failed, SLURM status is: 'TIMEOUT'")
    run.fails(6, log="terminate called after throwing\n  what():  std::bad_alloc\n")
    run.fails(7, log="error: no room\n", outputs=())
    first = f"train {run.folder}"
    assert run.heard.lines() == [
        f"{first}/1-checkpoint: the training diverged",
        f"{first}/2-checkpoint: KeyError: 'y'",
        f"{first}/3-checkpoint: {WITHOUT_REASON}; its last line is 'epoch 2/3 loss 0.5'",
        f"{first}/4-checkpoint: {WITHOUT_REASON}",
        f"{first}/5-checkpoint: SLURM-job '7' failed, SLURM status is: 'TIMEOUT'",
        f"{first}/6-checkpoint: ran out of memory; give it more",
        "train: no room",
    ]


def test_what_a_later_attempt_made_good_is_no_failure(run):
    run.fails(1, log="error: once")
    run.finishes(1)
    run.fails(2, log="error: once")
    run.fails(2, log="error: twice")
    assert [line.rpartition(": ")[2] for line in run.heard.lines()] == ["twice"]


def test_of_a_block_the_job_that_failed_is_named_not_those_after_or_before_it(run):
    for file in run.fails(1, log="epoch 3/3\n"):
        (run.folder / file).touch()
    second = run.fails(2, log="error: the training diverged")
    (run.folder / second[0]).touch()
    third = run.fails(3, needs=second)
    run.fails(4, needs=third)
    assert [line.partition(":")[0] for line in run.heard.lines()] == [f"train {second[0]}"]


def test_the_list_goes_to_stderr(run, capsys):
    run.fails(1, log="error: why")
    run.heard.tell(["snakemake.log"])
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.endswith("1-checkpoint: why\n")


def test_where_no_job_is_known_to_have_failed_the_log_is_named(run, capsys):
    run.heard.tell(["snakemake.log"])
    assert capsys.readouterr().err.endswith("of it is above or in:\n  snakemake.log\n")


def test_where_snakemake_is_silent_its_error_is_said_at_the_end(silent, capsys):
    silent.errs("WorkflowError: a key is unknown")
    silent.logger.error("a plain word")
    assert capsys.readouterr().err == ""
    silent.heard.close()
    silent.heard.close()
    assert capsys.readouterr().err == "WorkflowError: a key is unknown\n  a plain word\n"


def test_errors_that_end_no_run_are_forgotten(silent, capsys):
    silent.errs("CalledProcessError")
    silent.fails(1, log="error: once")
    silent.heard.forget()
    silent.heard.close()
    assert silent.heard.lines() == []
    assert capsys.readouterr().err == ""


def test_an_event_of_another_shape_does_not_end_the_run(run):
    run.logger.error(None, extra={"event": "job_error"})
    run.logger.error(None, extra={"event": "job_error", "output": 3, "log": None})
    assert run.heard.lines() == [f"a job: {WITHOUT_REASON}"]


def test_damaged_records_of_snakemake_are_named_with_the_remedy(run, capsys):
    RECORDS.mkdir(parents=True)
    (RECORDS / "good").write_text("{}")
    (RECORDS / "bad").write_bytes(b"\xff{")
    (RECORDS / "worse").write_text("[")
    assert damaged_records(RECORDS) == [RECORDS / "bad", RECORDS / "worse"]
    run.errs('Traceback\n  File "snakemake/persistence/file.py"\nUnicodeDecodeError: ...')
    run.heard.close()
    said = capsys.readouterr().err
    assert said.startswith(f"{RECORDS}/bad: is damaged, and so are 1 more of Snakemake's own")
    assert "delete the folder .snakemake: no result is made anew" in said


def test_a_snakefile_that_is_read_again_leaves_one_listener():
    logger = logging.getLogger("snakemake.logging")
    try:
        listen(Events(silent=False))
        second = listen(Events(silent=False))
        assert [handler for handler in logger.handlers if isinstance(handler, Events)] == [second]
    finally:
        logger.removeHandler(second)


@pytest.fixture
def calm(run):
    """A run whose own lines Snakemake is kept from showing; they are in ``shown``."""
    run.shown = []
    snakemakes = logging.Handler()
    snakemakes.emit = lambda record: run.shown.append(record.msg)
    run.logger.handlers.insert(0, snakemakes)
    run.heard.replace(snakemakes)
    run.heard.name_of = lambda job: "vanilla seed 0 iteration 3" if job.rule == "train" else None
    run.logger.info("Building the plan")
    run.logger.info("has started", extra={"event": "workflow_started"})
    return run


def test_snakemakes_own_lines_are_shown_until_the_run_starts(calm):
    calm.logger.info("a line")
    calm.logger.error("an error")
    assert calm.shown == ["Building the plan"]


def test_a_failure_is_said_at_once_with_the_last_lines_of_its_log(calm, capsys):
    epochs = [f"epoch {i}/99" for i in range(20)]
    calm.fails(1, log="\n".join([*epochs, "error: the training\x1b[2J diverged", ""]))
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "FAILED train vanilla seed 0 iteration 3: the training\ufffd[2J diverged",
        f"  Its log is {calm.folder}/1.log:",
        *(f"    {epoch}" for epoch in epochs[-TAIL:]),
    ]
    calm.logger.info("Trying to restart job 1.")
    calm.logger.info("Trying to restart job 7.")
    assert capsys.readouterr().err == "train vanilla seed 0 iteration 3 is tried again.\n"
    calm.heard.tell(["snakemake.log"])
    listed = "  train vanilla seed 0 iteration 3: the training\ufffd[2J diverged\n"
    assert capsys.readouterr().err.endswith(f"mended:\n{listed}")
    calm.errs("WorkflowError: at least one job failed")
    calm.heard.close()
    assert capsys.readouterr().err == "", "that is known by now"


def test_many_failures_are_short(calm, capsys):
    for i in range(events.MAX_LISTED + 2):
        calm.fails(i, log="epoch 1/9\nerror: why\n")
    text = capsys.readouterr().err
    assert (text.count("FAILED"), text.count("epoch 1/9")) == (32, events.MAX_TAILS)
    calm.heard.tell([])
    *_, last, more = capsys.readouterr().err.splitlines()
    assert last.endswith(": why")
    assert more == "  and 2 more"


def test_of_a_block_only_the_job_that_failed_is_said(calm, capsys):
    for jobid, log in ((1, "error: why\n"), (2, None)):
        path = calm.folder / f"{jobid}.log"
        if log:
            path.write_text(log)
        about = {"rule_name": "train", "jobid": jobid, "log": [str(path)], "indent": True}
        calm.logger.error("Error in rule", extra={"event": "job_error", **about})
    assert capsys.readouterr().err.count("FAILED") == 1


def test_what_snakemake_alone_knows_of_a_failure_is_its_reason(calm, capsys):
    made = str(calm.folder / "1-checkpoint")
    calm.errs(f"RuleException:\nCalledProcessError in file x, line 3:\nCommand '... {made}'")
    calm.errs(f"MissingOutputException in rule train:\nMissing files after 60 seconds: {made}")
    calm.fails(1)
    calm.fails(2)
    first, _, second, _ = capsys.readouterr().err.splitlines()
    assert first.endswith(
        f"MissingOutputException in rule train: Missing files after 60 seconds: {made}"
    )
    assert second.endswith(WITHOUT_REASON)


def test_an_error_that_is_no_jobs_is_said_at_the_end(calm, capsys):
    calm.errs("WorkflowError: a gate is damaged")
    assert capsys.readouterr().err == ""
    calm.heard.close()
    assert capsys.readouterr().err == "WorkflowError: a gate is damaged\n"


def test_a_run_that_is_stopped_says_so_and_lists_no_failures(calm, capsys):
    asked = []
    calm.heard.on_interrupt = lambda: asked.append("to end")
    calm.logger.info("Terminating processes on user request, this might take some time.")
    calm.fails(1, log="error: stopped by SIGINT\n")
    calm.heard.tell(["snakemake.log"])
    assert asked == ["to end"]
    assert capsys.readouterr().err.splitlines() == [
        "Stopping: trainings save what they have.",
        "Stopped. The same command goes on from here.",
    ]


def test_a_warning_is_said_once(calm, capsys):
    for i in range(3):
        calm.logger.warning(f"Job {i} asks for too much.")
    for letter in "abcdefghijklmnopqrstuvwxyz":
        calm.logger.warning(letter)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "WARNING: Job 0 asks for too much."
    assert len(lines) == events.MAX_WARNINGS + 1
    assert "log" in lines[-1]


def test_of_what_snakemake_tells_in_words_what_matters_is_said(calm, capsys):
    calm.logger.info("Select jobs to execute...")
    calm.logger.info("Nothing to be done (all requested files are present and up to date).")
    assert capsys.readouterr().err.startswith("Nothing to be done")


def test_what_a_run_begins_to_do_is_said_once(calm, capsys):
    for jobid, rule in enumerate(
        ("dataset", "labels", "train", "train", "gate", "figure", "table")
    ):
        calm.logger.info("a job", extra={"event": "job_info", "jobid": jobid, "rule_name": rule})
    assert capsys.readouterr().err.splitlines() == [
        "Preparing the data.",
        "Training.",
        "Drawing figures, writing tables.",
    ]


def test_what_cannot_be_noted_does_not_end_the_run(calm, capsys):
    calm.heard.name_of = lambda job: 1 / 0
    calm.fails(1, log="error: why")
    assert "ZeroDivisionError" in capsys.readouterr().err
