"""Equal settings have one name, different things have different ones, and our names stay."""

import hashlib
import json
import os
from pathlib import Path

import pytest
import yaml

from config_rules import schema
from dsd2 import paths
from dsd2.config.studies import load_studies
from dsd2.config.study import load_study
from dsd2.config.validation import SECTIONS
from dsd2.errors import UserError
from dsd2.planning.chains import Plan
from dsd2.recipe import NoiseRecipe, RunRecipe, digest, from_json, to_json
from dsd2.stopping import Stopping

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).with_name("golden_names.json")

WHOLE = (1, 0, 10)
"""Of these the first that a key allows is tried, and below of those."""
BROKEN = (0.5, 1.5)


def allows(rule, value):
    """Whether a rule of the schema allows a number."""
    return (
        value >= rule.get("minimum", value)
        and value > rule.get("exclusiveMinimum", value - 1)
        and value <= rule.get("maximum", value)
        and value < rule.get("exclusiveMaximum", value + 1)
    )


def ways(rule):
    """Numbers that a rule allows, each in all the ways in which it can be written."""
    kinds = {rule["type"]} if isinstance(rule.get("type"), str) else set(rule.get("type", ()))
    if kinds & {"integer", "number"}:
        for whole in [n for n in WHOLE if allows(rule, n)][:1]:
            written = [whole, float(whole), f"{whole}", f"{whole}.0", f"{whole}e0"]
            yield [*written, -0.0, "-0.0"] if whole == 0 else written
    if "number" in kinds:
        for part in [n for n in BROKEN if allows(rule, n)][:1]:
            yield [part, f"{part}", f"{part * 10:g}e-1"]


def numbers():
    """Every key of a section that holds a number, with ways to write one."""
    for section in SECTIONS:
        for key, rule in schema()["$defs"][section]["properties"].items():
            for written in ways(rule):
                yield pytest.param(section, key, written, id=f"{section}.{key}={written[0]}")


OWN = ("csv", "imagefolder", "parquet")


def with_setting(section, key, value):
    """A study in which a key of a section applies and has a value."""
    rule = schema()["$defs"][section]["properties"][key].get("x-only-for", {})
    config = {
        "study": "s",
        "seeds": [0],
        "pruning": {"target_sparsity": 0.9},
        "arms": {"plain": None, "taught": {"distillation": {"teacher": "plain"}}},
    }
    place = config["arms"]["taught"] if section == "distillation" else config
    # A folder of one's own would have to be there.
    others = {other: [k for k in kinds if k not in OWN][-1] for other, kinds in rule.items()}
    place[section] = {**place.get(section, {}), **others, key: value}
    return config


def written_out(config):
    """Every name that a configuration gives, and the recipes that are parameters of rules."""
    plan = Plan(*load_studies(config))
    chains = [chain for study in plan.studies.values() for chain in plan.chains(study)]
    files = [(chain.path, chain.choice, plan.recipe_json(chain.run)) for chain in chains]
    stops = {slug: to_json(stopping) for slug, stopping in plan.stops.items()}
    return files, [*plan.datasets], [*plan.labels], stops


@pytest.mark.parametrize(("section", "key", "written"), [*numbers()])
def test_a_setting_has_one_name_however_its_number_is_written(section, key, written):
    first = written_out(with_setting(section, key, written[0]))
    for value in written[1:]:
        assert written_out(with_setting(section, key, value)) == first, repr(value)


@pytest.mark.slow
def test_a_default_that_is_said_is_the_default_in_every_way_to_write_it():
    for section in SECTIONS:
        for key, rule in schema()["$defs"][section]["properties"].items():
            default = rule.get("default")
            if isinstance(default, bool | None) or not isinstance(default, int | float):
                continue
            if key == "image_size":
                continue  # The paper's datasets have defaults of their own.
            left_out = with_setting(section, key, default)
            place = left_out["arms"]["taught"] if section == "distillation" else left_out
            del place[section][key]
            for value in (default, float(default), str(default), str(float(default))):
                said = with_setting(section, key, value)
                assert written_out(said) == written_out(left_out), (section, key, value)


