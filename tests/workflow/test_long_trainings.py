"""Trainings that take longer than a job may, through Snakemake's own retries."""

import pytest

ONE = {"arms": {"vanilla": None}, "figure": False, "tables": []}
EPOCHS = {"epochs": 3, "batch_size": 16, "learning_rate": 0.05}
LIMIT = ("--resources", "max_runtime=1")
"""A minute leaves no time after any epoch, since saving and starting take more."""


@pytest.fixture
def long(fresh):
    fresh.configure(**ONE, training=EPOCHS, pruning={"fraction": 0.6, "target_sparsity": 0.5})
    return fresh


@pytest.mark.long
def test_a_training_longer_than_a_job_is_attempted_until_it_is_done(long):
    text = long.snakemake(*LIMIT)
    # Each epoch ends an attempt; the last attempt measures.
    assert text.count("Trying to restart job") == 3
    for epoch in (1, 2, 3):
        assert f"stopped after epoch {epoch} of 3, for its job may take 1 minutes" in text
    parted = long.checkpoints()
    assert len(parted) == 1
    assert not list(long.folder.glob("results/runs/*/iter-*/resume*"))
    assert long.planned() == {}, "how long a job may take changes nothing"
    long.forget_results()
    long.snakemake()
    assert long.checkpoints() == parted


@pytest.mark.long
def test_a_training_whose_attempts_are_used_up_is_named_and_the_same_command_goes_on(
    long, monkeypatch
):
    """The jobs know the limit, but the command that starts them does not, and attempts once."""
    monkeypatch.setenv("DSD2_MAX_RUNTIME", "1")
    text = long.snakemake(status=1)
    _, _, failed = text.partition("These failed")
    assert "train vanilla seed 0 iteration 0" in failed
    assert "stopped after epoch 1 of 3" in failed
    assert "the same command, goes on from it" in failed
    text = long.snakemake(status=1)
    assert "stopped after epoch 2 of 3" in text
    monkeypatch.delenv("DSD2_MAX_RUNTIME")
    long.snakemake()
    assert len(long.checkpoints()) == 1


def test_no_job_asks_for_more_than_the_limit(long):
    text = long.snakemake("--dry-run", *LIMIT)
    asked = [word for word in text.split() if word.startswith("runtime=")]
    assert asked
    assert {word.rstrip(",") for word in asked} == {"runtime=1"}


def test_a_limit_of_nothing_is_one_sentence(long):
    text = long.snakemake("--dry-run", "--resources", "max_runtime=0", status=1)
    assert "--resources max_runtime=0: must be at least 1 minute" in text
    assert "Traceback" not in text
