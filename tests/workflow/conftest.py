"""Studies that are run once, and copied for each test that changes something about them."""

import os
import shutil

import pytest
from attacks import hostile_study
from chromium import CHROMEDRIVER, chromium
from filelock import FileLock
from project import UNDRAWN, Project, new_project


@pytest.fixture
def fresh(tmp_path):
    """The project without any results, whose study draws nothing."""
    return new_project(tmp_path / "fresh", UNDRAWN)


def run_once(tmp_path_factory, name, settings):
    """A study that is run once for all workers of the test session.

    Args:
        tmp_path_factory: pytest's.
        name: of its folder.
        settings: what it changes of the tiny study, given its folder.
    """
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with FileLock(f"{shared}.lock"):
        if not (shared / "ready").exists():
            project = new_project(shared)
            project.configure(**settings(shared))
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("DSD2_OUTPUT", "lines")
                (shared / "first-run.log").write_text(project.snakemake())
            (shared / "ready").touch()
    return Project(shared)


@pytest.fixture(scope="session")
def _finished(tmp_path_factory):
    """The tiny study, finished."""
    return run_once(tmp_path_factory, "finished", lambda folder: {})


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    """The study of attacks, finished."""
    return run_once(tmp_path_factory, "hostile", hostile_study)


@pytest.fixture
def browser(tmp_path):
    """Chromium, where there is one."""
    if CHROMEDRIVER is None:
        pytest.skip("no chromedriver: apt-get install chromium chromium-driver")
    with chromium(tmp_path / "browser") as driver:
        yield driver


@pytest.fixture
def finished(_finished, tmp_path):
    """A copy of the project with the tiny study's results and Snakemake's records of them."""
    shutil.copytree(_finished.folder, tmp_path / "finished")
    return Project(tmp_path / "finished")


@pytest.fixture
def undrawn(finished):
    """The finished study, of which no figures and tables are wanted any more."""
    project = Project(finished.folder, UNDRAWN)
    project.configure()
    return project
