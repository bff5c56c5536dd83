"""Projects whose jobs go to the Slurm cluster, and what Slurm says of them."""

import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import yaml
from project import ROOT, Project, new_project

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Job:
    """A job as squeue and scontrol tell of it; times in seconds."""

    number: str
    state: str
    partition: str
    queued: float
    ran: float
    restarts: int


class ClusterProject(Project):
    """A project that is run by the profile for Slurm."""

    patience = 900

    def command(self, *arguments, cores=None):
        options = ["--profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "1"]
        return [sys.executable, str(HERE / "impatient.py"), *options, *arguments]

    def jobs(self):
        """The jobs that were submitted from the project's folder, in order."""
        text = slurm_says("squeue", "--states=all", "--noheader", "--format=%i|%T|%P|%V|%S|%e|%Z")
        rows = [line.split("|") for line in text.splitlines()]
        return sorted(
            (self._job(*row[:-1]) for row in rows if row[-1] == str(self.folder)),
            key=lambda job: int(job.number),
        )

    def log(self, job):
        """What Slurm and the Snakemake in the job wrote of it; kept of jobs that failed."""
        (file,) = self.folder.glob(f"results/logs/slurm/**/{job.number}.log")
        return file.read_text()

    def _job(self, number, state, partition, submitted, started, ended):
        about = slurm_says("scontrol", "show", "job", number)
        return Job(
            number=number,
            state=state,
            partition=partition,
            queued=_seconds(submitted, started),
            ran=_seconds(started, ended),
            restarts=int(about.partition("Restarts=")[2].split()[0]),
        )


def small_quickstart(folder, kind, **changes):
    """The default study with all its arms, cut down: three iterations of three runs."""
    study = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    study["seeds"] = [0]
    study["dataset"].update(train=120, validation=50, test=100)
    study["model"].update(depth=1, width=2)
    study["training"].update(epochs=2, batch_size=16)
    study["pruning"]["target_sparsity"] = 0.8
    del study["label_issues"]
    study.update(changes)
    project = kind(new_project(folder).folder)
    text = yaml.safe_dump(study, sort_keys=False)
    (project.folder / "config" / "config.yaml").write_text(text)
    return project


def slurm_says(*command):
    """What a command of Slurm prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _seconds(start, end):
    try:
        return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    except ValueError:
        return float("nan")  # It has not come to that.
