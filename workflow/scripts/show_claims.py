"""Print the scorecard, a line a claim."""

from pathlib import Path

from dsd2.analysis.scorecard_text import HEADING, scorecard_lines
from dsd2.files.claim_records import CLAIMS
from dsd2.files.records import read_table
from dsd2.script import logged


def main(smk) -> None:
    """Print it."""
    table = read_table(Path(smk.input.parquet), CLAIMS, {"claims": smk.params.called})
    print(f"{HEADING}:", *scorecard_lines(table.to_pylist()), sep="\n  ")
    print(f"The whole scorecard is in {smk.input.md}")


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
