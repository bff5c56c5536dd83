"""Judge the claims of the paper by the studies that decide them, and write the scorecard."""

import json
from pathlib import Path

import pandas as pd

from dsd2.analysis.captions import caption
from dsd2.analysis.evidence import MeanTests
from dsd2.analysis.html import table_page
from dsd2.analysis.measured import measured_arms
from dsd2.analysis.scorecard import JudgedStudy, scale_of, scorecard, scorecard_rows
from dsd2.analysis.scorecard_text import (
    HEADING,
    scorecard_found,
    scorecard_markdown,
    scorecard_table,
)
from dsd2.analysis.summary import test_images
from dsd2.escaping import escape_csv
from dsd2.files.atomic import write_text
from dsd2.files.claim_records import CLAIMS
from dsd2.files.records import write_table
from dsd2.script import logged
from dsd2.stages.study_metrics import read_study

FEW = 100
"""Test images of which a study is taken to have so many where that was not written down."""


def judged(entry: dict, metrics: Path) -> JudgedStudy:
    """A study as its rule tells of it, with its metrics."""
    study = read_study(metrics, entry["study"])
    arms = measured_arms(study, entry["settings"], entry["labels"])
    images = min(test_images(arm.rows) or FEW for arm in arms)
    return JudgedStudy(
        name=entry["study"],
        claims=entry["claims"],
        arms=arms,
        tests=MeanTests(entry["tolerance"], entry["confidence"], 1 / images),
        scale=scale_of(pd.concat([a.rows for a in arms]), entry["networks"], entry["datasets"]),
        figure=entry["figure"],
    )


def main(smk) -> None:
    """Write the scorecard for machines and for people."""
    entries, left_out = (json.loads(smk.params[name]) for name in ("studies", "left_out"))
    studies = [judged(e, Path(file)) for e, file in zip(entries, smk.input.metrics, strict=True)]
    rows = scorecard_rows(scorecard(studies, left_out))
    write_table(Path(smk.output.parquet), CLAIMS, rows, {"claims": smk.params.called})
    table = pd.DataFrame(rows).map(lambda v: escape_csv(v) if isinstance(v, str) else v)
    write_text(Path(smk.output.csv), table.to_csv(index=False))
    shown = scorecard_table(rows, 1 - min(study.tests.confidence for study in studies))
    folder = str(Path(smk.output.md).parent)
    write_text(Path(smk.output.md), scorecard_markdown(shown, rows, folder))
    write_text(Path(smk.output.page), table_page(HEADING, shown))
    write_text(Path(smk.output.found), caption(scorecard_found(rows), shown.note))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
