"""Print what the configured studies would cost, before anything is run."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from dsd2.script import logged


def main(smk) -> None:
    """Hand the runs to the library's estimate, in a file: they are too many for a command line."""
    folder = Path("results")
    folder.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".json", dir=folder, encoding="utf-8") as runs:
        json.dump(smk.params.runs, runs)
        runs.flush()
        command = [sys.executable, "-m", "dsd2", "plan", "--runs", runs.name]
        result = subprocess.run(
            [*command, "--cores", str(smk.params.cores)], stderr=sys.stderr, check=False
        )
    if result.returncode:
        sys.exit(result.returncode)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
