"""Which files are asked for, given the decisions on the disk."""

import json
import re
from pathlib import Path

import pytest

from dsd2 import paths
from dsd2.analysis.view import StudyView
from dsd2.config.study import load_study
from dsd2.errors import UserError
from dsd2.files.decision import CHOICE, GATE, chain_identity, gate_identity, write_decision
from dsd2.planning.chains import Plan
from dsd2.planning.inputs import Inputs, LastingOutputs, measured_again
from dsd2.planning.jobs import planned_runs, stages
from dsd2.planning.requests import Allocation
from dsd2.planning.view import study_view
from dsd2.recipe import RunRecipe, from_json

CONFIG = {
    "study": "test",
    "seeds": [0],
    "dataset": {"name": "digits", "train": 100},
    "pruning": {"fraction": 0.5, "target_sparsity": 0.95},
    "arms": {
        "vanilla": None,
        "gated": {"stopping": {"policy": "entropy"}},
        "dense": {"distillation": {"teacher": "vanilla", "select": "dense"}},
        "third": {"distillation": {"teacher": "vanilla", "select": 3}},
        "best": {"distillation": {"teacher": "vanilla", "select": "best"}},
        "second": {"distillation": {"teacher": "best", "select": "best"}},
        "rewound": {"perturbation": {"kind": "rewind"}},
    },
}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def plan(**extra):
    return Plan(load_study({**CONFIG, **extra}))


def chain(a_plan, name):
    (study,) = a_plan.studies.values()
    return next(c for c in a_plan.chains(study) if c.arm.name == name)


def choose(a_chain, iteration):
    identity = chain_identity(a_chain.run, a_chain.arm.stopping.slug, a_chain.arm.last)
    write_decision(Path(a_chain.choice), CHOICE, {**identity, "iteration": iteration})


def requested(a_plan, a_chain):
    inputs = Inputs(a_plan).chain(a_chain.run, a_chain.arm.stopping.slug, a_chain.arm.last)
    assert len(inputs["gates"]) in (0, len(inputs["metrics"]))
    return len(inputs["metrics"])


def decide(a_chain, iteration, stop):
    policy = a_chain.arm.stopping.slug
    path = paths.GATE.format(run=a_chain.run, stop=policy, i=paths.number(iteration))
    identity = gate_identity(a_chain.run, policy, iteration)
    write_decision(Path(path), GATE, {**identity, "stop": stop})


def test_a_decision_of_something_else_is_refused():
    a_plan = plan()
    gated, vanilla = chain(a_plan, "gated"), chain(a_plan, "vanilla")
    decide(gated, 0, stop=False)
    decide(gated, 1, stop=True)
    first, second = (
        Path(paths.GATE.format(run=gated.run, stop=gated.arm.stopping.slug, i=f"0{i}"))
        for i in range(2)
    )
    whole = first.read_bytes()
    first.write_bytes(second.read_bytes())
    with pytest.raises(UserError, match="is of iteration 1, but iteration 0 belongs here; delete"):
        requested(a_plan, gated)
    first.write_bytes(whole.replace(b"te0.8", b"te0.7"))
    with pytest.raises(UserError, match="is damaged"):
        requested(a_plan, gated)
    lax = {**gate_identity(gated.run, "entropy-te0.7-ta0.8", 0), "stop": False}
    write_decision(first, GATE, lax)
    with pytest.raises(UserError, match=r"is of policy entropy.*, but policy"):
        requested(a_plan, gated)
    elsewhere = chain_identity("another-run", "none", vanilla.arm.last)
    write_decision(Path(vanilla.choice), CHOICE, {**elsewhere, "iteration": 2})
    with pytest.raises(UserError, match="is of run another-run, but run"):
        plan()


def test_an_ungated_chain_is_asked_for_whole():
    a_plan = plan()
    assert requested(a_plan, chain(a_plan, "vanilla")) == 5


def test_a_gated_chain_grows_gate_by_gate_and_ends_with_a_stop():
    a_plan = plan(arms={"gated": CONFIG["arms"]["gated"]})
    gated = chain(a_plan, "gated")
    for iteration in range(3):
        assert requested(a_plan, gated) == iteration + 1
        assert len(stages(a_plan)) == 5, "no gate has stopped it"
        decide(gated, iteration, stop=False)
    assert requested(a_plan, gated) == 4
    decide(gated, 3, stop=True)
    assert requested(a_plan, gated) == 4
    assert len(stages(a_plan)) == 4


