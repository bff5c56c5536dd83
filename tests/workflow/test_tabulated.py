"""Students that look their teacher's answers up, from the configuration to the bytes."""

import pytest
from project import TINY

TABLE = "results/runs/*/iter-*/views.safetensors"
FLIPPED = {**TINY["training"], "augmentation": "flip-shift"}
ARMS = {
    "vanilla": None,
    "student": {"distillation": {"teacher": "vanilla", "select": "best", "table": True}},
    # Of the same teacher unless the best is the dense one's; another weight is another run.
    "sharper": {
        "distillation": {"teacher": "vanilla", "select": "best", "table": True, "alpha": 0.5}
    },
}


@pytest.mark.long
def test_one_table_serves_all_students_and_is_made_again_to_the_same_bytes(fresh):
    fresh.configure(arms=ARMS, training=FLIPPED)
    done = fresh.done(fresh.snakemake())
    assert (done["train"], done["teacher_logits"]) == (3 * 4, 1)
    assert "Nothing to be done" in fresh.snakemake()
    (table,) = fresh.folder.glob(TABLE)
    content, networks = table.read_bytes(), fresh.checkpoints()

    damaged = bytearray(content)
    damaged[-9] ^= 1
    table.write_bytes(damaged)
    (last,) = fresh.folder.glob("results/runs/*kd0.5*/iter-03/checkpoint.safetensors")
    name = str(last.relative_to(fresh.folder))
    text = fresh.snakemake(name, "--forcerun", name, "--rerun-triggers", "params", status=1)
    assert f"{table.relative_to(fresh.folder)}: is damaged" in text

    # The advice of the message, and then the same command again.
    table.unlink()
    fresh.snakemake(str(table.relative_to(fresh.folder)))
    assert table.read_bytes() == content
    fresh.snakemake(name)
    assert fresh.checkpoints() == networks