def test_the_number_of_a_recipe_has_the_form_of_its_field():
    config = with_setting("distillation", "temperature", 10)
    recipe = next(r for r in Plan(load_study(config)).runs.values() if r.distillation)
    values = json.loads(to_json(recipe))
    values["distillation"]["temperature"] = 10.0
    values["training"]["epochs"] = 160.0
    values["training"]["milestones"] = [80.0, 120.0]
    values["noise"]["rate"] = 0
    read = from_json(RunRecipe, json.dumps(values))
    assert to_json(read) == to_json(recipe)
    assert digest(read) == digest(recipe)
    assert paths.run_name(read) == paths.run_name(recipe)

    def symmetric(rate):
        return NoiseRecipe.of("symmetric", rate=rate, seed=0, validation="clean")

    for rate in (0, -0.0):
        assert to_json(symmetric(rate)) == to_json(symmetric(0.0))
    assert Stopping.of("accuracy", accuracy_threshold=-0.0).slug == "accuracy-ta0"
    huge = symmetric(2**62)
    assert huge == symmetric(float(2**62))


def test_seeds_are_whole_numbers_and_none_stands_twice():
    one = {**with_setting("training", "epochs", 1)}
    assert load_study({**one, "seeds": [1.0, "2"]}).seeds == (1, 2)
    for seeds in ([1, 1], [1, 1.0], [1, "1"], ["1.0", 1]):
        with pytest.raises(UserError, match=r"config key seeds is .* must have no entry twice"):
            load_study({**one, "seeds": seeds})


def test_settings_of_a_study_have_one_form_so_that_nothing_is_drawn_or_timed_again():
    config = with_setting("training", "epochs", 1)
    first, second = (
        load_study(
            {
                **config,
                "plot": {"width": number(90), "font_size": number(9)},
                "analysis": {"tolerance": number(0)},
                "export": {"seconds": number(1), "tolerance": number(0)},
                "paper": [{"arm": "plain", "parameters": number(1000)}],
            }
        )
        for number in (int, float)
    )
    for part in ("plot", "analysis", "export", "paper"):
        # What rules have as parameters, Snakemake compares as text.
        assert repr(getattr(first, part)) == repr(getattr(second, part))


@pytest.mark.parametrize(
    ("key", "written", "slug"),
    [
        ("model.depth", [3, 3.0, "3", "3.0"], "depth3"),
        ("distillation.temperature", [10, 10.0, "10", "1e1"], "temperature10"),
        ("model.dropout", [0, 0.0, -0.0, "0.0"], "dropout0"),
        ("training.weight_decay", [1e-4, "1e-4", "0.0001"], "weight-decay0-0001"),
        ("training.channels_last", [True, "true"], "channels-lasttrue"),
    ],
)
def test_a_grids_point_has_one_name_and_one_label(key, written, slug):
    def member(value):
        config = with_setting("training", "epochs", 1)
        config["arms"]["taught"] |= {"grid": {key: [value]}}
        study = load_study(config)
        (arm,) = (arm for arm in study.arms.values() if arm.name.startswith("taught"))
        return arm.name, arm.label, repr(arm.grid), written_out(config)

    first = member(written[0])
    assert first[0] == f"taught-{slug}"
    for value in written[1:]:
        assert member(value) == first, repr(value)


def test_a_point_that_stands_twice_in_a_grid_is_named():
    config = with_setting("training", "epochs", 1)
    config["arms"]["plain"] = {"grid": {"model.dropout": [0, 0.0]}}
    with pytest.raises(UserError, match=r"grid has two points of one name, plain-dropout0: its "):
        load_study(config)


def test_percent_in_a_label_have_as_many_digits_as_it_takes():
    config = with_setting("training", "epochs", 1)
    label = "{distillation.alpha:%}"
    config["arms"]["taught"] |= {"grid": {"distillation.alpha": [1, 0.0, 0.125]}, "label": label}
    labels = [arm.label for arm in load_study(config).arms.values()]
    assert labels == ["plain", "100 %", "0 %", "12.5 %"]


