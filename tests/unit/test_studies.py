"""Several studies in one invocation."""

import pytest
import yaml

from dsd2.config.studies import load_studies, name_of_all
from dsd2.config.study import load_study
from dsd2.errors import UserError
from dsd2.planning.chains import Plan
from dsd2.planning.claim_inputs import ClaimInputs
from dsd2.planning.inputs import Inputs
from dsd2.planning.jobs import stages

STUDY = {
    "study": "one",
    "seeds": [0, 1],
    "dataset": {"name": "digits", "train": 100},
    "pruning": {"fraction": 0.5, "target_sparsity": 0.9},
    "training": {"epochs": 4},
    "plot": {"dpi": 100},
    "arms": {"vanilla": None, "best": {"distillation": {"teacher": "vanilla", "select": "best"}}},
}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(file, **changes):
    with open(file, "w") as out:  # noqa: PTH123
        yaml.safe_dump({**STUDY, **changes}, out, sort_keys=False)
    return file


def test_a_configuration_without_studies_is_one_study():
    (study,) = load_studies(STUDY)
    assert study.folder == "one"


def test_studies_share_runs_and_each_training_counts_once():
    listed = [
        write("1.yaml"),
        write("2.yaml", study="two", arms={"alone": None}),
        write("3.yaml", study="three", training={"epochs": 5}),
    ]
    plan = Plan(*load_studies({"studies": listed}))
    assert list(plan.studies) == ["one", "two", "three"]
    runs = {name: [c.run for c in plan.chains(s)] for name, s in plan.studies.items()}
    assert runs["two"] == runs["one"][:2]
    assert not set(runs["three"]) & set(runs["one"])
    # Two arms, two seeds and four iterations, of one and of three.
    assert len(stages(plan)) == 2 * 2 * 2 * 4
    assert stages(plan)[0].label == "one: vanilla seed 0 iteration 0"
    assert len(Inputs(plan).study("two")["chains"]) == 2
    assert {entry["arm"] for entry in Inputs(plan).entries("two")} == {"alone"}


def test_other_keys_are_laid_over_every_study():
    write("1.yaml", override={"training": {"epochs": 3, "batch_size": 7}})
    write("2.yaml", study="two", budget="large")
    one, two = load_studies(
        {
            "studies": ["1.yaml", "2.yaml"],
            "budget": "smoke",
            "seeds": ["5"],
            "override": {"training": {"epochs": 1}},
            "plot": {"band": "none"},
            "lookahead": 3,
        }
    )
    assert (one.folder, two.folder) == ("one+smoke", "two+smoke")
    assert one.seeds == two.seeds == (5,)
    assert one.plot == two.plot
    assert (one.plot.dpi, one.plot.band) == (100, "none"), "key by key"
    training = one.arms["all", "vanilla"].training
    assert (training.epochs, training.batch_size) == (1, 7)
    assert Plan(one, two).lookahead == 3


def test_a_pattern_takes_every_file_but_lists(tmp_path):
    write("b.yaml")
    write("a.yaml", study="two")
    (tmp_path / "all.yaml").write_text("studies: '*.yaml'")
    assert [study.folder for study in load_studies({"studies": "*.yaml"})] == ["two", "one"]
    absolute = load_studies({"studies": str(tmp_path / "[ab].yaml")})
    assert [study.folder for study in absolute] == ["two", "one"]


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"studies": []}, "config key studies is [] but must not be empty"),
        (
            {"studies": ["absent.yaml"]},
            "absent.yaml: cannot be read as a configuration (No such file",
        ),
        (
            {"studies": ["broken.yaml"]},
            "broken.yaml: is not valid YAML at line 1, column 5 (expected",
        ),
        ({"studies": ["words.yaml"]}, "words.yaml: holds 'words' but must hold keys"),
        ({"studies": "*.yml"}, "config key studies is '*.yml', which matches no study's file"),
        ({"studies": ["list.yaml"]}, "list.yaml: lists studies itself"),
        ({"studies": ["1.yaml", "same.yaml"]}, "1.yaml and same.yaml have one name, one;"),
        ({"studies": ["bad.yaml"]}, "bad.yaml: config key trainning is unknown"),
        (
            {"studies": ["1.yaml"], "arms": {"a": None}},
            "config key arms cannot stand beside studies",
        ),
        ({"studies": ["1.yaml"], "seeds": []}, "config key seeds is [] but must not be empty"),
    ],
)
def test_every_fault_is_one_sentence(tmp_path, config, sentence):
    write("1.yaml")
    write("same.yaml", title="another")
    write("bad.yaml", trainning={})
    (tmp_path / "broken.yaml").write_text("a: [")
    (tmp_path / "words.yaml").write_text("words")
    (tmp_path / "list.yaml").write_text("studies: [1.yaml]")
    with pytest.raises(UserError) as fault:
        load_studies(config)
    assert sentence in str(fault.value)
    assert "\n" not in str(fault.value)


def test_a_study_with_a_budget_shares_no_folder_with_a_study_of_the_joined_name():
    write("1.yaml", study="a", budget="b")
    write("2.yaml", study="a-b")
    write("3.yaml", study="a", budget="b-c")
    write("4.yaml", study="a-b", budget="c")
    folders = [study.folder for study in load_studies({"studies": "?.yaml"})]
    assert folders == ["a+b", "a-b", "a+b-c", "a-b+c"]
    # Each is right as a name of neither, so that no other pair can give it.
    for name in ("a+b", "own.images"):
        for key in ("study", "budget"):
            with pytest.raises(UserError, match=f"config key {key} is .* but must match"):
                load_studies({**STUDY, key: name})


