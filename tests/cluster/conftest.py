"""A Slurm cluster on this host, where it can have one."""

import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def slurm():
    """A running cluster; one that the tests started is stopped when they are done."""
    up = subprocess.run([HERE / "slurm-up"], capture_output=True, text=True, check=False)
    if up.returncode == 3:
        pytest.skip(up.stderr.strip())
    assert up.returncode == 0, up.stderr
    yield
    if "already" not in up.stdout:
        subprocess.run([HERE / "slurm-down"], check=True)
