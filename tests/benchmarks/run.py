"""Run every benchmark and write what they print, with the machine's description.

    python tests/benchmarks/run.py [OUTPUT]

It takes a quarter of an hour on two CPU cores, which should have nothing else to do.
"""

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = (
    "step_share",
    "epoch",
    "distilling",
    "parity",
    "stage_cost",
    "loading",
    "scheduling",
    "memory",
    "labels",
    "onnx_resize",
)


def machine() -> str:
    """Processor, cores, memory and versions, in a line each."""
    information = Path("/proc/cpuinfo")
    names = [platform.processor()]
    if information.exists():
        lines = information.read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    packages = [f"{name} {version(name)}" for name in ("torch", "torchvision", "snakemake")]
    computer = f"{len(names)} × {names[0]}, {gigabytes:.0f} GB"
    return f"{computer}\nPython {platform.python_version()}, {', '.join(packages)}"


def main(output: Path) -> None:
    """Run all in turn."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("w", encoding="utf-8") as file:
        print(machine(), file=file, flush=True)
        for script in SCRIPTS:
            command = [sys.executable, str(HERE / f"{script}.py")]
            result = subprocess.run(command, check=False, capture_output=True, text=True)
            text = result.stdout if result.returncode == 0 else result.stdout + result.stderr
            print(f"\n{script}\n{text.rstrip()}", file=file, flush=True)
            print(f"\n{script}\n{text.rstrip()}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "results/benchmarks.txt"))