def test_a_gated_chain_that_never_stops_ends_at_its_target():
    a_plan = plan()
    gated = chain(a_plan, "gated")
    for iteration in range(5):
        decide(gated, iteration, stop=False)
    assert requested(a_plan, gated) == 5


def test_lookahead_asks_for_blocks():
    a_plan = plan(lookahead=3)
    gated = chain(a_plan, "gated")
    assert requested(a_plan, gated) == 3
    for iteration in range(3):
        decide(gated, iteration, stop=False)
    assert requested(a_plan, gated) == 5
    decide(gated, 1, stop=True)
    assert requested(a_plan, gated) == 3


def test_a_gated_arm_shares_the_run_of_its_ungated_twin():
    a_plan = plan()
    assert chain(a_plan, "gated").run == chain(a_plan, "vanilla").run
    assert chain(a_plan, "gated").path != chain(a_plan, "vanilla").path


def test_training_takes_no_gate_and_the_right_teacher():
    a_plan = plan()
    vanilla = chain(a_plan, "vanilla").run
    first = Inputs(a_plan).training(vanilla, 0)
    assert first.keys() == {"dataset", "labels"}
    assert (
        Inputs(a_plan).training(vanilla, 2)["previous"].endswith("iter-01/checkpoint.safetensors")
    )
    for name, iteration in (("dense", "00"), ("third", "03")):
        inputs = Inputs(a_plan).training(chain(a_plan, name).run, 1)
        assert inputs["teacher"] == paths.CHECKPOINT.format(run=vanilla, i=iteration)
        assert "gate" not in " ".join(inputs.values())


def test_rewinding_needs_the_dense_iteration():
    a_plan = plan()
    run = chain(a_plan, "rewound").run
    assert "dense" not in Inputs(a_plan).training(run, 1), "it is the previous one"
    assert Inputs(a_plan).training(run, 3)["dense"].endswith("iter-00/checkpoint.safetensors")


def test_a_student_waits_under_a_pending_name_and_gets_its_own_with_the_choice():
    a_plan = plan()
    pending = chain(a_plan, "best")
    assert a_plan.recipe(pending.run).pending
    assert Inputs(a_plan).training(pending.run, 0)["choice"] == chain(a_plan, "vanilla").choice
    assert Inputs(a_plan).study("test")["choices"][0] == chain(a_plan, "vanilla").choice
    choose(chain(a_plan, "vanilla"), 2)
    student = chain(a_plan, "best")
    assert student.run != pending.run
    assert "-02-" in student.run
    inputs = Inputs(a_plan).training(student.run, 0)
    assert inputs["teacher"].endswith("iter-02/checkpoint.safetensors")
    assert "choice" not in inputs, "a rewritten choice must not retrain"


def test_a_students_student_waits_for_both_choices():
    a_plan = plan()
    assert len(chain(a_plan, "second").choices) == 2
    choose(chain(a_plan, "vanilla"), 1)
    assert a_plan.recipe(chain(a_plan, "second").run).pending
    choose(chain(a_plan, "best"), 0)
    assert not a_plan.recipe(chain(a_plan, "second").run).pending


def test_a_name_from_before_the_choice_leads_to_the_name_since():
    former = {name: chain(plan(), name).run for name in ("best", "second")}
    choose(chain(plan(), "vanilla"), 1)
    between = chain(plan(), "second").run
    choose(chain(plan(), "best"), 0)
    after = plan()
    for name, run in (*former.items(), ("second", between)):
        now = chain(after, name).run
        with pytest.raises(UserError, match=f"before its teacher was selected; .*/{now}$"):
            after.recipe(run)


def test_the_best_dense_teacher_and_the_dense_teacher_teach_one_run():
    a_plan = plan()
    choose(chain(a_plan, "vanilla"), 0)
    assert chain(a_plan, "best").run == chain(a_plan, "dense").run


def test_a_run_of_another_study_is_refused():
    with pytest.raises(UserError, match=r"results/runs/other: is no run of this study"):
        plan().recipe("other")


def test_a_damaged_decision_is_named():
    a_plan = plan()
    gated = chain(a_plan, "gated")
    path = Path(paths.GATE.format(run=gated.run, stop=gated.arm.stopping.slug, i=paths.number(0)))
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(UserError, match=r"iter-00.json: is damaged or no file"):
        requested(a_plan, gated)


