"""Commands of the documents that are marked ``planned``: Snakemake plans them."""

import numpy as np
import pytest
from PIL import Image
from project import ROOT, new_project
from snippets import COMMANDS


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the project as it is, with a folder of photos."""
    project = new_project(tmp_path_factory.mktemp("planned") / "clone")
    default = (ROOT / "config/config.yaml").read_text()
    (project.folder / "config/config.yaml").write_text(default)
    for label in ("a", "b"):
        (project.folder / "photos" / label).mkdir(parents=True)
        for i in range(12):
            pixels = np.full((8, 8), 20 * i, np.uint8)
            Image.fromarray(pixels).save(project.folder / "photos" / label / f"{i}.png")
    return project


@pytest.mark.long
def test_they_plan(clone):
    commands = {
        tuple(command[1:])
        for block in COMMANDS
        if block.mark == "planned"
        for command in block.commands
    }
    assert len(commands) >= 3
    for command in sorted(commands):
        text = clone.snakemake(*command, "--dry-run", cores=None)
        assert "Job stats" in text, command
