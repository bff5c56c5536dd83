"""A copy of the project in a folder of its own, with a study that takes seconds."""

import atexit
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import preloaded
import yaml

ROOT = Path(__file__).parents[2]

TINY = {
    "study": "tiny",
    "seeds": [0],
    "dataset": {"name": "digits", "train": 120, "validation": 50, "test": 100},
    "noise": {"kind": "symmetric", "rate": 0.3},
    "model": {"name": "vgg-like", "depth": 1, "width": 2},
    "training": {"epochs": 2, "batch_size": 16, "learning_rate": 0.05},
    "pruning": {"fraction": 0.6, "target_sparsity": 0.95},
    "arms": {
        "vanilla": None,
        "student": {"distillation": {"teacher": "vanilla", "select": "best"}},
        # Stops with the first iteration that is no improvement.
        "gated": {
            "distillation": {"teacher": "vanilla", "select": "dense"},
            "stopping": {
                "policy": "entropy",
                "entropy_threshold": 10.0,
                "accuracy_threshold": 1.0,
            },
        },
    },
}

UNDRAWN = {**TINY, "figure": False, "tables": []}
"""The same without figures and tables, each of which is a process that takes seconds."""


SNAKEMAKE = [sys.executable, "-m", "snakemake"]
"""How this environment's Snakemake is started."""


@cache
def server():
    """The process whose forks are the runs of this test process."""
    started = preloaded.Server()
    atexit.register(started.stop)
    return started


@dataclass
class Project:
    """A copy of the project in a folder of its own.

    Attributes:
        study: what :meth:`configure` changes keys of.
    """

    folder: Path
    study: dict = field(default_factory=lambda: TINY)
    patience = 300
    """Seconds that a run may take."""

    def configure(self, **changes):
        """Write the project's study with some of its top-level keys replaced."""
        text = yaml.safe_dump({**self.study, **changes}, sort_keys=False)
        (self.folder / "config" / "config.yaml").write_text(text)

    def command(self, *arguments, cores=2):
        return [
            *SNAKEMAKE,
            *(["--cores", str(cores)] if cores else []),
            *arguments,
        ]

    def start(self, *arguments, cores=2):
        """Start snakemake in a process group of its own."""
        with (self.folder / "snakemake.log").open("w") as log:
            return subprocess.Popen(
                self.command(*arguments, cores=cores),
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_heed_interrupts,
            )

    def snakemake(self, *arguments, cores=2, status=0):
        """Run snakemake to its end; returns what it printed."""
        command = self.command(*arguments, cores=cores)
        # A cluster's starts another environment's.
        here = command[: len(SNAKEMAKE)] == SNAKEMAKE and server().fits()
        ended = (self._run_forked if here else self._run)(arguments, cores)
        text = (self.folder / "snakemake.log").read_text()
        assert ended == status, text
        return text

    def _run_forked(self, arguments, cores):
        """The exit status of a run that is a fork of a process which has imported Snakemake."""
        options = self.command(*arguments, cores=cores)[len(SNAKEMAKE) :]
        return server().run(options, self.folder, self.folder / "snakemake.log", self.patience)

    def _run(self, arguments, cores):
        """The exit status of a run that is a process of its own."""
        process = self.start(*arguments, cores=cores)
        try:
            return process.wait(timeout=self.patience)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)

    def forget_results(self):
        """As if nothing had been run."""
        for name in ("results", ".snakemake"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def planned(self, *arguments):
        """How many jobs of each stage a dry run lists."""
        text = self.snakemake("--dry-run", *arguments)
        if "Nothing to be done" in text:
            return {}
        table = text[text.index("Job stats:") :].splitlines()[3:]
        rows = [line.split() for line in table[: table.index("")]]
        return {name: int(count) for name, count in rows if name not in ("all", "total")}

    def done(self, text):
        """How many jobs of each stage a run finished, by the log that it names."""
        finished = {}
        # The folder's name may have spaces.
        logs = re.findall(r"\.snakemake/log/\S+\.snakemake\.log", text)
        for line in (self.folder / logs[-1]).read_text().splitlines() if logs else ():
            if line.startswith("Finished jobid:"):
                stage = line.rpartition("(Rule: ")[2].rstrip(")")
                finished[stage] = finished.get(stage, 0) + 1
        finished.pop("all", None)
        return finished

    def checkpoints(self):
        """The bytes of every checkpoint, by path."""
        files = sorted(self.folder.glob("results/runs/*/iter-*/checkpoint.safetensors"))
        return {str(file.relative_to(self.folder)): file.read_bytes() for file in files}

    def modified(self, pattern):
        """When the files of a pattern were last written."""
        return {file: file.stat().st_mtime_ns for file in self.folder.glob(pattern)}


def _heed_interrupts():
    """As in a terminal: what a shell runs in the background ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def new_project(folder, study=TINY):
    """A fresh clone: what git tracks, or would, and what Python compiled of it."""
    for name in ("Snakefile", "workflow", "config", "profiles", "envs"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    project = Project(folder, study)
    project.configure()
    return project


def training_processes(folder, iteration=None):
    """Processes that train in a folder, one iteration or any, by what the kernel says of them."""
    words = {b"dsd2", b"train", *([f"{iteration:02d}".encode()] if iteration is not None else [])}
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().split(b"\0")
            place = (process / "cwd").readlink()
        except OSError:
            continue
        if words <= set(arguments) and place == folder:
            found.append(int(process.name))
    return found


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()
