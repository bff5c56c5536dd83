"""Configurations: every fault is one sentence; what is right becomes frozen values."""

import copy
import dataclasses
import json
import re
from pathlib import Path
from typing import Annotated

import pytest
import yaml

from config_rules import schema
from dsd2 import paths
from dsd2.config.json_schema import json_schema
from dsd2.config.models import (
    _layer,
    all_keys,
    condition,
    configuration,
    kinds,
    layer,
    mapping,
    section,
    section_keys,
)
from dsd2.config.reference import reference
from dsd2.config.resolve import training_recipe
from dsd2.config.studies import load_studies
from dsd2.config.study import TABLES, load_study
from dsd2.config.validation import SECTIONS, _hint
from dsd2.errors import UserError
from dsd2.keys import Default, Doc, Ge, Le
from dsd2.nn.networks.vgg_like import VGGLike
from dsd2.planning.chains import Plan
from dsd2.recipe import LOSSES, NETWORKS, RunRecipe, digest, from_json, to_json

ROOT = Path(__file__).parents[2]

BASE = {
    "study": "test",
    "seeds": [0],
    "dataset": {"name": "digits", "train": 100, "validation": 50},
    "noise": {"kind": "symmetric", "rate": 0.3},
    "model": {"name": "vgg-like", "depth": 1, "width": 2},
    "training": {"epochs": 4},
    "pruning": {"fraction": 0.5, "target_sparsity": 0.9},
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
    (
        "model.name",
        "vgg",
        "config key model.name is 'vgg' but must be one of FILE.py:FUNCTION, resnet18, resnet50,",
    ),
    ("seeds", [], "config key seeds is [] but must not be empty"),
    ("study", "../x", "config key study is '../x' but must match ^[a-z0-9][a-z0-9_-]{0,79}$"),
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
        "config key arms.student.distillation.select is 9 but must be at most 3, the last",
    ),
    (
        "arms.student.distillation.select",
        "beste",
        "arms.student.distillation.select is 'beste' but must be a number, or one of dense, best",
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
    ("noise", {"kind": "human", "column": "x"}, "config key noise.file of arm vanilla is missing"),
    (
        "noise",
        {"kind": "none", "rate": 0.1},
        "config key noise.rate of arm vanilla does not apply to kind none, only to asymmetric and",
    ),
    (
        "dataset.validation",
        1.5,
        "config key dataset.validation of arm vanilla is 1.5 but must be a whole number",
    ),
    (
        "dataset.validation",
        "tests",
        "config key dataset.validation is 'tests' but must be a number,",
    ),
    (
        "panels.one.arms",
        ["nobody"],
        "config key panels.one.arms has 'nobody' but must list some of the arms vanilla, student",
    ),
    ("arms.student.grid", {"depth": [1]}, "config key arms.student.grid.depth is no key of a"),
    ("arms.student.grid", {"model.depth": [0]}, "model.depth is 0 but must be at least 1"),
    ("arms.student.grid", {"model.deep": [1]}, "model.deep is unknown: did you mean depth?"),
    (
        "arms.student",
        {"label": "{model.width}", "grid": {"model.depth": [1]}},
        "config key arms.student.label is '{model.width}' but may hold only the grid's keys",
    ),
    (
        "arms.vanilla.pruning",
        {"structure": "filters", "scope": "layer"},
        "config key pruning.scope of arm vanilla does not apply to structure filters, only to",
    ),
    (
        "tables",
        ["stoping"],
        "config key tables.0 is 'stoping' but must be one of baselines, classes,",
    ),
    ("paper", [{"arm": "teacher"}], "config key paper.0.arm is 'teacher' but must be one of vani"),
    ("paper", [{"accuracy": 80}], "config key paper.0.arm is missing: it must be one of vanilla"),
    ("paper", [{"panel": "a"}], "config key paper.0.panel is 'a' but must be one of all"),
    ("paper", [{"arm": "vanilla", "accuracy": 101}], "config key paper.0.accuracy is 101 but"),
    ("paper", [{"arm": "vanilla", "phase": "dark"}], "config key paper.0.phase is 'dark' but must"),
    ("plot.band", "wide", "config key plot.band is 'wide' but must be one of deviation"),
    ("arms", {}, "config key arms is {} but must not be empty"),
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


def test_a_section_of_another_kind_keeps_what_applies_of_the_one_below():
    model = arm(changed("arms.vanilla.model", {"name": "resnet18"})).model
    assert model.name == "resnet18"
    assert not hasattr(model, "depth")
    for kind, rate in (("pairflip", 0.3), ("none", 0)):
        config = changed("panels", {"one": {"noise": {"kind": kind}}})
        assert arm(config, panel="one").noise.rate == rate


def test_an_override_touches_only_what_it_applies_to():
    config = changed("override", {"perturbation": {"rewind_step": 2}, "model": {"depth": 2}})
    config["override"]["distillation"] = {"alpha": 0.1}
    config["arms"]["rewound"] = {"perturbation": {"kind": "rewind", "rewind_step": 9}}
    config["arms"]["other"] = {"model": {"name": "resnet18"}}
    assert arm(config, "rewound").perturbation.rewind_step == 2
    assert arm(config, "vanilla").perturbation.kind == "none"
    assert arm(config, "vanilla").model.depth == 2
    assert not hasattr(arm(config, "other").model, "depth")
    assert arm(config, "vanilla").distillation is None
    assert arm(config, "student").distillation.alpha == 0.1


def test_a_grid_expands_to_an_arm_at_each_point():
    config = changed("arms.student.grid", {"model.depth": [1, 2], "distillation.alpha": [0.5, 0.9]})
    config["arms"]["student"]["label"] = "δ = {model.depth}, α = {distillation.alpha:%}"
    config["arms"]["gated"] = {"like": "student", "stopping": {"policy": "entropy"}}
    arms = load_study(config).arms
    names = [name for _, name in arms]
    assert names[1:5] == [f"student-depth{d}-alpha0-{a}" for d in (1, 2) for a in (5, 9)]
    assert names[5] == "gated-depth1-alpha0-5"
    member = arms["all", "student-depth2-alpha0-9"]
    assert member.label == "δ = 2, α = 90 %"
    assert (member.model.depth, member.distillation.alpha) == (2, 0.9)
    assert member.grid == (("model.depth", 2), ("distillation.alpha", 0.9))
    assert arms["all", "vanilla"].grid == ()


def test_a_grids_member_is_taught_by_the_member_at_its_point():
    config = changed("arms.vanilla", {"grid": {"model.depth": [1, 2]}})
    config["arms"]["student"]["grid"] = {"model.depth": [1, 2]}
    assert arm(config, "student-depth2").distillation.teacher == "vanilla-depth2"


def test_panels_list_their_arms_and_their_teachers_come_along_hidden():
    config = changed(
        "panels", {"noise": {"grid": {"noise.rate": [0.1, 0.25]}, "arms": ["student"]}}
    )
    config["panels"]["noise"]["label"] = "ε = {noise.rate:%}"
    config["panels"]["plain"] = {"arms": ["vanilla"]}
    study = load_study(config)
    assert list(study.panels.values()) == ["ε = 10 %", "ε = 25 %", "plain"]
    assert not study.arms["noise-rate0-1", "vanilla"].show
    assert study.arms["noise-rate0-25", "student"].noise.rate == 0.25
    assert ("plain", "student") not in study.arms


def test_table_4_is_what_the_papers_models_and_data_get_by_default():
    def training(model, dataset):
        config = {"study": "s", "dataset": {"name": dataset}, "model": {"name": model}}
        return arm({**config, "arms": {"a": None}}, "a").training

    assert training("vgg-like", "cifar100").learning_rate == 0.001
    assert training("resnet18", "cifar10").learning_rate == 0.1
    assert training("resnet18", "cifar10").augmentation == "flip-shift"
    assert training("vgg-like", "digits").learning_rate == 0.1
    assert training("vgg-like", "digits").augmentation == "none"
    assert training("resnet50", "imagenet").batch_size == 1024
    assert training("resnet50", "imagenet").milestones == (30, 60)
    flowers = training("resnet18", "flowers102")
    assert (flowers.batch_size, flowers.learning_rate, flowers.weight_decay) == (64, 0.001, 1e-5)
    assert training("vgg-like", "flowers102").weight_decay == 1e-4
    assert flowers.augmentation == "none"
    large = {"study": "s", "model": {"name": "resnet18"}, "arms": {"a": None}}
    for dataset, size, streamed in (("flowers102", 128, False), ("imagenet", 224, True)):
        made = arm({**large, "dataset": {"name": dataset}}, "a")
        assert (made.dataset.image_size, made.dataset.stream) == (size, streamed)
        assert made.model.stem == "imagenet"
    rewound = {"study": "s", "dataset": {"name": "cifar10"}, "perturbation": {"kind": "rewind"}}
    for model, step in (("resnet18", 1000), ("vgg-like", 0)):
        config = {**rewound, "model": {"name": model}, "arms": {"a": None}}
        assert arm(config, "a").perturbation.rewind_step == step


def test_figure_3s_lower_rate_is_the_dense_trainings_last():
    study = load_study(yaml.safe_load((ROOT / "config/paper/fig3.yaml").read_text()))
    finetune = study.arms["all", "finetune"]
    drops = len(finetune.training.milestones)
    assert finetune.perturbation.rate_factor == pytest.approx(finetune.training.drop_factor**drops)


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
    study = load_study(config)
    return [chain.run for chain in Plan(study).chains(study)]


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
        "pruning.target_sparsity": 0.99,
        "plot": {"dpi": 100},
        "title": "another",
        "data_roots": ["elsewhere"],
        "stopping": {"policy": "accuracy"},
    }
    for path, value in concerns_no_run.items():
        assert run_names(changed(path, value)) == [vanilla, student], path


