"""What a change redoes, and what it does not."""

import shutil

import pytest
from project import TINY, new_project

from dsd2.files.records import METRICS, read_rows

PLOTS = {"figure": 2, "page": 1}
DECISIONS = {"gate", "collect", "study_metrics", "table", "provenance", *PLOTS}


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


def test_a_laxer_threshold_trains_what_it_needs_and_a_stricter_one_nothing(finished):
    before = trained(finished)
    assert len(before) < 12, "the gate stopped early"
    # With T_E = 0 the entropy never falls enough: the chain runs to the wall.
    finished.configure(arms=gated(entropy_threshold=0.0))
    laxer = finished.done(finished.snakemake())
    missing = 12 - len(before)
    assert laxer.pop("train") == missing
    assert laxer.keys() == DECISIONS
    assert len(trained(finished)) == 12

    finished.configure(arms=gated(entropy_threshold=5.0))
    stricter = finished.done(finished.snakemake())
    assert stricter.keys() <= DECISIONS
    assert stricter["gate"] >= 2

    finished.configure()
    assert finished.done(finished.snakemake()).keys() <= DECISIONS - {"gate"}, "kept decisions"
    assert len(trained(finished)) == 12


def test_a_further_wall_trains_the_further_iterations(finished):
    finished.configure(pruning={"fraction": 0.6, "target_sparsity": 0.98})
    done = finished.done(finished.snakemake())
    assert done["train"] <= 3
    assert (finished.folder / "results/studies/tiny/figures/sdd.png").exists()
    assert len(list(finished.folder.glob("results/runs/*-s0-*/iter-04"))) >= 2


def vanilla_checkpoint(project, iteration):
    (run,) = (p for p in (project.folder / "results/runs").iterdir() if "-kd" not in p.name)
    return run / f"iter-{iteration:02d}" / "checkpoint.safetensors"


def test_a_deleted_checkpoint_that_is_asked_for_is_trained_again(finished):
    content = finished.checkpoints()
    lost = vanilla_checkpoint(finished, 2)
    lost.unlink()
    others = finished.modified("results/runs/*/iter-*/checkpoint.safetensors")
    name = str(lost.relative_to(finished.folder))
    planned = finished.planned(name, "all")
    assert planned["train"] == 1, "what was made from it is still right"
    done = finished.done(finished.snakemake(name))
    assert done == {"train": 1}
    assert finished.checkpoints() == content, "to the same bytes"
    assert (
        others.items() <= finished.modified("results/runs/*/iter-*/checkpoint.safetensors").items()
    )
    # The same bytes: nothing that depends on it needs to be trained.
    assert "train" not in finished.done(finished.snakemake())


def test_forcing_one_iteration_retrains_it_and_changes_nothing_else(finished):
    content = finished.checkpoints()
    name = str(vanilla_checkpoint(finished, 1).relative_to(finished.folder))
    assert finished.done(finished.snakemake(name, "--forcerun", name)) == {"train": 1}
    assert finished.checkpoints() == content


def test_a_fresh_clone_given_the_results_retrains_nothing(finished, tmp_path):
    clone = new_project(tmp_path / "clone")
    shutil.copytree(finished.folder / "results", clone.folder / "results")
    drawn = DECISIONS - {"gate", "collect"}
    assert clone.planned().keys() <= drawn
    content = clone.checkpoints()
    shutil.rmtree(clone.folder / "results/studies/tiny/figures")
    assert clone.done(clone.snakemake()).keys() <= drawn
    assert clone.checkpoints() == content


def copied_without_times(project, folder):
    """A clone given the results alone, all of them as new as the copy."""
    clone = new_project(folder)
    results = project.folder / "results"
    shutil.copytree(results, clone.folder / "results", copy_function=shutil.copyfile)
    return clone


def test_results_copied_without_their_times_retrain_nothing(finished, tmp_path):
    assert "train" not in copied_without_times(finished, tmp_path / "clone").planned()


def test_data_that_is_gone_is_made_again_for_new_trainings_alone(finished):
    before = finished.modified("results/runs/*/iter-*/checkpoint.safetensors")
    again = str(vanilla_checkpoint(finished, 2).relative_to(finished.folder))
    for name in ("datasets", "labels"):
        shutil.rmtree(finished.folder / "results" / name)
    assert "Nothing to be done" in finished.snakemake()
    finished.configure(arms={**TINY["arms"], "longer": {"training": {"epochs": 3}}})
    done = finished.done(finished.snakemake())
    assert [done[stage] for stage in ("dataset", "labels", "train")] == [1, 1, 4]
    after = finished.modified("results/runs/*/iter-*/checkpoint.safetensors")
    assert before.items() <= after.items(), "nothing finished was touched"
    shutil.rmtree(finished.folder / "results/datasets")
    assert finished.done(finished.snakemake("--force", again))["train"] == 1


def test_lost_metrics_are_measured_again_not_trained(finished):
    (lost,) = finished.folder.glob("results/runs/*-kd0.8t10-from-*-00-*/iter-00/metrics.parquet")
    name = str(lost.relative_to(finished.folder))
    (before,) = read_rows(lost, METRICS)
    lost.unlink()
    finished.configure(arms=gated(accuracy_threshold=0.99))
    done = finished.done(finished.snakemake())
    assert done["evaluate"] == 1
    assert "train" not in done
    (after,) = read_rows(lost, METRICS)
    measured = {"seconds", "peak_memory"}
    assert {k: after[k] for k in after if k not in measured} == {
        k: before[k] for k in before if k not in measured
    }
    assert "Nothing to be done" in finished.snakemake()
    lost.unlink()
    assert finished.planned("--force", name)["train"] == 1, "what is forced is trained"


def test_a_refactoring_of_the_library_retrains_nothing(finished):
    for file in (finished.folder / "workflow/dsd2").rglob("*.py"):
        file.write_text(file.read_text() + "\n# touched\n")
    assert "Nothing to be done" in finished.snakemake()


def test_two_studies_share_the_runs_that_both_need(finished):
    arms = {"alone": None, "student": TINY["arms"]["student"]}
    arms["student"] = {"distillation": {"teacher": "alone", "select": "best"}}
    finished.configure(study="other", arms=arms)
    assert "train" not in finished.done(finished.snakemake())
    assert (finished.folder / "results/studies/other/figures/sdd.png").exists()
    assert (finished.folder / "results/studies/tiny/figures/sdd.png").exists()
