"""Write one of a study's tables: for machines as CSV, for people in three formats."""

from pathlib import Path

import pandas as pd

from dsd2.analysis.captions import TABLES_FOUND
from dsd2.analysis.html import sheet_page
from dsd2.analysis.paper_comparison import compare
from dsd2.analysis.summary import findings
from dsd2.analysis.table_format import SHEETS, Sheet, Words, latex, markdown
from dsd2.analysis.tables import (
    grid_table,
    levels_table,
    models_table,
    phases_table,
    stopping_table,
)
from dsd2.config.paper import Printed
from dsd2.environment import data_roots
from dsd2.escaping import escape_csv
from dsd2.files.atomic import write_text
from dsd2.recipe import DatasetRecipe, ModelRecipe, from_json
from dsd2.script import logged, parameters
from dsd2.stages.study_metrics import read_study


def numbers(name: str, study: pd.DataFrame | None, params) -> pd.DataFrame:
    """The table of that name, what the paper prints beside our own values."""
    analysis = params.analysis
    shown = {(arm["panel"], arm["name"]): arm for arm in params.arms if arm["show"]}
    if name == "models":
        table = models_table({key: _parameters(arm) for key, arm in shown.items()})
    elif name == "stopping":
        table = stopping_table(study, analysis["confidence"])
    elif name == "phases":
        table = phases_table(findings(study, analysis["tolerance"], analysis["confidence"]))
    else:
        drawn = study[[key in shown for key in zip(study["panel"], study["arm"], strict=True)]]
        if name == "grid":
            table = grid_table(drawn)
        else:
            filters = {key: arm["filters"] for key, arm in shown.items() if arm["filters"]}
            table = levels_table(drawn, filters)
    return compare(name, table, [Printed(**entry) for entry in params.paper])


def _parameters(arm: dict) -> int:
    from dsd2.data.manifest import located
    from dsd2.data.metadata import metadata
    from dsd2.nn.footprint import footprint

    sizes = metadata(located(from_json(DatasetRecipe, arm["dataset"])), data_roots())
    return footprint(from_json(ModelRecipe, arm["model"]), sizes.image, sizes.classes).parameters


def caveats(study: pd.DataFrame | None, params, *, compared: bool) -> str:
    """What keeps the numbers from meaning what they seem to."""
    tested = [from_json(DatasetRecipe, arm["dataset"]).validation == "test" for arm in params.arms]
    said = ""
    if study is not None and any(tested):
        said = (
            " **Caution:** the validation images are the test images (dataset.validation is test),"
            " so that the accuracy of what is best by validation errs on the high side."
        )
    reasons = []
    if study is not None and study["origin"].str.startswith("stand-in").any():
        reasons.append("the images are stand-in data")
    if params.budget is not None and study is not None:
        reasons.append(f"the budget {params.budget} makes it smaller than the paper's")
    if not reasons:
        return said
    meaning = " A comparison with the paper means nothing here." if compared else ""
    return f"{said} **Caution:** {' and '.join(reasons)}.{meaning}"


def main(smk) -> None:
    """Write the table in its formats, and what it shows for the caption."""
    params, name = parameters(smk.params), smk.wildcards.table
    study = read_study(Path(smk.input[0]), smk.wildcards.study) if smk.input else None
    table = numbers(name, study, params)
    words = Words(params.labels, params.panels, **params.analysis)
    sheet = SHEETS[name](table, words)
    compared = any(column.startswith("difference ") for column in table)
    sheet = Sheet(sheet.parts, sheet.note + caveats(study, params, compared=compared))
    labelled = table.assign(arm=list(map(escape_csv, words.arms(list(table["arm"])))))
    write_text(Path(smk.output.csv), labelled.to_csv(index=False))
    write_text(Path(smk.output.md), markdown(sheet))
    write_text(Path(smk.output.tex), latex(sheet))
    write_text(Path(smk.output.html), sheet_page(f"{params.title}. {params.heading}", sheet))
    write_text(Path(smk.output.found), TABLES_FOUND[name](table, words))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
