"""How often Snakemake looks for jobs that it could start."""

import subprocess
import sys

import pytest

WATCHED = """
import sys
from snakemake.cli import main
from snakemake.scheduling.job_scheduler import JobScheduler
set_alarm = JobScheduler._schedule_reevalutation
def watched(scheduler, delay):
    print("will look again in", delay, "s")
    set_alarm(scheduler, delay)
JobScheduler._schedule_reevalutation = watched
sys.exit(main())
"""


@pytest.mark.parametrize("limit", [None, "90/1s"])
def test_it_looks_when_a_job_has_ended_unless_a_limit_is_asked_for(fresh, limit):
    command = [sys.executable, "-c", WATCHED, "--cores", "1", "--until", "dataset"]
    command += [] if limit is None else ["--max-jobs-per-timespan", limit]
    run = subprocess.run(command, cwd=fresh.folder, check=True, capture_output=True, text=True)
    assert ("will look again in" in run.stdout) == (limit is not None)
    assert list(fresh.folder.glob("results/datasets/*.safetensors"))
