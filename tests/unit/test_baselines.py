"""Baselines: what arms return beside what it took, as numbers, table, figure and studies."""

from pathlib import Path

import figure as script
import pandas as pd
import pytest
import yaml
from rows import row_of

from dsd2.analysis.baselines import COST, SIZE, arms_compared, on_front
from dsd2.analysis.captions import filled_in
from dsd2.analysis.registered import FIGURES, TABLES
from dsd2.analysis.table_format import markdown
from dsd2.analysis.view import StudyView
from dsd2.config.study import load_study
from dsd2.files.records import STUDY
from dsd2.nn.footprint import footprint
from dsd2.planning.chains import Plan
from dsd2.planning.view import study_results
from dsd2.recipe import DatasetRecipe, ModelRecipe, to_json

CONFIG = Path(__file__).parents[2] / "config"
LABELS = {"dense": "Dense", "pruned": "Pruned", "dear": "Dear"}
MODEL = ModelRecipe.of("vgg-like", depth=1, width=2)
DIGITS = DatasetRecipe.of("digits", train=100, test=50, validation=20, split_seed=0)
VIEW = StudyView.part(
    title="Baselines",
    panels={"all": "all"},
    labels=LABELS,
    drawn=[(arm, "all", ()) for arm in LABELS],
    arms=[
        {"panel": "all", "name": arm, "model": to_json(MODEL), "dataset": to_json(DIGITS)}
        for arm in LABELS
    ],
    analysis={"tolerance": 0.02, "confidence": 0.9},
    plot={"columns": 4, "width": 60, "height": 40, "dpi": 50, "font_size": 9, "band": "range"},
)
STEM = "3.weight"


def rows(arm, accuracies, teacher=0.0):
    """An arm of two seeds whose last iteration is returned; each halves what is left."""
    return [
        row_of(
            STUDY,
            panel="all",
            arm=arm,
            seed=seed,
            iteration=i,
            parameters=1100,
            prunable=1000,
            sparsity=1 - 0.5**i,
            test_accuracy=accuracy + 0.01 * seed,
            returned=i == len(accuracies) - 1,
            flops_dense=50.0,
            total_flops_dense=50.0 * (i + 1),
            teacher_flops_dense=teacher,
            layers=[STEM],
            layer_density=[0.5**i],
        )
        for seed in (0, 1)
        for i, accuracy in enumerate(accuracies)
    ]


@pytest.fixture
def compared_study():
    table = rows("dense", [0.6]) + rows("pruned", [0.6, 0.5, 0.8])
    return pd.DataFrame(table + rows("dear", [0.7], teacher=300.0))


def test_arms_are_compared_by_what_they_return_and_all_that_it_took(compared_study):
    table = arms_compared(compared_study, 0.9).set_index("arm")
    assert table["accuracy"].tolist() == pytest.approx([0.605, 0.805, 0.705])
    assert table["dense accuracy"].tolist() == pytest.approx([0.605, 0.605, 0.705])
    assert table[SIZE].tolist() == pytest.approx([1100, 350, 1100])
    assert table[COST].tolist() == pytest.approx([1, 3, 7])
    # Student's 95 % quantile with one degree of freedom, times the standard error.
    half = 6.313752 * 0.01 / 2
    assert table["accuracy interval"].tolist() == pytest.approx([half] * 3, rel=1e-6)


def test_what_nothing_beats(compared_study):
    table = arms_compared(compared_study, 0.9)
    assert [table["arm"][i] for i in on_front(table, SIZE)] == ["pruned"]
    assert [table["arm"][i] for i in on_front(table, COST)] == ["dense", "pruned"]


def test_the_table_has_operations_of_what_is_left(compared_study):
    table = TABLES["baselines"]().numbers(compared_study, VIEW).set_index("arm")
    macs = footprint(MODEL, (1, 8, 8), 10).macs
    whole, stem = sum(macs.values()), macs[STEM]
    assert table["MACs"].tolist() == pytest.approx([whole, whole - 0.75 * stem, whole])
    assert table["front"].tolist() == ["cheaper", "smaller cheaper", ""]
    said = markdown(TABLES["baselines"]().formatted(table.reset_index(), VIEW))
    assert "| Pruned" in said
    assert "80.50 ± 3.16" in said
    found = TABLES["baselines"]().found(table.reset_index(), VIEW)
    assert "nothing cheaper is as accurate as Dense (60.5 %), Pruned (80.5 %)." in found


def test_the_figure_shows_every_arm_against_size_and_cost(compared_study):
    figure = FIGURES["baselines"]()
    drawn = script.draw(figure, compared_study, VIEW)
    size, cost = drawn.axes
    points = [
        {container.lines[0].get_xdata()[0] for container in axes.containers}
        for axes in (size, cost)
    ]
    assert points == [{1100, 350}, {1, 3, 7}]
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == list(LABELS.values())
    assert "Pruned" in figure.found(compared_study, VIEW)
    assert "90 %" in filled_in(figure.caption, VIEW)


@pytest.mark.parametrize("name", ["baselines", "baselines-cifar10"])
def test_a_dense_arm_is_one_training_that_its_pruned_twin_shares(name):
    config = yaml.safe_load((CONFIG / f"{name}.yaml").read_text()) | {"missing_data": "stand-in"}
    study = load_study(config)
    plan = Plan(study)
    runs = {(c.arm.panel, c.arm.name): c.run for c in plan.chains(study) if c.seed == 0}
    for panel in study.panels:
        for arm in study.arms.values():
            if arm.panel == panel and f"{arm.name}-pruned" in {a for _, a in study.arms}:
                assert arm.last == 0
                assert runs[panel, f"{arm.name}-pruned"] == runs[panel, arm.name]
        assert runs[panel, "dense"] == runs[panel, "pruned"]
        assert runs[panel, "dsd2"] == runs[panel, "dsd2-gated"]
    assert f"results/studies/{name}/figures/baselines.png" in study_results(study)


def test_figures_are_chosen_by_name():
    arms = {"study": "s", "arms": {"a": {}}}
    usual, chosen = (
        {Path(path).name for path in study_results(load_study(config)) if "/figures/" in path}
        for config in (arms, {**arms, "figures": ["baselines"]})
    )
    assert chosen == {"baselines.png", "baselines.svg"}
    assert usual == {"sdd.png", "sdd.svg", "layers.png", "layers.svg", "sdd.html"}
