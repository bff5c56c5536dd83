"""The tests in tests/gpu, which need a process that has not imported torch yet."""

import importlib
import importlib.util
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TORCH = Path(importlib.util.find_spec("torch").origin).parent


pretending = pytest.mark.skipif(
    not shutil.which("c++") or (TORCH / "lib" / "libtorch_cuda.so").exists(),
    reason="pretending a GPU takes a C++ compiler, and a torch without CUDA",
)


@pytest.mark.process
@pretending
@pytest.mark.parametrize("half", [0, 1])
def test_on_a_pretended_gpu(half):
    files = sorted(str(file) for file in (ROOT / "tests" / "gpu").glob("test_*"))[half::2]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.process
@pytest.mark.long
@pretending
def test_make_gpu_runs_to_its_end_without_a_gpu(tmp_path):
    script = ROOT / "tests" / "benchmarks" / "gpu.py"
    page = tmp_path / "gpu.md"
    subprocess.run([sys.executable, str(script), str(page)], check=True, capture_output=True)
    assert "Nothing here was measured on a GPU" in page.read_text()


@pytest.mark.parametrize(("holds", "status"), [(True, 0), (False, 1)])
def test_make_gpu_fails_where_a_promise_does(tmp_path, monkeypatch, holds, status):
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "benchmarks"))
    gpu = importlib.import_module("gpu")
    rows = [gpu.Row("a", "1", "≤ 2"), gpu.Row("b", "3", "≤ 2", holds)]
    monkeypatch.setattr(gpu, "pretended_card", lambda: nullcontext(object()))
    monkeypatch.setattr(gpu, "same_bits", lambda _: rows)
    monkeypatch.setattr(gpu, "waits", lambda _: [])
    monkeypatch.setattr(gpu, "launches", lambda _: [])
    page = tmp_path / "gpu.md"
    assert gpu.main(page) == status
    assert ("**no**" in page.read_text()) == (not holds)