def test_noise_that_touches_no_label_is_none():
    without = written_out(with_setting("noise", "kind", "none"))
    for kind in ("symmetric", "symmetric-any", "pairflip", "asymmetric"):
        config = with_setting("noise", "kind", kind)
        config["noise"] |= {"rate": 0, "seed": 3, "validation": "noisy"}
        assert written_out(config) == without, kind
    config = with_setting("dataset", "validation", "test")
    config["noise"] = {"kind": "symmetric", "rate": 0.5}
    clean = written_out(config)
    config["noise"]["validation"] = "noisy"
    assert written_out(config) == clean, "the test is never noisy"


def our_names():
    """A digest of all names of each configuration of ours that names its data, with each budget."""
    folder = ROOT / "config"
    files = [folder / "config.yaml", folder / "cifar10-cpu.yaml"]
    files += sorted(set((folder / "paper").glob("*.yaml")) - {folder / "paper" / "all.yaml"})
    found = {}
    for file in files:
        for budget in (None, "short", "smoke"):
            # The same names whatever data a machine has.
            config = {"studies": [str(file)], "data_roots": ["nowhere"]}
            if budget is not None:
                config |= yaml.safe_load((folder / "budget" / f"{budget}.yaml").read_text())
            files, *others = written_out(config)
            names = {name for path, choice, _ in files for name in (path, choice)}
            text = json.dumps(sorted(names.union(*others)))
            digested = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
            found[" ".join(filter(None, (file.stem, budget)))] = digested
    return found


@pytest.mark.slow
def test_the_names_of_our_studies_stay(tmp_path, monkeypatch, golden):
    # Results on disks have these names. Only a raised revision may change this file.
    monkeypatch.chdir(tmp_path)
    names = our_names()
    assert names == {study: golden(GOLDEN, study, name) for study, name in names.items()}
    assert names.keys() == json.loads(GOLDEN.read_text()).keys(), "a study is gone"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("images", "own.images"),
        ("my-photos", "own.my-photos"),
        ("my photos", "own.my-photos."),
        ("My-Photos", "own.my-photos."),
        ("my.photos", "own.my-photos."),
        ("A/train", "own.train."),
        ("B/train", "own.train."),
        ("../A/train", "own.train."),
        ("/A/train", "own.train."),
        ("..", "own.somebody."),
        (".", "own.clone."),
        ("写真", "own.images."),
        ("фото", "own.images."),
        ("Größe", "own.grosse."),
        ("x" * 40, f"own.{'x' * 40}"),
        ("x" * 300, f"own.{'x' * 40}."),
        ("images+smoke", "own.images-smoke."),
        ("images.cf274e41", "own.images-cf274e41."),
        ("_a", "own.a."),
        ("-", "own.images."),
        ("$(touch x)\n{y}", "own.touch-x-y."),
    ],
)
def test_the_study_of_a_folder_is_named_after_it(path, name):
    here = Path("/home/somebody/clone")
    folder = Path(os.path.normpath(here / path))
    found = paths.own_study(folder, here)
    head, _, tail = found.partition(name)
    assert (head, len(tail)) == ("", 8 if name.endswith(".") else 0), found


def test_no_two_folders_have_one_study_and_a_copy_of_the_clone_has_the_same():
    files = ["images", "a/images", "b/images", "b/a/images", "Images", "im ages", "im-ages", "写"]
    files += ["真", "x" * 41, "x" * 42, "images ", "images+smoke", "images.1"]
    clones = [Path("/home/somebody/clone"), Path("/scratch/copy")]
    for here in clones:
        folders = [Path("/images"), here.parent / "images", *(here / path for path in files)]
        names = {paths.own_study(folder, here).casefold() for folder in folders}
        assert len(names) == len(folders)
    here, copy = ([paths.own_study(clone / path, clone) for path in files] for clone in clones)
    assert here == copy
