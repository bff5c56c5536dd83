"""What all tests share: their markers, and the promise of those that have none."""

import json
import os
import sys

import pytest
from hypothesis import is_hypothesis_test, settings

# A busy machine is slow at times; a test must not fail for it.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# Most tests read what Snakemake itself writes; those of our own lines ask for them.
os.environ.setdefault("DSD2_OUTPUT", "snakemake")

STARTS = {"subprocess.Popen", "os.fork", "os.posix_spawn"}
started = []
"""What the current test's process asked the kernel to start."""
sys.addaudithook(lambda event, arguments: started.append(event) if event in STARTS else None)


def pytest_addoption(parser):
    parser.addoption("--record", action="store_true", help="write golden files anew, then fail")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark what a look at a test tells: its folder, and whether hypothesis makes its input."""
    for item in items:
        if item.path.parent.name in ("workflow", "cluster"):
            item.add_marker("process")
        if is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker("fuzz")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    started.clear()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    result = yield
    if started and not item.get_closest_marker("process"):
        pytest.fail(f"it starts processes ({', '.join(started)}): mark it with pytest.mark.process")
    return result


@pytest.fixture
def golden(request):
    """A function that looks an entry of a golden file up.

    With ``--record`` it writes what the entry is now, and the test fails at its end. Without, an
    entry that is missing fails.
    """
    recorded = []

    def entry(file, key, now):
        known = json.loads(file.read_text())
        if request.config.getoption("record") and known.get(key) != now:
            file.write_text(json.dumps({**known, key: now}, indent=1) + "\n")
            recorded.append(key)
            return now
        if key not in known:
            pytest.fail(f"{file.name} has no {key}: record it with --record, and say why")
        return known[key]

    yield entry
    if recorded:
        pytest.fail(f"recorded {', '.join(recorded)}: look at the difference")