def test_a_study_of_another_invocation_is_refused():
    plan = Plan(*load_studies(STUDY))
    with pytest.raises(UserError, match=r"results/studies/x: is no study of this invocation, whi"):
        Inputs(plan).study("x")


def test_a_study_like_another_starts_from_it(tmp_path):
    write("base.yaml", analysis={"tolerance": 0.1, "confidence": 0.8}, missing_data="stand-in")
    own = {
        "study": "two",
        "like": "base.yaml",
        "training": {"batch_size": 7},
        "analysis": {"confidence": 0.95},
        "arms": {"alone": None},
    }
    study = load_study(own)
    (arm,) = study.arms.values()
    assert (study.folder, study.seeds, arm.name) == ("two", (0, 1), "alone")
    assert (arm.training.epochs, arm.training.batch_size) == (4, 7)
    assert (study.analysis.tolerance, study.analysis.confidence) == (0.1, 0.95)
    assert study.title == "two", "a title is the other's own"
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(own))
    third = {"study": "three", "like": "two.yaml", "seeds": [9], "arms": {"alone": None}}
    (arm,) = load_study(third).arms.values()
    assert (arm.training.epochs, arm.training.batch_size) == (4, 7)
    for first, second in ((own, third), (third, own)):
        one, two = Plan(load_study(first)), Plan(load_study({**second, "seeds": [0, 9]}))
        assert set(one.runs) & set(two.runs)


def test_another_kind_of_thing_takes_none_of_the_first_kinds_keys():
    write("base.yaml", noise={"kind": "symmetric", "rate": 0.5})
    labels = {"kind": "human", "column": "c", "file": "labels.parquet"}
    given = {"study": "two", "like": "base.yaml", "arms": {"a": None}}
    study = load_study({**given, "dataset": {"name": "cifar10", "train": 50}, "noise": labels})
    (arm,) = study.arms.values()
    assert (arm.noise.kind, arm.noise.rate) == ("human", 0)


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("no.yaml", None, "no.yaml: cannot be read as a configuration"),
        ("bad.yaml", {**STUDY, "trainning": {}}, "bad.yaml: config key trainning is unknown"),
        ("list.yaml", {"studies": "*.yaml"}, "config key like is 'list.yaml', which lists studies"),
        ("x.yaml", {**STUDY, "like": "x.yaml"}, "x.yaml → x.yaml"),
    ],
)
def test_a_fault_of_the_other_study_names_its_file(tmp_path, file, content, sentence):
    if content is not None:
        (tmp_path / file).write_text(yaml.safe_dump(content))
    with pytest.raises(UserError) as fault:
        load_study({**STUDY, "like": file})
    assert sentence in str(fault.value)
    assert "\n" not in str(fault.value)


def test_a_study_whose_data_is_missing_is_left_out_where_it_says_so(tmp_path):
    cifar = {"name": "cifar10", "train": 50, "validation": 20}
    write("1.yaml")
    write("2.yaml", study="two", dataset=cifar, missing_data="skip", claims=["human-labels"])
    plan = Plan(*load_studies({"studies": "?.yaml"}))
    assert list(plan.studies) == ["one"]
    assert "data_roots (data) has cifar10" in plan.left_out["two"].lacks
    assert ClaimInputs(plan).left_out() == {"human-labels": plan.left_out["two"].lacks}
    with pytest.raises(UserError, match="nothing can be run: none of the folders"):
        Plan(*load_studies({"studies": ["2.yaml"]}))
    found = Plan(*load_studies({"studies": "?.yaml", "download": True}))
    assert list(found.studies) == ["one", "two"]


def test_what_studies_show_together_has_a_name_of_its_own():
    folders = ["one", "two"]
    assert name_of_all({"study": "one"}, ["one+smoke"]) == "one+smoke"
    listed = {"studies": "?.yaml"}
    assert name_of_all({**listed, "study": "all", "budget": "smoke"}, folders) == "all+smoke"
    unnamed = name_of_all(listed, folders)
    assert unnamed.startswith("studies-")
    assert unnamed != name_of_all(listed, ["one", "three"])
    write("1.yaml")
    assert load_studies({"studies": "?.yaml", "study": "all"})[0].folder == "one"


def test_the_scorecard_takes_the_studies_that_decide_claims():
    write("1.yaml", claims=["clean-data"], seeds=[3])
    write("2.yaml", study="two")
    inputs = ClaimInputs(Plan(*load_studies({"studies": "?.yaml"})))
    assert inputs.metrics() == ["results/studies/one/metrics.parquet"]
    assert inputs.figures() == ["results/studies/one/figures/sdd.png"]
    (entry,) = inputs.entries()
    assert (entry["study"], list(entry["claims"])) == ("one", ["clean-data"])
    assert {e["name"] for e in entry["settings"]} == {"vanilla", "best"}
    assert inputs.outcome("none-such") == []
    with pytest.raises(UserError, match=r"claims: no study here says .* config/claims.yaml do"):
        ClaimInputs(Plan(load_study(STUDY))).metrics()
