"""Write how a study's results came about: settings, time, memory, environment."""

from pathlib import Path

from dsd2.analysis.html import page
from dsd2.analysis.provenance import environment_parts, settings_parts, trainings_part
from dsd2.analysis.table_format import Words
from dsd2.files.atomic import write_text
from dsd2.script import logged, parameters
from dsd2.stages.study_metrics import read_study


def main(smk) -> None:
    """Write the page."""
    params = parameters(smk.params)
    study = read_study(Path(smk.input[0]), smk.wildcards.study)
    words = Words(params.labels, params.panels, **params.analysis)
    parts = [
        *settings_parts(params.settings, words),
        trainings_part(study, words),
        *environment_parts(study),
    ]
    write_text(Path(smk.output[0]), page(f"{params.title}: how it came about", parts))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