def test_optional_features_rename_runs_and_are_seen_in_names():
    vanilla, _ = run_names(BASE)
    features = {
        "training.l1": (1e-5, "-l1x1e-05-"),
        "training.augmentation": ("auto-cutout", "-autocutout-"),
        "training.precision": ("bf16", "-bf16-"),
        "training.channels_last": (True, "-channelslast-"),
        "training.class_weights": ("balanced", "-balanced-"),
        "training.optimiser": ("adamw", "-adamw-"),
        "training.schedule": ("cosine", "-cosine-"),
        "training.warmup": (0.1, "-"),
        "training.clip_norm": (1, "-"),
        "training.label_smoothing": (0.1, "-"),
        "training.head_rate": (10, "-"),
        "pruning.structure": ("filters", "-filters-"),
        "model": ({"name": "resnet18", "stem": "imagenet"}, "-resnet18-imagenetstem-"),
    }
    for path, (value, word) in features.items():
        named = run_names(changed(path, value))[0]
        assert word in named
        assert named.rpartition("-")[2] != vanilla.rpartition("-")[2]
    absent = {"training.l1": 0, "pruning.structure": "weights", "pruning.scope": "global"}
    absent |= {"training.precision": "fp32", "training.channels_last": False}
    absent |= {"training.class_weights": "none", "training.optimiser": "sgd"}
    absent |= {"training.schedule": "multistep", "training.warmup": 0, "training.clip_norm": 0}
    absent |= {"training.label_smoothing": 0, "training.head_rate": 1}
    for path, value in absent.items():
        assert run_names(changed(path, value))[0] == vanilla, path


