"""How the library's modules depend on each other and on other libraries."""

import ast
import subprocess
import sys
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import pytest

WORKFLOW = Path(__file__).parents[2] / "workflow"
LIBRARY = WORKFLOW / "dsd2"
LONGEST = 300
READ_BY_SNAKEMAKE = (
    "dsd2.config.study",
    "dsd2.config.studies",
    "dsd2.planning.chains",
    "dsd2.recipe",
    "dsd2.registry",
    "dsd2.stopping",
    "dsd2.compat",
)
HEAVY = ("torch", "torchvision", "matplotlib", "pandas")
DOCUMENTED = ("_exit", "_replace", "_asdict")
"""Names of the standard library that are public in spite of their underscore."""


@cache
def parsed(file):
    return ast.parse(file.read_text(encoding="utf-8"))


def imported(file):
    """Dotted names inside the package that a module imports, also for types alone."""
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(dotted):
    """The folder, or module outside folders, that a dotted name lies in; None for none of ours."""
    package, _, rest = dotted.partition(".")
    name = rest.partition(".")[0]
    is_ours = package == "dsd2" and ((LIBRARY / name).is_dir() or (LIBRARY / f"{name}.py").exists())
    return name if name and is_ours else None


@pytest.mark.slow
def test_folders_import_one_way():
    below = defaultdict(set)
    for file in LIBRARY.rglob("*.py"):
        here = file.relative_to(LIBRARY).parts[0].removesuffix(".py")
        below[here] |= {there for name in imported(file) if (there := part(name))} - {here}
    # What imports nothing that is left is taken away, until nothing or circles are left.
    left = dict(below)
    while free := [here for here, others in left.items() if not others & left.keys()]:
        for here in free:
            del left[here]
    assert not left, {here: others & left.keys() for here, others in left.items()}


def test_files_are_short():
    lengths = {
        str(file.relative_to(WORKFLOW)): len(file.read_text(encoding="utf-8").splitlines())
        for file in WORKFLOW.rglob("*")
        if file.suffix in (".py", ".smk")
    }
    assert {name: n for name, n in lengths.items() if n > LONGEST} == {}, "split them"


def private_names(file):
    """Attributes and imports of a module that begin with one underscore and are not its own."""
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Attribute):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if not own:
                yield node.attr, node.lineno
        elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("dsd2"):
            yield from ((name, node.lineno) for name in (node.module or "").split("."))
            yield from ((alias.name, node.lineno) for alias in node.names)


def test_private_names_of_others_are_in_compat_alone():
    found = [
        f"{file.relative_to(WORKFLOW)}:{line}: {name}"
        for file in WORKFLOW.rglob("*.py")
        if file != LIBRARY / "compat.py"
        for name, line in private_names(file)
        if name.startswith("_") and not name.startswith("__") and name not in DOCUMENTED
    ]
    assert not found


@pytest.mark.process
@pytest.mark.parametrize("module", READ_BY_SNAKEMAKE)
def test_what_snakemake_reads_imports_nothing_that_costs_seconds(module):
    program = (
        f"import sys; sys.path.insert(0, {str(WORKFLOW)!r}); import {module};"
        f" print(*sorted(sys.modules.keys() & {set(HEAVY)!r}))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_no_two_files_of_tests_have_one_name():
    """pytest imports both as one module, and refuses the second."""
    tests = Path(__file__).parents[1]
    files = [file.name for folder in ("unit", "workflow") for file in (tests / folder).glob("*.py")]
    files += [file.name for file in tests.glob("*.py")]
    assert {name for name, count in Counter(files).items() if count > 1} == {"conftest.py"}
