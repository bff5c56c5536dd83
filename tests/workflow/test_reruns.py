"""What a change redoes, and what it does not."""

import shutil

import pytest
from project import TINY, new_project

from dsd2.files.records import METRICS, read_rows

PLOTS = {"figure": 2, "page": 1}
DECISIONS = {"gate", "collect", "study_metrics", "provenance"}
SHOWN = {"study_metrics", "table", "provenance", *PLOTS}


def gated(**thresholds):
    arms = {**TINY["arms"]}
    stopping = {**arms["gated"]["stopping"], **thresholds}
    arms["gated"] = {**arms["gated"], "stopping": stopping}
    return arms


def trained(project):
    return set(project.modified("results/runs/*/iter-*/checkpoint.safetensors"))


def test_a_second_time_nothing_is_to_be_done(finished):
    assert "Nothing to be done" in finished.snakemake()


def test_a_plot_setting_redraws_the_figure_alone(finished):
    finished.configure(plot={"dpi": 100})
    assert finished.planned() == PLOTS
    assert finished.done(finished.snakemake()) == PLOTS


@pytest.mark.long
def test_alpha_retrains_the_distilled_arms_alone(finished):
    before = finished.modified("results/runs/*/iter-*/checkpoint.safetensors")
    arms = {**TINY["arms"]}
    for name in ("student", "gated"):
        arms[name] = {**arms[name], "distillation": {**arms[name]["distillation"], "alpha": 0.5}}
    finished.configure(arms=arms)
    finished.snakemake()
    after = finished.modified("results/runs/*/iter-*/checkpoint.safetensors")
    assert before.items() <= after.items(), "nothing finished was touched"
    new = {path.parents[1].name for path in after.keys() - before.keys()}
    assert len(new) == 2
    assert all("kd0.5" in name for name in new)


def test_a_laxer_threshold_trains_what_it_needs_and_a_stricter_one_nothing(undrawn):
    before = trained(undrawn)
    assert len(before) < 12, "the gate stopped early"
    # With T_E = 0 the entropy never falls enough: the chain runs to the wall.
    undrawn.configure(arms=gated(entropy_threshold=0.0))
    laxer = undrawn.done(undrawn.snakemake())
    missing = 12 - len(before)
    assert laxer.pop("train") == missing
    assert laxer.keys() == DECISIONS
    assert len(trained(undrawn)) == 12

    undrawn.configure(arms=gated(entropy_threshold=5.0))
    stricter = undrawn.done(undrawn.snakemake())
    assert stricter.keys() <= DECISIONS
    assert stricter["gate"] >= 2

    undrawn.configure()
    assert undrawn.done(undrawn.snakemake()).keys() <= DECISIONS - {"gate"}, "kept decisions"
    assert len(trained(undrawn)) == 12


@pytest.mark.long
def test_a_higher_target_sparsity_trains_the_further_iterations(undrawn):
    undrawn.configure(pruning={"fraction": 0.6, "target_sparsity": 0.98})
    done = undrawn.done(undrawn.snakemake())
    assert done["train"] <= 3
    assert done.keys() >= {"study_metrics", "provenance"}, "what shows the study shows it anew"
    assert len(list(undrawn.folder.glob("results/runs/*-s0-*/iter-04"))) >= 2


def vanilla_checkpoint(project, iteration):
    (run,) = (p for p in (project.folder / "results/runs").iterdir() if "-kd" not in p.name)
    return run / f"iter-{iteration:02d}" / "checkpoint.safetensors"


def test_a_deleted_checkpoint_that_is_asked_for_is_trained_again(undrawn):
    content = undrawn.checkpoints()
    lost = vanilla_checkpoint(undrawn, 2)
    lost.unlink()
    others = undrawn.modified("results/runs/*/iter-*/checkpoint.safetensors")
    name = str(lost.relative_to(undrawn.folder))
    planned = undrawn.planned(name, "all")
    assert planned["train"] == 1, "what was made from it is still right"
    done = undrawn.done(undrawn.snakemake(name))
    assert done == {"train": 1}
    assert undrawn.checkpoints() == content, "to the same bytes"
    assert (
        others.items() <= undrawn.modified("results/runs/*/iter-*/checkpoint.safetensors").items()
    )
    # The same bytes: nothing that depends on it needs to be trained.
    assert "train" not in undrawn.done(undrawn.snakemake())