def test_adamw_has_torchs_own_defaults_and_a_cosine_no_milestones():
    training = arm(changed("training", {"optimiser": "adamw", "schedule": "cosine"})).training
    assert (training.learning_rate, training.weight_decay) == (0.001, 0.01)
    assert (training.milestones, training.drop_factor) == ((), 1)
    given = {"optimiser": "adamw", "learning_rate": 0.5}
    assert arm(changed("training", given)).training.learning_rate == 0.5
    for wrong in ({"schedule": "cosine", "milestones": [0.5]}, {"beta2": 0.9}):
        key = next(name for name in wrong if name != "schedule")
        with pytest.raises(UserError, match=f"training.{key} of arm .* does not apply to"):
            arm(changed("training", wrong))


def test_class_weights_need_a_loss_that_takes_them(monkeypatch):
    monkeypatch.setitem(LOSSES._all(), "plain", lambda logits, labels: None)
    weighted = arm(changed("training.class_weights", "balanced"))
    assert weighted.training.class_weights == "balanced"
    section = {**dataclasses.asdict(weighted.training), "milestones": [], "loss": "plain"}
    words = "class_weights of arm a is 'balanced' but must be none with training.loss 'plain'"
    with pytest.raises(UserError, match=words):
        training_recipe(section, weighted.dataset, "arm a")
    section["class_weights"] = "none"
    assert training_recipe(section, weighted.dataset, "arm a").loss == "plain"


