"""What an environment of envs/requirements.txt alone can do."""

import ast
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
import snakemake
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from test_documents import required

ROOT = Path(__file__).parents[2]
REPORT = Path(snakemake.__file__).parent / "report"
EXTRAS = {"pillow_heif", "timm", "mlflow", "wandb"}
"""Imported where a user has asked for what they do, and refused with a sentence where they lack."""


@cache
def installed():
    """The distributions that requirements.txt installs, with all that they require."""
    left = [Requirement(name) for name in required("requirements.txt")]
    found = set()
    while left:
        requirement = left.pop()
        name = canonicalize_name(requirement.name)
        marked = requirement.marker
        if name in found or (marked and not marked.evaluate({"extra": ""})):
            continue
        found.add(name)
        left += map(Requirement, metadata.requires(name) or ())
    return found


def imported(folder):
    """The top-level modules that the files of a folder import, anywhere in them."""
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield node.module.partition(".")[0]


@pytest.mark.parametrize("folder", [ROOT / "workflow", REPORT], ids=["workflow", "report"])
def test_what_is_imported_is_installed(folder):
    """Packages that tests alone bring hide that a user's environment lacks them."""
    of_modules = metadata.packages_distributions()
    modules = set(imported(folder)) - EXTRAS - set(sys.stdlib_module_names)
    assert modules
    for module in sorted(modules & of_modules.keys()):
        names = {canonicalize_name(name) for name in of_modules[module]}
        assert names & installed(), f"{module} is of {', '.join(sorted(names))}"
