"""``pip install .`` gives a package that loads, away from the clone."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LOAD = """
import importlib, pkgutil, sys
from pathlib import Path

import dsd2

assert Path(dsd2.__file__).is_relative_to(sys.argv[1]), dsd2.__file__
for module in pkgutil.walk_packages(dsd2.__path__, "dsd2."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)

import yaml
from dsd2.config.reference import reference
from dsd2.config.studies import load_studies

for file in sys.argv[2:]:
    (study,) = load_studies(yaml.safe_load(Path(file).read_text()))
    assert study.arms, file
assert "training.epochs" in reference()
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The package as pip installs it, from a copy: building leaves files in what is built."""
    source = tmp_path_factory.mktemp("source")
    for name in ("workflow", "envs"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    target = tmp_path_factory.mktemp("target")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", target]
    command = [sys.executable, "-m", "pip", "install", *options, source]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return target


def run(installed, *arguments):
    """Python from a folder that has nothing in it, with the installed package alone."""
    folder = installed / "elsewhere"
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env={"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_module_of_the_installed_package_loads_and_it_reads_studies(installed):
    studies = [ROOT / "config" / name for name in ("config.yaml", "paper/fig5.yaml")]
    result = run(installed, "-c", LOAD, installed, *studies)
    assert result.returncode == 0, result.stderr


def test_the_installed_command_line_runs(installed):
    result = run(installed, "-m", "dsd2", "--help")
    assert result.returncode == 0, result.stderr
    assert "train" in result.stdout


def test_the_installed_package_has_every_file_of_the_library(installed):
    def files(folder):
        paths = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder) for path in paths if "__pycache__" not in path.parts}

    assert files(installed / "dsd2") == files(ROOT / "workflow" / "dsd2")