def test_filters_are_pruned_with_their_own_fraction_and_wall():
    pruned = arm(changed("arms.vanilla.pruning", {"structure": "filters"}))
    assert pruned.pruning.structure == "filters"
    assert (pruned.pruning.fraction, pruned.last) == (0.5, 3)


def test_names_and_identities_are_stable():
    # A refactoring must rename no finished run: this name is a promise to results on disks.
    assert run_names(BASE) == [
        "digits100-symmetric0.3-vgg1x2-ep4-lr0.1-f0.5-s0-0d55a012",
        "digits100-symmetric0.3-vgg1x2-ep4-lr0.1-f0.5-kd0.8t10-from-0d55a012-00-s0-f365b0ce",
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
    assert paths.number(7) == "07"


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "config").rglob("*.yaml")), ids=lambda p: p.stem)
def test_every_configuration_of_ours_is_valid(path, monkeypatch, tmp_path):
    config = yaml.safe_load(path.read_text())
    if path.parent.name == "budget":
        config = {**yaml.safe_load((ROOT / "config/config.yaml").read_text()), **config}
    if path.stem == "own-data":
        config["study"] = "named"  # Otherwise it is named after the folder of images.
    monkeypatch.chdir(ROOT)
    if path.stem == "weights-noise":
        # As if config/weights-source.yaml had run here.
        monkeypatch.chdir(tmp_path)
        weights = Path(config["arms"]["weights"]["model"]["weights"])
        weights.parent.mkdir(parents=True)
        weights.touch()
    for study in load_studies(config):
        # One whose data is missing here is a study all the same.
        there = dataclasses.replace(study, lacks=None)
        assert Plan(there).chains(there)


def test_the_study_of_weights_starts_from_what_the_other_one_trains_on_other_images():
    source, noisy = (
        yaml.safe_load((ROOT / f"config/weights-{name}.yaml").read_text())
        for name in ("source", "noise")
    )
    study = load_study(source)
    (chain,) = Plan(study).chains(study)
    assert chain.arm.last == 0, "it is not pruned"
    weights = paths.CHECKPOINT.format(run=chain.run, i=paths.number(0))
    assert noisy["arms"]["weights"]["model"]["weights"] == weights
    assert noisy["model"] == source["model"]
    assert noisy["dataset"]["skip"] == source["dataset"]["train"]


def test_what_the_paper_prints_is_in_the_units_of_our_tables():
    config = changed(
        "paper", [{"arm": "student", "accuracy": 80.5, "training": 2, "phase": "light"}]
    )
    (printed,) = load_study(config).paper
    assert (printed.panel, printed.arm, printed.phase) == ("all", "student", "light")
    assert printed.accuracy == pytest.approx(0.805)
    assert printed.training == 2e15
    assert printed.spread is None


def test_only_a_validation_accuracy_is_printed_as_a_mean_over_panels():
    config = changed("panels", {"one": {}, "two": {}})
    config["paper"] = [{"arm": "student", "validation_accuracy": 50}]
    assert load_study(config).paper[0].panel is None
    config["paper"] = [{"arm": "student", "accuracy": 50}]
    with pytest.raises(UserError, match=r"config key paper.0.panel is missing"):
        load_study(config)


def test_the_named_tables_are_the_schemas():
    assert schema()["properties"]["tables"]["items"]["enum"] == list(TABLES)


def test_the_reference_of_all_keys_is_the_schemas():
    text = (ROOT / "config/README.md").read_text()
    _, _, documented = text.partition("## Reference\n")
    assert documented.strip() == reference().strip(), "run `make docs`"


