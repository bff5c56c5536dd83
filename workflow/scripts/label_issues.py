"""Write an arm's label issues: two tables and a page."""

import json
from pathlib import Path

from dsd2.script import logged, view_of
from dsd2.stages.label_issues import IssueFiles, ScoredChain, run_label_issues


def main(smk) -> None:
    """Write the tables and the page."""
    entries = json.loads(smk.params.entries)
    given, made = smk.input, smk.output
    run_label_issues(
        {"study": smk.wildcards.study, "listed": smk.wildcards.listed},
        view_of(smk.params).title,
        entries["arm"],
        [ScoredChain(**chain) for chain in entries["chains"]],
        entries["truth"],
        IssueFiles(
            dataset=Path(given.dataset),
            labels=Path(given.labels),
            images=Path(given.images) if given.get("images") else None,
            parquet=Path(made.parquet),
            csv=Path(made.csv),
            page=Path(made.page),
        ),
    )


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