def test_stages_are_counted_once_for_all_arms():
    found = stages(plan())
    # vanilla (with gated), dense, third, best, second, rewound: six runs of five iterations.
    assert len(found) == 6 * 5
    assert found[7].label == "dense seed 0 iteration 2"


def test_the_runs_to_estimate_are_listed_once_with_the_chains_that_share_them():
    one = load_study(CONFIG)
    other = load_study(
        {**CONFIG, "study": "other", "pruning": {"fraction": 0.5, "target_sparsity": 0.99}}
    )
    alone = {"study": "alone", "seeds": [7], "tables": ["models"], "figure": False}
    plan = Plan(one, other, load_study({**CONFIG, **alone}))
    runs = planned_runs(plan, Allocation(plan, []))
    assert {run["gpus"] for run in runs} == {0}, "they are small"
    assert len(runs) == 6
    vanilla = runs[0]
    assert (vanilla["iterations"], vanilla["chains"]) == (7, 4), "the longer wall, gated or not"
    recipes = [from_json(RunRecipe, json.dumps(run["recipe"])) for run in runs]
    assert sum(recipe.pending for recipe in recipes) == 2
    assert {recipe.seed for recipe in recipes} == {0}, "a study that trains nothing has none"


def touch(*files):
    for file in files:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).touch()


@pytest.mark.parametrize(
    ("forced", "kept"),
    [
        (set(), {"there"}),
        ({"train"}, {"there", "gone"}),
        ({"out/made"}, {"there", "gone"}),
        ({"table"}, {"there"}),
        (None, {"there", "gone"}),
    ],
)
def test_a_job_that_is_done_asks_for_no_input_that_is_gone_unless_it_is_forced(forced, kept):
    inputs, outputs = {"there": "in/there", "gone": "in/gone"}, ["out/made"]
    touch("in/there")
    assert LastingOutputs(lambda: forced).inputs("train", inputs, outputs) == inputs
    touch("out/made")
    lasting = LastingOutputs(lambda: forced)
    assert lasting.inputs("train", inputs, outputs).keys() == kept
    Path("out/made").unlink()
    assert lasting.done(outputs), "as it was when it was first looked at"
    assert lasting.inputs("train", inputs, outputs).keys() == kept


def test_a_modules_prefix_is_where_outputs_lie():
    touch("x/in/there", "x/out/made")
    lasting = LastingOutputs(lambda: {"x/out/made"}, lambda path: f"x/{path}")
    inputs = {"there": "in/there", "gone": "in/gone"}
    assert lasting.inputs("train", inputs, ["out/made"]) == inputs, "forced"
    lasting = LastingOutputs(set, lambda path: f"x/{path}")
    assert lasting.inputs("train", inputs, ["out/made"]).keys() == {"there"}


def test_a_training_whose_metrics_are_gone_is_measured_again_unless_it_may_be_forced():
    a_plan = plan()
    run = chain(a_plan, "vanilla").run
    assert measured_again(a_plan, []) == "(?!)"
    checkpoint, history, _ = paths.fill(paths.TRAINED, run=run, i="01")
    touch(checkpoint, history)
    assert re.fullmatch(measured_again(a_plan, ["--cores", "1"]), f"{run}/iter-01/")
    for asked in (["--force", "x"], ["-R", "train"], ["-nF"], ["--target-jobs", "train:run=a"]):
        assert measured_again(a_plan, asked) == "(?!)"
    assert measured_again(a_plan, ["--target-jobs", "evaluate:run=a"]) != "(?!)"


def test_a_view_of_a_study_holds_one_line_labels_and_what_arms_set():
    study = load_study({**CONFIG, "title": "a\nb", "arms": {"a": {"label": "x\ty"}}})
    view = study_view(study)
    assert (view.title, view.labels) == ("a b", {"a": "x y"})
    assert view.drawn == [("a", "all", ())]
    (arm,) = view.settings
    assert arm["settings"]["pruning.fraction"] == 0.5
    part = StudyView.part(**view.only("title"))
    assert part.title == view.title
    with pytest.raises(AttributeError):
        _ = part.labels
    with pytest.raises(TypeError, match="no colour"):
        StudyView.part(colour="red")


def test_the_settings_of_an_arm_say_what_kind_of_thing_each_section_is():
    (arm,) = study_view(load_study({**CONFIG, "arms": {"a": None}})).settings
    kinds = ("dataset.name", "noise.kind", "model.name", "perturbation.kind", "stopping.policy")
    assert set(kinds) <= arm["settings"].keys()
    assert arm["settings"]["model.name"] == "vgg-like"
