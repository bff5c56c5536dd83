"""Join the chains of a study into its table."""

from pathlib import Path

from dsd2.script import logged
from dsd2.stages.study_metrics import Entry, run_study


def main(smk) -> None:
    """Write the table."""
    entries = [Entry(**entry) for entry in smk.params.entries]
    run_study(smk.wildcards.study, entries, Path(smk.output[0]))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
