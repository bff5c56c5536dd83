"""Time a study's networks."""

from pathlib import Path

from dsd2.script import logged
from dsd2.stages.latencies import run_latencies


def main(smk) -> None:
    """Write the table of times."""
    run_latencies(smk.wildcards.study, Path(smk.input[0]), smk.params.seconds, Path(smk.output[0]))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
