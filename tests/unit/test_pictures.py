"""The pictures of the documents show what the code draws now, of the studies as they are now."""

import draw_pictures
import numpy as np
import pytest
from PIL import Image

from dsd2.stages.study_metrics import read_study


@pytest.mark.parametrize("name", draw_pictures.PICTURES)
def test_a_picture_is_of_the_study_as_it_is_now(name):
    plan, study = draw_pictures.plan_of(name)
    kept = set(read_study(draw_pictures.metrics_of(name), study.folder)["run"])
    # The name of a run whose teacher or labels are chosen depends on the choice.
    planned = {chain.run for chain in plan.chains(study) if not chain.choices}
    assert planned <= kept, "train the study anew, and give its metrics to docs/draw_pictures.py"


@pytest.mark.slow
@pytest.mark.parametrize("name", draw_pictures.PICTURES)
def test_a_picture_looks_as_it_is_drawn_now(name, tmp_path):
    draw_pictures.draw_picture(name, tmp_path / "now.png")
    now, kept = (
        np.asarray(Image.open(file).convert("RGB"), np.float64)
        for file in (tmp_path / "now.png", draw_pictures.picture_of(name))
    )
    assert now.shape == kept.shape, "give `make pictures`"
    # Another version of FreeType moves letters by parts of a pixel.
    assert np.sqrt(((now - kept) ** 2).mean()) < 8, "give `make pictures`"


def test_every_drawn_picture_of_the_documents_has_its_metrics():
    held = {file.stem for file in (draw_pictures.ROOT / "docs" / "pictures").glob("*.parquet")}
    assert held == set(draw_pictures.PICTURES)