def test_the_schema_for_editors_is_current_and_every_file_of_ours_names_it():
    file = ROOT / "workflow/schemas/config.schema.json"
    assert json.loads(file.read_text(encoding="utf-8")) == json_schema(), "run `make docs`"
    for path in (ROOT / "config").rglob("*.yaml"):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        named = first.removeprefix("# yaml-language-server: $schema=")
        assert (path.parent / named).resolve() == file, path


def test_every_key_stands_in_the_reference_under_its_heading():
    heading, found = "", set()
    for line in reference().splitlines():
        if line.startswith("### "):
            heading = line.strip("# `")
        if line.startswith("- `"):
            key = line.split("`")[1]
            assert key.partition(".")[0] == heading or not (heading or "." in key), key
            found.add(key)
    in_schema = schema()["$defs"]
    for name in SECTIONS:
        assert {f"{name}.{key}" for key in in_schema[name]["properties"]} <= found
    for place, name in (("arms.<name>", "ArmEntry"), ("panels.<name>", "Panel")):
        own = in_schema[name]["properties"].keys() - SECTIONS.keys()
        assert {f"{place}.{key}" for key in own} <= found
    for place, name in (("paper.<n>", "Printed"), ("plot", "Plot"), ("export", "Export")):
        assert {f"{place}.{key}" for key in in_schema[name]["properties"]} <= found


def test_an_old_name_of_a_key_is_accepted_with_a_hint(capsys):
    config = changed("pruning", {"fraction": 0.5, "wall": 0.7})
    config["arms"]["student"]["distillation"]["table"] = False
    config["arms"]["vanilla"] = {"grid": {"pruning.wall": [0.8, 0.9]}, "label": "{pruning.wall}"}
    config["arms"]["student"]["distillation"]["teacher"] = "vanilla-target-sparsity0-8"
    _hint.cache_clear()
    arms = load_study(config).arms
    said = capsys.readouterr().err.splitlines()
    assert "config key pruning.wall is now called pruning.target_sparsity" in said
    assert "config key distillation.table is now called distillation.cache_logits" in said
    assert len(said) == 2
    assert [arm.last for arm in arms.values()] == [2, 3, 1]
    assert [arm.label for arm in arms.values()][:2] == ["0.8", "0.9"]
    load_study(config)
    assert capsys.readouterr().err == "", "once is enough"
    config["pruning"]["target_sparsity"] = 0.7
    with pytest.raises(UserError, match=r"pruning\.wall stands beside pruning\.target_sparsity"):
        load_study(config)


def test_a_network_of_ones_own_is_validated_and_documented_by_its_registration():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Tiny(VGGLike):
        """A small one."""

        depth: Annotated[int, Ge(1), Le(2), Doc("How deep."), Default(2)]
        lamps: Annotated[int, Ge(1), Doc("How many lamps.")]

    things = dict(NETWORKS)
    caches = (kinds, section_keys, all_keys, condition, section, layer, _layer)
    caches += (configuration, mapping)
    try:
        NETWORKS.register("tiny")(Tiny)
        for cached in caches:
            cached.cache_clear()
        assert "`model.lamps`: How many lamps. (≥ 1; only where `name` is `tiny`)" in reference()
        names, *_ = json_schema()["$defs"]["model"]["properties"]["name"]["anyOf"]
        assert "tiny" in names["enum"]
        tiny = {"name": "tiny", "lamps": 2}
        assert load_study(changed("model", tiny)).arms["all", "vanilla"].model.depth == 2
        for model, sentence in (
            ({"name": "tiny"}, "config key model.lamps of arm vanilla is missing"),
            ({**tiny, "lamps": 0}, "config key model.lamps is 0 but must be at least 1"),
            ({**tiny, "depth": 3}, "model.depth of arm vanilla is 3 but must be at most 2"),
            ({"lamps": 1}, "model.lamps of arm vanilla does not apply to name vgg-like, only to"),
        ):
            with pytest.raises(UserError, match=re.escape(sentence)):
                load_study(changed("model", model))
    finally:
        NETWORKS._things = things
        for cached in caches:
            cached.cache_clear()
