"""What a person sees of a run: few lines, a display that is painted anew, and a calm end."""

import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

import pytest
from project import wait_until

MOST = 60
"""Lines that a run prints at most, of a study of a few arms."""
PROVENANCE = ("results/studies/tiny/provenance.html", "--force")
"""A job of seconds."""


class Terminal:
    """A command on a terminal of its own, and what it has written there."""

    def __init__(self, command, folder):
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 70))
        self.ours, self.theirs, self.written = ours, theirs, ""
        self.before = termios.tcgetattr(theirs)
        # Ctrl-C is for the processes of the terminal that one controls.
        command = ["setsid", "--ctty", "--wait", *command]
        environment = {**os.environ, "TERM": "xterm"}
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
        self.process = subprocess.Popen(command, cwd=folder, env=environment, **streams)

    def read(self):
        """Take in what was written since, for as long as something comes."""
        while select.select([self.ours], [], [], 0.2)[0]:
            self.written += os.read(self.ours, 65536).decode()
        return self.written

    def end(self, seconds):
        """The exit status; what is written is read, or the terminal would fill up."""
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self.read()
        self.read()
        return self.process.poll()

    def shown(self):
        """The lines that the terminal has shown to stay."""
        # What is painted anew ends with an erased line's end, and goes when something is said.
        said = re.sub(r"[^\n]*\x1b\[K\r\n", "", self.written)
        return re.sub(r"\x1b\[[\d;]*\w|\r", "", said).splitlines()


@pytest.fixture(autouse=True)
def _our_own_lines(monkeypatch):
    """Where other tests read Snakemake's."""
    monkeypatch.delenv("DSD2_OUTPUT")


@pytest.fixture
def terminal():
    """A function that starts a command on a terminal; nothing of it is left after the test."""
    started = []

    def start(*arguments):
        started.append(Terminal(*arguments))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        os.close(one.ours)
        os.close(one.theirs)


def test_a_study_prints_few_lines_and_no_runs_name(finished):
    text = (finished.folder / "first-run.log").read_text()
    lines = text.splitlines()
    assert len(lines) <= MOST
    assert "3 arms, at most 12 trainings." in lines
    assert lines.index("Training.") < lines.index("Drawing figures, writing tables.")
    assert any(line.startswith("| vanilla ") for line in lines), "the table of results"
    assert "  results/studies/tiny/figures/sdd.png .svg .html" in lines
    for run in (finished.folder / "results/runs").iterdir():
        assert run.name not in text
    assert finished.done(text)["train"] == 11, "the log has everything"


def long(project):
    """Have a project's trainings take long."""
    training = {"epochs": 100_000, "batch_size": 16, "learning_rate": 0.05}
    project.configure(arms={"vanilla": None}, training=training)


def test_on_a_terminal_progress_is_painted_anew_and_gone_at_the_end(fresh, terminal):
    fresh.configure(arms={"vanilla": None}, pruning={"fraction": 0.6, "target_sparsity": 0.7})
    shown = terminal(fresh.command(), fresh.folder)
    assert shown.end(fresh.patience) == 0, shown.written
    painted = re.findall(r"([^\n\x1b]*)\x1b\[K", re.sub(r"\x1b\[\d+A", "\n", shown.written))
    assert any(re.match(r"\[[#.]{20}\] +\d+%  \d of at most 2 trainings", line) for line in painted)
    assert any(re.match(r"vanilla +\d +2 +\d+\.00 ", line) for line in painted)
    assert max(map(len, painted)) < 70, "no line wraps"
    lines = shown.shown()
    assert lines[-1].startswith("Done after ")
    assert not [line for line in lines if "trainings after" in line]
    assert "\x1b[?" not in shown.written, "the terminal is never put into another mode"
    assert termios.tcgetattr(shown.theirs) == shown.before


def test_ctrl_c_ends_a_run_with_two_lines(fresh, terminal):
    long(fresh)
    shown = terminal(fresh.command(), fresh.folder)
    assert wait_until(lambda: "now vanilla seed 0 iteration 0 epoch" in shown.read(), 120)
    os.write(shown.ours, b"\x03")
    assert shown.end(60) == 1, shown.written
    # The terminal itself shows ^C.
    assert [line.removeprefix("^C") for line in shown.shown()[-2:]] == [
        "Stopping: trainings save what they have.",
        "Stopped. The same command goes on from here.",
    ]
    assert termios.tcgetattr(shown.theirs) == shown.before


@pytest.mark.long
def test_a_signal_to_snakemake_alone_ends_its_jobs_too(fresh):
    long(fresh)
    process, log = fresh.start(), fresh.folder / "snakemake.log"
    try:
        logs = fresh.folder / "results/runs"
        assert wait_until(lambda: [*logs.glob("*/logs/iter-00.log")], 120)
        (training,) = logs.glob("*/logs/iter-00.log")
        assert wait_until(lambda: "epoch" in training.read_text(), 60)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 1
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert log.read_text().endswith("Stopped. The same command goes on from here.\n")
    assert "Traceback" not in log.read_text()


def test_a_failure_is_said_by_its_arm_with_its_log(fresh):
    training = {"epochs": 2, "batch_size": 16, "learning_rate": 1.0e20}
    fresh.configure(arms={"vanilla": None}, training=training)
    lines = fresh.snakemake(status=1).splitlines()
    failed = "train vanilla seed 0 iteration 0: the training diverged in epoch 1 of 2"
    (first,) = [i for i, line in enumerate(lines) if line.startswith(f"FAILED {failed}")]
    assert re.fullmatch(r"  Its log is results/runs/\S+/logs/iter-00\.log", lines[first + 1])
    assert lines[-2] == "These failed; the same command makes them, once the cause is mended:"
    assert lines[-1].startswith(f"  {failed}")
    assert len(lines) < 15


@pytest.mark.parametrize("way", ["--verbose", "--printshellcmds", "environment", "private name"])
def test_snakemakes_own_lines_are_shown_where_they_are_asked_for_or_cannot_be_replaced(
    finished, monkeypatch, way
):
    options = [way] if way.startswith("--") else []
    if way == "environment":
        monkeypatch.setenv("DSD2_OUTPUT", "snakemake")
    if way == "private name":
        compat = finished.folder / "workflow/dsd2/compat.py"
        compat.write_text(compat.read_text().replace("DefaultStreamHandler", "gone"))
    text = finished.snakemake(*options, *PROVENANCE)
    assert "Job stats:" in text
    assert "Complete log(s): " in text
    assert "Snakemake's log is" not in text
    assert text.count("The study tiny is in:") == 1
