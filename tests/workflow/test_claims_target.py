"""The target ``claims``: planned, on a finished study, and whole on a tiny budget."""

import pandas as pd
import pytest

from dsd2.analysis.registered import CLAIMS

ALL = ("claims", "--configfile", "config/claims.yaml")


def scorecard(project, name):
    """The decisive rows of a scorecard, by claim."""
    rows = pd.read_parquet(project.folder / f"results/claims/{name}.parquet")
    return rows[rows["decides"]].set_index("claim")


def test_all_claims_are_planned_and_shared_runs_once(fresh):
    text = fresh.snakemake("--dry-run", *ALL)
    assert "The study claims-human-labels is left out: none of the folders of data_roots" in text
    planned = fresh.planned(*ALL)
    assert planned["train"] == 897
    assert (planned["judge_claims"], planned["claims"]) == (1, 1)
    assert planned["figure"] == planned["study_metrics"] == 7


def test_a_finished_study_is_judged_without_training(finished):
    finished.configure(claims=["noise", "entropy", "distillation"])
    text = finished.snakemake("claims")
    done = finished.done(text)
    assert done["judge_claims"] == 1
    assert "train" not in done
    found = scorecard(finished, "tiny")
    assert set(found.index) == set(CLAIMS)
    assert found.loc["noise", "why"] == "its study has no arms, or no valley, that it is about"
    assert found.loc["size", "why"] == "no study of this run decides it"
    assert "Which claims of the paper hold:" in text
    assert text.index("Which claims of the paper hold:") > text.index("The study tiny is in:")

    again = finished.snakemake("claims")
    assert finished.done(again) == {"claims": 1}
    assert "Which claims of the paper hold:" in again, "asked again, it is shown again"

    finished.configure(claims=["clean-data"], analysis={"tolerance": 0.5})
    assert finished.done(finished.snakemake("claims"))["judge_claims"] == 1
    finished.configure()
    refused = finished.snakemake("claims", status=1)
    assert "no study here says by its config key claims" in refused


@pytest.mark.long
def test_the_whole_target_on_a_tiny_budget(fresh):
    fresh.patience = 1500
    arguments = (*ALL, "config/budget/smoke.yaml")
    text = fresh.snakemake(*arguments)
    found = scorecard(fresh, "claims+smoke")
    assert set(found.index) == set(CLAIMS)
    assert found["study"].notna().all(), "each claim is decided by a study"
    assert found.loc["human-labels", "why"] == "the images or labels are stand-in data"
    tried = found[found["effect"].notna()]
    assert len(tried) >= 11
    assert set(tried["verdict"]) == {"undecided"}, "of one seed"
    folder = fresh.folder / "results/claims"
    table = (folder / "claims+smoke.md").read_text()
    assert "the budget smoke" in table
    for study in found["study"].unique():
        assert f"](../studies/{study}/figures/sdd.png)" in table
        assert (folder / f"../studies/{study}/figures/sdd.png").exists()
    assert "The scorecard is in results/claims/claims+smoke.md" in text

    fresh.snakemake("--report", "report.html", *arguments)
    report = (fresh.folder / "report.html").read_text()
    assert "Which claims of the paper hold" in report
    assert "**Claims**" not in report
    assert "<strong>Claims</strong>" in report
