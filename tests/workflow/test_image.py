"""The image of envs/Containerfile, built where an engine of containers answers."""

import shutil
import subprocess

import pytest
from project import ROOT, new_project


def engine():
    """Podman or Docker, whichever answers; None where neither does."""
    for name in filter(shutil.which, ("podman", "docker")):
        if subprocess.run([name, "info"], capture_output=True, check=False).returncode == 0:
            return name
    return None


@pytest.mark.long
def test_the_workflow_plans_in_its_image(tmp_path):
    program = engine()
    if program is None:
        pytest.skip("no engine of containers answers")
    recipe = ["--file", "envs/Containerfile", "."]
    subprocess.run([program, "build", "--tag", "dsd2-test", *recipe], cwd=ROOT, check=True)
    clone = new_project(tmp_path / "clone").folder
    run = [program, "run", "--rm", "--volume", f"{clone}:/workflow", "dsd2-test"]
    done = subprocess.run(
        [*run, "snakemake", "--dry-run"], capture_output=True, text=True, check=True
    )
    assert "Job stats" in done.stdout + done.stderr
