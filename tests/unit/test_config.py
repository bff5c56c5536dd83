"""Configurations: every fault is one sentence; what is right becomes frozen values."""

import copy
import dataclasses
from pathlib import Path

import pytest
import yaml

from dsd2.config import layout
from dsd2.config.documentation import reference
from dsd2.config.plan import Plan
from dsd2.config.recipe import RunRecipe, digest, from_json, to_json
from dsd2.config.study import load_study
from dsd2.errors import UserError

ROOT = Path(__file__).parents[2]

BASE = {
    "study": "test",
    "seeds": [0],
    "dataset": {"name": "digits", "train": 100, "validation": 50},
    "noise": {"kind": "symmetric", "rate": 0.3},
    "model": {"name": "vgg-like", "depth": 1, "width": 2},
    "training": {"epochs": 4},
    "pruning": {"fraction": 0.5, "wall": 0.9},
    "arms": {
        "vanilla": None,
        "student": {"distillation": {"teacher": "vanilla", "select": "dense"}},
    },
}


def changed(path, value):
    config = copy.deepcopy(BASE)
    *parents, key = path.split(".")
    place = config
    for parent in parents:
        if place.get(parent) is None:
            place[parent] = {}
        place = place[parent]
    place[key] = value
    return config


FAULTS = [
    ("trainning", {}, "config key trainning is unknown: did you mean training?"),
    (
        "training.learning-rate",
        0.1,
        "config key training.learning-rate is unknown: did you mean learning_rate?",
    ),
    (
        "training.epochs",
        "many",
        "config key training.epochs is 'many' but must be of type integer",
    ),
    ("training.epochs", 0, "config key training.epochs is 0 but must be at least 1"),
    ("training.epochs", True, "config key training.epochs is True but must be of type integer"),
    ("training.epochs", "1.5", "config key training.epochs is 1.5 but must be of type integer"),
    ("noise.rate", "2e0", "config key noise.rate is 2.0 but must be below 1"),
    ("noise.rate", 1, "config key noise.rate is 1 but must be below 1"),
    ("noise.rate", -0.1, "config key noise.rate is -0.1 but must be at least 0"),
    ("pruning.fraction", 0, "config key pruning.fraction is 0 but must be above 0"),
    ("pruning.fraction", 1.0, "config key pruning.fraction is 1.0 but must be below 1"),
    ("model.name", "vgg", "config key model.name is 'vgg' but must be one of vgg-like, resnet18"),
    ("seeds", [], "config key seeds: [] should be non-empty"),
    ("study", "../x", "config key study is '../x' but must match ^[a-z0-9][a-z0-9_-]{0,39}$"),
    ("arms.Bad name", None, "config key arms.Bad name is no valid name"),
    (
        "arms.student.distillation.teacher",
        "nobody",
        "config key arms.student.distillation.teacher is 'nobody' but must be one of the arms"
        " vanilla, student",
    ),
    (
        "arms.vanilla.distillation",
        {"teacher": "student"},
        "teacher goes in a circle: vanilla is taught by student is taught by vanilla",
    ),
    ("arms.student.distillation", {}, "config key distillation.teacher of arm student is missing"),
    (
        "arms.student.distillation.select",
        9,
        "config key arms.student.distillation.select is 9 but vanilla ends with iteration 3",
    ),
    (
        "arms.student.distillation.select",
        "beste",
        "config key arms.student.distillation.select is 'beste' but must match ^(dense|best)$",
    ),
    (
        "arms.student.noise",
        {"rate": 0.1},
        "config key arms.student.distillation.teacher is 'vanilla', whose dataset or noise differs",
    ),
    ("arms.student.like", "nobody", "config key arms.student.like is 'nobody' but must be one of"),
    ("arms.student.like", "student", "config key arms.student.like goes in a circle"),
    (
        "arms.vanilla.model",
        {"name": "resnet18", "depth": 3},
        "config key model.depth of arm vanilla does not apply to name resnet18, only to vgg-like",
    ),
    ("dataset", {"name": "parquet"}, "config key dataset.path of arm vanilla is missing"),
    ("noise", {"kind": "human", "file": "x"}, "config key noise.column of arm vanilla is missing"),
    (
        "noise",
        {"kind": "none", "rate": 0.1},
        "config key noise.rate of arm vanilla does not apply to kind none, only to symmetric and",
    ),
    (
        "dataset.validation",
        1.5,
        "config key dataset.validation of arm vanilla is 1.5 but must be a whole number",
    ),
    ("dataset.validation", "tests", "config key dataset.validation is 'tests' but must match"),
    ("plot.band", "wide", "config key plot.band is 'wide' but must be one of deviation"),
    ("arms", {}, "config key arms: {} should be non-empty"),
]


@pytest.mark.parametrize(("path", "value", "sentence"), FAULTS)
def test_every_fault_is_one_sentence(path, value, sentence):
    with pytest.raises(UserError) as fault:
        load_study(changed(path, value))
    assert sentence in str(fault.value)
    assert "\n" not in str(fault.value)


def test_missing_parts_are_named():
    for config, sentence in (({}, "is empty"), ({"arms": {"a": None}}, "key study is missing")):
        with pytest.raises(UserError, match=sentence):
            load_study(config)


def arm(config, name="vanilla", panel="all"):
    return load_study(config).arms[panel, name]