def test_forcing_one_iteration_retrains_it_and_changes_nothing_else(undrawn):
    content = undrawn.checkpoints()
    name = str(vanilla_checkpoint(undrawn, 1).relative_to(undrawn.folder))
    assert undrawn.done(undrawn.snakemake(name, "--forcerun", name)) == {"train": 1}
    assert undrawn.checkpoints() == content


def test_a_fresh_clone_given_the_results_retrains_nothing(finished, tmp_path):
    clone = new_project(tmp_path / "clone")
    shutil.copytree(finished.folder / "results", clone.folder / "results")
    assert clone.planned().keys() <= SHOWN
    content = clone.checkpoints()
    shutil.rmtree(clone.folder / "results/studies/tiny/figures")
    assert clone.done(clone.snakemake()).keys() <= SHOWN
    assert clone.checkpoints() == content


def copied_without_times(project, folder):
    """A clone given the results alone, all of them as new as the copy."""
    clone = new_project(folder)
    results = project.folder / "results"
    shutil.copytree(results, clone.folder / "results", copy_function=shutil.copyfile)
    return clone


def test_results_copied_without_their_times_retrain_nothing(finished, tmp_path):
    assert "train" not in copied_without_times(finished, tmp_path / "clone").planned()


@pytest.mark.long
def test_data_that_is_gone_is_made_again_for_new_trainings_alone(undrawn):
    before = undrawn.modified("results/runs/*/iter-*/checkpoint.safetensors")
    again = str(vanilla_checkpoint(undrawn, 2).relative_to(undrawn.folder))
    for name in ("datasets", "labels"):
        shutil.rmtree(undrawn.folder / "results" / name)
    assert "Nothing to be done" in undrawn.snakemake()
    undrawn.configure(arms={**TINY["arms"], "longer": {"training": {"epochs": 3}}})
    done = undrawn.done(undrawn.snakemake())
    assert [done[stage] for stage in ("dataset", "labels", "train")] == [1, 1, 4]
    after = undrawn.modified("results/runs/*/iter-*/checkpoint.safetensors")
    assert before.items() <= after.items(), "nothing finished was touched"
    shutil.rmtree(undrawn.folder / "results/datasets")
    assert undrawn.done(undrawn.snakemake("--force", again))["train"] == 1


def test_lost_metrics_are_measured_again_not_trained(undrawn):
    (lost,) = undrawn.folder.glob("results/runs/*-kd0.8t10-from-*-00-*/iter-00/metrics.parquet")
    name = str(lost.relative_to(undrawn.folder))
    (before,) = read_rows(lost, METRICS)
    lost.unlink()
    undrawn.configure(arms=gated(accuracy_threshold=0.99))
    done = undrawn.done(undrawn.snakemake())
    assert done["evaluate"] == 1
    assert "train" not in done
    (after,) = read_rows(lost, METRICS)
    measured = {"seconds", "peak_memory"}
    assert {k: after[k] for k in after if k not in measured} == {
        k: before[k] for k in before if k not in measured
    }
    assert "Nothing to be done" in undrawn.snakemake()
    lost.unlink()
    assert undrawn.planned("--force", name)["train"] == 1, "what is forced is trained"


def test_a_refactoring_of_the_library_retrains_nothing(finished):
    for file in (finished.folder / "workflow/dsd2").rglob("*.py"):
        file.write_text(file.read_text() + "\n# touched\n")
    assert "Nothing to be done" in finished.snakemake()


@pytest.mark.long
def test_two_studies_share_the_runs_that_both_need(undrawn):
    arms = {"alone": None, "student": TINY["arms"]["student"]}
    arms["student"] = {"distillation": {"teacher": "alone", "select": "best"}}
    undrawn.configure(study="other", arms=arms)
    assert "train" not in undrawn.done(undrawn.snakemake())
    for study in ("other", "tiny"):
        assert (undrawn.folder / f"results/studies/{study}/metrics.parquet").exists()
