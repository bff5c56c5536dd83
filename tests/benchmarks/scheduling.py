"""What Snakemake and this workflow's own rules cost an iteration, ungated and gated.

    python tests/benchmarks/scheduling.py [CHAINS]

Chains of 35 iterations, as the paper's, in a copy of the project whose library trains nothing: a
stage writes its files and ends. What such processes cost by themselves is measured too and taken
off, shared by two cores.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PARTS = ("workflow", "config", "profiles", "envs")
CORES = 2
CHAIN = 35
"""Iterations of a chain."""

STAGE = """
import sys
from pathlib import Path
from dsd2.recipe import from_json
from dsd2.stopping import Stopping
from dsd2.files.decision import GATE, gate_identity, write_decision
options = dict(zip(sys.argv[1:], sys.argv[2:]))
for name in ("--checkpoint", "--history", "--metrics"):
    if name in options:
        Path(options[name]).touch()
output = Path(options.get("--output", "/dev/null"))
if "gate" in sys.argv:
    policy = from_json(Stopping, options["--policy"]).slug
    identity = gate_identity(options["--run"], policy, int(options["--iteration"]))
    write_decision(output, GATE, {**identity, "stop": False})
else:
    output.touch()
"""


def study(chains: int, gated: bool) -> dict:
    """Chains of the smallest network, one a seed."""
    return {
        "study": "scheduling",
        "seeds": list(range(chains)),
        "pruning": {"fraction": 0.2, "target_sparsity": 1 - 0.8 ** (CHAIN - 0.5)},
        "arms": {"arm": {"stopping": {"policy": "entropy" if gated else "none"}}},
        "figure": False,
        "tables": ["models"],
    }


def run(folder: Path, chains: int, gated: bool) -> float:
    """Seconds of all chains, from Snakemake's start to its end."""
    config = folder / "study.yaml"
    config.write_text(yaml.safe_dump(study(chains, gated)))
    shutil.rmtree(folder / "results", ignore_errors=True)
    shutil.rmtree(folder / ".snakemake", ignore_errors=True)
    targets = subprocess.run(
        [sys.executable, "-c", TARGETS, str(config)],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    command = [sys.executable, "-m", "snakemake", "--cores", str(CORES)]
    command += ["--configfile", str(config), "--", *targets]
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


TARGETS = """
import sys, yaml
sys.path.insert(0, "workflow")
from dsd2.planning.chains import Plan
from dsd2.config.study import load_study
plan = Plan(load_study(yaml.safe_load(open(sys.argv[1]))))
print(*(chain.path for chain in plan.chains(plan.study("scheduling"))))
"""


def process_seconds(folder: Path) -> float:
    """Median time of a stage's process, its shell included."""
    took = []
    for _ in range(20):
        start = time.perf_counter()
        subprocess.run(
            ["bash", "-c", "exec python -m dsd2 --checkpoint x > log 2>&1"],
            cwd=folder,
            env={
                "PYTHONPATH": str(folder / "workflow"),
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            },
            check=True,
        )
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def main(chains: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(ROOT / "Snakefile", folder)
        for part in PARTS:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, folder / part, ignore=ignored)
        (folder / "workflow" / "dsd2" / "__main__.py").write_text(STAGE)
        process = process_seconds(folder)
        print(f"a stage that does nothing: {process:.3f} s")
        for gated in (False, True):
            each = run(folder, chains, gated) / (chains * CHAIN)
            own = each - (1 + gated) * process / CORES
            words = "gated" if gated else "ungated"
            print(f"{words}: {own:.3f} s an iteration of {chains * CHAIN} ({each:.3f} s in all)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 43)
