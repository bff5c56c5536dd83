"""Print what the configured studies would cost, before anything is run."""

import json
import subprocess
import sys

from dsd2.script import logged


def main(smk) -> None:
    """Hand the runs to the library's estimate through a pipe: they are too long for a command."""
    command = [sys.executable, "-m", "dsd2", "plan", "--runs", "/dev/stdin"]
    result = subprocess.run(
        [*command, "--cores", str(smk.params.cores)],
        input=json.dumps(smk.params.runs),
        encoding="utf-8",
        stderr=sys.stderr,
        check=False,
    )
    if result.returncode:
        sys.exit(result.returncode)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
