"""Draw the pictures of the documents from metrics that are kept beside them: `make pictures`.

    python docs/draw_pictures.py              draw all anew
    python docs/draw_pictures.py NAME FILE    draw one from FILE, a study's metrics.parquet

A picture is out of date where its study has other runs now, or its figure looks otherwise; then
tests/unit/test_pictures.py fails.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "workflow" / "scripts")]

import yaml  # noqa: E402
from figure import draw  # noqa: E402
from saving import save  # noqa: E402

from dsd2.analysis.registered import FIGURES  # noqa: E402
from dsd2.config.studies import load_studies  # noqa: E402
from dsd2.config.study import Study  # noqa: E402
from dsd2.planning.chains import Plan  # noqa: E402
from dsd2.stages.study_metrics import read_study  # noqa: E402

DPI = 150


@dataclass(frozen=True)
class Picture:
    """A figure of a study in the documents.

    Attributes:
        config: the study's file.
        figure: which of its figures.
    """

    config: str
    figure: str = "sdd"


PICTURES = {
    "quickstart": Picture("config/config.yaml"),
    "label-loop": Picture("config/label-loop.yaml"),
    "vit-digits": Picture("config/vit-digits.yaml"),
    "claims-distillation": Picture("config/claims/distillation.yaml"),
    "claims-perturbations": Picture("config/claims/perturbations.yaml"),
    "claims-filters": Picture("config/claims/filters.yaml"),
}


def metrics_of(name: str) -> Path:
    """The file of a picture's metrics."""
    return ROOT / "docs" / "pictures" / f"{name}.parquet"


def picture_of(name: str) -> Path:
    """The file of a picture."""
    return ROOT / "docs" / f"{name}.png"


def plan_of(name: str) -> tuple[Plan, Study]:
    """What a picture's study needs, as its file is now."""
    config = yaml.safe_load((ROOT / PICTURES[name].config).read_text(encoding="utf-8"))
    (study,) = load_studies(config, ROOT)
    return Plan(study), study


def draw_picture(name: str, output: Path) -> None:
    """Draw a picture from its metrics."""
    plan, study = plan_of(name)
    rows = read_study(metrics_of(name), study.folder)
    figure = draw(FIGURES[PICTURES[name].figure](), rows, plan.view(study.folder))
    save(figure, [str(output)], DPI)


def main(arguments: list[str]) -> None:
    """Draw all, or keep the metrics of one and draw it."""
    if arguments:
        name, file = arguments
        shutil.copyfile(file, metrics_of(name))
    for name in arguments[:1] or PICTURES:
        draw_picture(name, picture_of(name))


if __name__ == "__main__":
    main(sys.argv[1:])
