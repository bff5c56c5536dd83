"""A tiny study, run once, and copied for each test that changes something about it."""

import os
import shutil

import pytest
from filelock import FileLock
from project import Project, new_project


@pytest.fixture
def fresh(tmp_path):
    """The project without any results."""
    return new_project(tmp_path / "fresh")


@pytest.fixture(scope="session")
def _finished(tmp_path_factory):
    """The tiny study, run once for all workers of the test session."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished"
    with FileLock(f"{shared}.lock"):
        if not (shared / "ready").exists():
            project = new_project(shared)
            (shared / "first-run.log").write_text(project.snakemake())
            (shared / "ready").touch()
    return Project(shared)


@pytest.fixture
def finished(_finished, tmp_path):
    """A copy of the project with the tiny study's results and Snakemake's records of them."""
    shutil.copytree(_finished.folder, tmp_path / "finished")
    return Project(tmp_path / "finished")
