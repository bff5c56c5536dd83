"""Write how a study's results came about: settings, time, memory, environment."""

from pathlib import Path

from dsd2.analysis.html import page
from dsd2.analysis.provenance import environment_parts, settings_parts, trainings_part
from dsd2.files.atomic import write_text
from dsd2.script import logged, view_of
from dsd2.stages.study_metrics import read_study


def main(smk) -> None:
    """Write the page."""
    view = view_of(smk.params)
    study = read_study(Path(smk.input[0]), smk.wildcards.study)
    parts = [*settings_parts(view), trainings_part(study, view), *environment_parts(study)]
    write_text(Path(smk.output[0]), page(f"{view.title}: how it came about", parts))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
