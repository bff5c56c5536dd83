"""Draw one of a study's registered figures, and write what it shows for the caption."""

from pathlib import Path

from saving import save, set_up

from dsd2.analysis.captions import caption, filled_in
from dsd2.analysis.registered import FIGURES, Figure
from dsd2.analysis.summary import drawn_rows
from dsd2.analysis.view import StudyView
from dsd2.files.atomic import write_text
from dsd2.script import logged, view_of
from dsd2.stages.study_metrics import read_study


def draw(figure: Figure, study, view: StudyView):
    """The figure; matplotlib's settings are those of the study."""
    set_up(view.plot["font_size"])
    return figure.draw(study, view)


def rows_for(figure: Figure, study, view: StudyView):
    """The rows that a figure is drawn from."""
    return study if figure.every_arm else drawn_rows(study, view)


def main(smk) -> None:
    """Write the figure in every format of the rule's outputs."""
    view, outputs = view_of(smk.params), list(smk.output.figures)
    figure = FIGURES[smk.params.figure]()
    study = rows_for(figure, read_study(Path(smk.input[0]), smk.wildcards.study), view)
    drawn = draw(figure, study, view)
    if isinstance(drawn, str):
        write_text(Path(outputs[0]), drawn)
    else:
        save(drawn, outputs, view.plot["dpi"])
    said = caption(figure.found(study, view), filled_in(figure.caption, view))
    write_text(Path(smk.output.found), said)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