def test_defaults_are_the_schemas():
    training = arm({"study": "s", "arms": {"a": None}}, "a").training
    assert (training.epochs, training.batch_size, training.learning_rate) == (160, 128, 0.1)
    assert training.milestones == (80, 120)


def test_numbers_that_came_as_text_are_numbers():
    # YAML takes 1e-4 for a word; Snakemake gives what is nested in --config as text.
    assert arm(changed("training.weight_decay", "1e-4")).training.weight_decay == 1e-4
    study = load_study(changed("seeds", ["0", "2"]))
    assert study.seeds == (0, 2)
    assert load_study(changed("plot", {"dpi": "300"})).plot.dpi == 300
    assert load_study(changed("download", "true")).download is True
    assert load_study(changed("title", "300")).title == "300", "text stays where text belongs"


def test_an_arm_wins_over_its_panel_a_panel_over_the_top_and_override_over_all():
    config = changed("panels", {"one": {"training": {"epochs": 5, "batch_size": 5}}})
    config["arms"]["vanilla"] = {"training": {"batch_size": 6}}
    assert arm(config, "vanilla", "one").training.epochs == 5
    assert arm(config, "vanilla", "one").training.batch_size == 6
    assert arm(config, "student", "one").training.batch_size == 5
    config["override"] = {"training": {"epochs": 1}}
    assert arm(config, "vanilla", "one").training.epochs == 1
    assert arm(config, "vanilla", "one").training.batch_size == 6


def test_a_section_of_another_kind_replaces_the_one_below():
    model = arm(changed("arms.vanilla.model", {"name": "resnet18"})).model
    assert (model.name, model.depth, model.width) == ("resnet18", None, None)


def test_like_starts_from_another_arm():
    config = changed("arms.gated", {"like": "student", "stopping": {"policy": "entropy"}})
    gated, student = arm(config, "gated"), arm(config, "student")
    assert dataclasses.replace(
        gated, name="student", label="student", stopping=student.stopping
    ) == (student)
    assert gated.stopping.policy == "entropy"


def test_milestones_scale_with_the_epochs_and_spare_a_single_one():
    for epochs, milestones in ((160, (80, 120)), (30, (15, 23)), (2, (1, 2)), (1, (1, 1))):
        assert arm(changed("training.epochs", epochs)).training.milestones == milestones


def run_names(config):
    return [chain.run for chain in Plan(load_study(config)).chains()]


def test_a_setting_renames_the_runs_that_it_concerns_and_no_others():
    vanilla, student = run_names(BASE)
    concerns_both = {
        "training.epochs": 5,
        "noise.rate": 0.2,
        "noise.seed": 1,
        "dataset.split_seed": 1,
        "model.width": 3,
        "pruning.fraction": 0.4,
        "seeds": [1],
        "perturbation": {"kind": "reinit"},
    }
    for path, value in concerns_both.items():
        new = run_names(changed(path, value))
        assert new[0] != vanilla, path
        assert new[1] != student, path
    concerns_the_student = {"alpha": 0.5, "temperature": 3, "temperature_squared": False}
    for key, value in concerns_the_student.items():
        new = run_names(changed(f"arms.student.distillation.{key}", value))
        assert new[0] == vanilla, key
        assert new[1] != student, key
    concerns_no_run = {
        "pruning.wall": 0.99,
        "plot": {"dpi": 100},
        "title": "another",
        "data_roots": ["elsewhere"],
        "stopping": {"policy": "accuracy"},
    }
    for path, value in concerns_no_run.items():
        assert run_names(changed(path, value)) == [vanilla, student], path


def test_names_and_identities_are_stable():
    # A refactoring must rename no finished run: this name is a promise to results on disks.
    assert run_names(BASE) == [
        "digits100-symmetric0.3-vgg1x2-ep4-lr0.1-f0.5-s0-70aab964",
        "digits100-symmetric0.3-vgg1x2-ep4-lr0.1-f0.5-kd0.8t10-from-70aab964-00-s0-22ad60f5",
    ]


def test_a_feature_that_is_absent_is_left_out_of_the_identity():
    recipe = Plan(load_study(BASE)).runs[run_names(BASE)[0]]
    assert "dropout" not in to_json(recipe)
    with_dropout = dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, dropout=0.5))
    assert digest(with_dropout) != digest(recipe)


def test_recipes_survive_json():
    for recipe in Plan(load_study(BASE)).runs.values():
        assert from_json(RunRecipe, to_json(recipe)) == recipe


def test_names_are_one_folder():
    for name in run_names(BASE):
        assert "/" not in name
        assert len(name) < 200
    assert layout.number(7) == "07"


@pytest.mark.parametrize("path", sorted((ROOT / "config").rglob("*.yaml")), ids=lambda p: p.stem)
def test_every_configuration_of_ours_is_valid(path):
    config = yaml.safe_load(path.read_text())
    if path.parent.name == "budget":
        config = {**yaml.safe_load((ROOT / "config/config.yaml").read_text()), **config}
    study = load_study(config)
    assert study.arms
    assert Plan(study).chains()


def test_the_reference_of_all_keys_is_the_schemas():
    text = (ROOT / "config/README.md").read_text()
    _, _, documented = text.partition("## Reference\n")
    assert documented.strip() == reference().strip(), "run `make docs`"
