"""Write one of a study's registered tables: for machines as CSV, for people in three formats."""

from pathlib import Path

import pandas as pd

from dsd2.analysis.captions import caption, rows_of
from dsd2.analysis.classes import BASELINE, arms_by_class
from dsd2.analysis.html import table_page
from dsd2.analysis.paper_comparison import compare
from dsd2.analysis.registered import TABLES
from dsd2.analysis.table_format import FormattedTable, latex, markdown
from dsd2.analysis.view import StudyView
from dsd2.escaping import escape_csv
from dsd2.files.atomic import write_text
from dsd2.recipe import DatasetRecipe, from_json
from dsd2.script import logged, view_of
from dsd2.stages.study_metrics import read_study

COMPARED = (
    "Columns that begin with *paper* are what the paper prints; *difference* is ours less the"
    " paper's. In the CSV file percentages stand as fractions, PFLOP as operations."
)


def caveats(study: pd.DataFrame, view: StudyView, *, compared: bool) -> str:
    """What keeps the numbers from meaning what they seem to; nothing where none is trained."""
    if study.empty:
        return ""
    said = ""
    if any(from_json(DatasetRecipe, arm["dataset"]).validation == "test" for arm in view.arms):
        said = (
            " **Caution:** the validation images are the test images (dataset.validation is test),"
            " so that the accuracy of what is best by validation errs on the high side."
        )
    arms = arms_by_class(rows_of(study[study["returned"]]))
    if below := sum(bool(arm["seeds not above majority"]) for arm in arms):
        said += (
            f" **Caution:** what {below} {'arms return' if below > 1 else 'arm returns'} has no"
            f" higher test accuracy than {BASELINE}."
        )
    reasons = []
    if study["origin"].str.startswith("stand-in").any():
        reasons.append("the images are stand-in data")
    if view.budget is not None:
        reasons.append(f"the budget {view.budget} makes it smaller than the paper's")
    if not reasons:
        return said
    meaning = " A comparison with the paper means nothing here." if compared else ""
    return f"{said} **Caution:** {' and '.join(reasons)}.{meaning}"


def main(smk) -> None:
    """Write the table in its formats, and what it shows for the caption."""
    view, table = view_of(smk.params), TABLES[smk.wildcards.table]()
    study = read_study(Path(smk.input[0]), smk.wildcards.study) if smk.input else pd.DataFrame()
    numbers = compare(table.numbers(study, view), table.printed, view.paper)
    formatted = table.formatted(numbers, view)
    compared = any(column.startswith("difference ") for column in numbers)
    note = formatted.note + caveats(study, view, compared=compared)
    formatted = FormattedTable(formatted.parts, note)
    labelled = numbers.assign(arm=view.arm_labels(list(numbers["arm"])))
    for column in ("arm", *table.texts):
        labelled[column] = list(map(escape_csv, labelled[column]))
    write_text(Path(smk.output.csv), labelled.to_csv(index=False))
    write_text(Path(smk.output.md), markdown(formatted))
    write_text(Path(smk.output.tex), latex(formatted))
    write_text(Path(smk.output.html), table_page(f"{view.title}. {table.heading}", formatted))
    summary = TABLES.summary(smk.wildcards.table)
    said = caption(
        table.found(numbers, view), summary, formatted.note, COMPARED if compared else ""
    )
    write_text(Path(smk.output.found), said)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
