"""What jobs are told of GPUs, on a machine whose NVIDIA tool speaks of cards."""

import os
from pathlib import Path

import pytest
from project import new_project

SMI = "#!/bin/sh\nprintf '81559\\n'\n"
LARGE = {
    "dataset": {"name": "digits"},
    "model": {"name": "vgg-like", "depth": 2, "width": 6},
    "training": {"epochs": 100_000, "batch_size": 16},
    "arms": {"vanilla": None},
}
LOCKED = """
import sys
sys.path.insert(0, {library!r})
from dsd2 import compat
assert compat.runs_jobs_here(workflow) == workflow.is_main_process
if compat.runs_jobs_here(workflow):
    compat.limit_resource(workflow, "gpu", 1)
rule all:
    input: "1", "2", "3"
rule one:
    output: "{{n}}"
    resources: gpu=1
    shell: "mkdir busy && sleep 0.5 && rmdir busy && touch {{output}}"
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "nvidia-smi").write_text(SMI)
    (tools / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    return new_project(tmp_path / "project")


def test_no_more_jobs_than_gpus_are_started(project):
    (project.folder / "Locked").write_text(
        LOCKED.format(library=str(Path(__file__).parents[2] / "workflow"))
    )
    project.snakemake("--snakefile", "Locked", "all", cores=3)


def test_a_small_training_is_told_that_it_has_no_gpu_and_a_large_one_that_it_has(project):
    assert "--gpus 0" in project.snakemake("--dry-run", "--printshellcmds")
    project.configure(**LARGE)
    assert "--gpus 1" in project.snakemake("--dry-run", "--printshellcmds")
    without = project.snakemake("--dry-run", "--printshellcmds", "--resources", "gpu=0")
    assert "--gpus 0" in without
    assert "--gpus 1" not in without
