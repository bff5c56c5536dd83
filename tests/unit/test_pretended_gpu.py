"""The tests in tests/gpu, which need a process that has not imported torch yet."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TORCH = Path(importlib.util.find_spec("torch").origin).parent


@pytest.mark.process
@pytest.mark.skipif(not shutil.which("c++"), reason="pretending a GPU takes a C++ compiler")
@pytest.mark.skipif((TORCH / "lib" / "libtorch_cuda.so").exists(), reason="torch has CUDA itself")
@pytest.mark.parametrize("file", sorted(f.name for f in (ROOT / "tests" / "gpu").glob("test_*")))
def test_on_a_pretended_gpu(file):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/gpu/{file}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
