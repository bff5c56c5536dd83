"""Label issues: what chains say together, the tables and the page, and a stage that goes on."""

import csv
import dataclasses
import io
from html.parser import HTMLParser

import numpy as np
import pytest
from recipes import run_recipe, training

from dsd2 import paths
from dsd2.analysis.label_issues import accuracies, class_pairs, issue_rows, judge
from dsd2.analysis.label_page import LabelIssues, findings, page, pictured
from dsd2.analysis.label_scores import ChainScores
from dsd2.artefacts.label_scores import load_label_scores, save_label_scores
from dsd2.config.study import load_study
from dsd2.devices import Given
from dsd2.errors import UserError
from dsd2.files.issue_records import LABEL_ISSUES
from dsd2.files.records import identity_of, read_table
from dsd2.planning.chains import Plan
from dsd2.planning.issue_inputs import IssueInputs
from dsd2.planning.view import issue_results, listed_arms, outcome, study_results
from dsd2.recipe import NoiseRecipe
from dsd2.stages import label_scores
from dsd2.stages.gating import run_collect
from dsd2.stages.label_issues import IssueFiles, ScoredChain, as_csv, run_label_issues
from dsd2.stages.label_scores import ScoringFiles, run_label_scores, scores_identity
from dsd2.stages.prepare import run_dataset, run_labels
from dsd2.stages.train import IterationFiles, run_iteration
from dsd2.stopping import Stopping

GIVEN = np.array([0, 1, 2, 0])
RIGHT = [0.9, 0.05, 0.05]


def chain(*iterations):
    """A chain's scores, from the probabilities of each iteration."""
    scores = ChainScores()
    for number, rows in enumerate(iterations):
        scores.add(np.array(rows, np.float32), GIVEN, 1 - 0.5**number, 0.9)
    return scores


ONE = chain(
    [RIGHT, [0.1, 0.8, 0.1], [0.7, 0.1, 0.2], [0.5, 0.3, 0.2]],
    [RIGHT, [0.1, 0.8, 0.1], [0.8, 0.1, 0.1], [0.2, 0.6, 0.2]],
)
TWO = chain([RIGHT, [0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.3, 0.6, 0.1]])


def test_the_most_suspicious_come_first_and_are_suggested_another_class():
    found = judge([ONE], GIVEN, seen=True)
    assert found.order.tolist() == [2, 3, 1, 0]
    assert found.suggested.tolist()[2:] == [0, 1]
    assert (found.suggested != GIVEN).all(), "even where the label is right"
    assert found.probability_given[2] == pytest.approx(0.15)
    assert np.isnan(found.forgotten_at[0])
    assert found.forgotten_at[2:].tolist() == [0.0, 0.5]
    assert found.suspects.tolist() == [2, 3][: found.estimate.count]


def test_chains_are_averaged():
    found = judge([ONE, TWO], GIVEN, seen=True)
    alone = [judge([each], GIVEN, seen=True) for each in (ONE, TWO)]
    for name in ("score", "probability_given"):
        mean = np.mean([getattr(each, name) for each in alone], axis=0)
        assert getattr(found, name) == pytest.approx(mean)
    assert (alone[0].suggested[2], found.suggested[2]) == (0, 1), "0.1 and 0.8 against 0.75 and 0.1"
    assert found.forgotten_at[3] == 0.25


def test_rows_have_ranks_and_the_truth_where_it_is_known():
    found = judge([ONE], GIVEN, seen=True)
    names, classes = ["a", "b", "c", "d"], ("x", "y", "z")
    rows = issue_rows("train", names, classes, found, np.array([False, False, True, False]))
    assert [(row["image"], row["rank"], row["wrong"]) for row in rows[:2]] == [
        ("c", 1, True),
        ("d", 2, False),
    ]
    assert (rows[0]["given"], rows[0]["suggested"], rows[0]["label"]) == ("z", "x", "x")
    assert {row["action"] for row in rows} == {"keep"}
    assert sum(row["suspect"] for row in rows) == found.estimate.count
    assert {row["wrong"] for row in issue_rows("train", names, classes, found, None)} == {None}
    assert rows[0].keys() == set(LABEL_ISSUES.names)


def test_accuracies_are_those_of_the_returned_networks():
    found = judge([ONE], GIVEN, seen=False)
    said = accuracies([ONE], found)
    assert said.measured == 0.75, "of the first iteration: the last label is lost in the second"
    assert said.without.low <= said.without.value <= said.without.high
    assert said.without.value > said.measured
    both = accuracies([ONE, TWO], judge([ONE, TWO], GIVEN, seen=False))
    assert both.measured == (0.75 + 0.5) / 2


def row(given, suggested, suspect=True, **more):
    usual = {"image": "i", "split": "train", "score": 0.5, "rank": 1, "wrong": None}
    return {**usual, "given": given, "suggested": suggested, "suspect": suspect, **more}


def test_pairs_are_counted_among_suspects():
    rows = [row("a", "b"), row("c", "a"), row("c", "a"), row("c", "b", suspect=False)]
    assert class_pairs(rows) == [("c", "a", 2, 3), ("a", "b", 1, 1)]


HOSTILE = "=x\" onerror='alert(1)'><script>alert(2)</script>.png"


def issues(rows):
    estimates = {"train": judge([ONE], GIVEN, seen=True).estimate}
    return LabelIssues("<b>t</b>", "<i>arm</i>", 2, 9, {"train": rows}, estimates, {})


def test_the_page_shows_text_of_the_users_as_text_and_runs_nothing():
    rows = [row("<u>a", "b", image=HOSTILE, wrong=True), row("a", "b", image="y", wrong=False)]
    found = issues(rows)
    assert pictured(found) == {"train": [HOSTILE, "y"]}
    text = page(found, {("train", HOSTILE): "data:image/png;base64,AAAA"})
    assert "default-src 'none'" in text
    tags = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tags.append((tag, dict(attributes)))
    parser.feed(text)
    assert not {"script", "i", "u"} & {tag for tag, _ in tags}
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]
    assert {about["alt"] for tag, about in tags if tag == "img"} == {HOSTILE}
    assert text.count("data:image/png;base64,AAAA") == 2, "among the worst and in its pair"
    assert '<b class="wrong">wrong</b>' in text
    assert '<b class="right">right</b>' in text


def test_what_is_known_is_told_of_the_first(monkeypatch):
    monkeypatch.setattr("dsd2.analysis.label_page.FIRST", (2, 3, 100))
    rows = [row("a", "b", wrong=wrong) for wrong in (True, True, False, True)]
    said = findings(issues(rows))
    assert any("4 training labels look wrong" in sentence for sentence in said)
    assert (
        "3 training labels are wrong; of the first 2 there are 2, of the first 3 there are 2"
        in (said[-1])
    )
    assert not any("Known" in sentence for sentence in findings(issues([row("a", "b")])))


def test_no_cell_of_the_table_is_a_formula():
    rows = issue_rows(
        "train", [HOSTILE, "+1", "-2", "@a"], ("=a", "b", "c"), judge([ONE], GIVEN, seen=True), None
    )
    cells = list(csv.reader(io.StringIO(as_csv(rows))))
    assert cells[0] == LABEL_ISSUES.names
    texts = [cell for line in cells[1:] for cell in line if not cell.startswith("0")]
    assert not [cell for cell in texts if cell.startswith(("=", "+", "-", "@"))]
    assert f"'{HOSTILE}" in texts
    assert {line[cells[0].index("wrong")] for line in cells[1:]} == {""}
    assert {line[cells[0].index("suspect")] for line in cells[1:]} <= {"true", "false"}


RECIPE = run_recipe(
    noise=NoiseRecipe.of("symmetric", rate=0.3, seed=0, validation="clean"),
    training=training(epochs=1),
)
RUN, WHOLE = paths.run_name(RECIPE), Stopping.of("none")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A chain of three iterations, with its dataset and labels."""
    folder = tmp_path_factory.mktemp("chain")
    dataset = paths.dataset_name(RECIPE.dataset)
    labels = paths.labels_name(RECIPE.dataset, RECIPE.noise)
    files = {
        "dataset": folder / paths.DATASET.format(dataset=dataset),
        "labels": folder / paths.LABELS.format(labels=labels),
    }
    run_dataset(RECIPE.dataset, [], False, files["dataset"])
    run_labels(files["dataset"], RECIPE.dataset, RECIPE.noise, [], files["labels"])
    metrics, previous = [], None
    for i in range(3):
        filled = paths.fill(paths.TRAINED, run=RUN, i=paths.number(i))
        checkpoint, history, metric = (folder / path for path in filled)
        run_iteration(
            RUN,
            i,
            RECIPE,
            IterationFiles(
                **files,
                teacher=None,
                checkpoint=checkpoint,
                metrics=metric,
                history=history,
                previous=previous,
                dense=None,
                table=None,
                resume=folder / "resume",
            ),
            given=Given(1),
            save_every=30,
            started=0.0,
        )
        previous = checkpoint
        metrics.append(metric)
    files["chain"] = folder / paths.CHAIN.format(run=RUN, stop="none", last=2)
    run_collect(RUN, WHOLE, 2, metrics, [], files["chain"])
    return folder, files


def score(files, output, **settings):
    written = ScoringFiles(**files, resume=output.with_suffix(".resume"), output=output)
    run_label_scores(RUN, WHOLE, 2, RECIPE, written, Given(1), **settings)
    return written


def test_a_killed_stage_goes_on_to_the_same_scores(trained, tmp_path, monkeypatch, capsys):
    _, files = trained
    whole = score(files, tmp_path / "whole")
    load = label_scores.load_checkpoint_of

    def killed(path, run, iteration):
        if iteration == 2:
            raise KeyboardInterrupt
        return load(path, run, iteration)

    monkeypatch.setattr(label_scores, "load_checkpoint_of", killed)
    with pytest.raises(KeyboardInterrupt):
        score(files, tmp_path / "again", save_every=-1.0)
    capsys.readouterr()
    monkeypatch.setattr(label_scores, "load_checkpoint_of", load)
    again = score(files, tmp_path / "again")
    assert capsys.readouterr().out == "resuming after iteration 2\niteration 3/3\n"
    assert again.output.read_bytes() == whole.output.read_bytes()
    assert not again.resume.exists()


def test_what_is_left_of_another_chain_is_not_gone_on_from(trained, tmp_path, capsys):
    _, files = trained
    whole = score(files, tmp_path / "whole")
    scores, _ = load_label_scores(whole.output, {})
    save_label_scores(tmp_path / "again.resume", scores, {"run": "other"}, 1)
    capsys.readouterr()
    again = score(files, tmp_path / "again")
    assert "starting anew: " in capsys.readouterr().out
    assert again.output.read_bytes() == whole.output.read_bytes()


def test_tables_and_page_are_written_and_say_whose_they_are(trained, tmp_path):
    _, files = trained
    scores = score(files, tmp_path / "scores").output
    identity = scores_identity(RUN, "none", 2, RECIPE)
    written = IssueFiles(
        dataset=files["dataset"],
        labels=files["labels"],
        images=None,
        parquet=tmp_path / "a.parquet",
        csv=tmp_path / "a.csv",
        page=tmp_path / "a.html",
    )
    chains = [ScoredChain(str(scores), identity)]
    run_label_issues({"study": "s", "listed": "a"}, "T", "A", chains, ["train"], written)
    table = read_table(written.parquet, LABEL_ISSUES, {"study": "s", "listed": "a"})
    rows = table.to_pylist()
    assert [sum(r["split"] == s for r in rows) for s in ("train", "validation", "test")] == [
        100,
        20,
        50,
    ]
    train = rows[:100]
    assert sum(r["wrong"] for r in train) == 30
    assert [r["rank"] for r in train] == list(range(1, 101))
    assert [r["score"] for r in train] == sorted((r["score"] for r in train), reverse=True)
    assert {r["wrong"] for r in rows[100:]} == {None}
    assert "training labels look wrong" in identity_of(table)["findings"][0]
    text = written.page.read_text()
    assert text.count("data:image/png;base64,") >= 100 + 20 + 30
    with pytest.raises(UserError, match="is of study s, but study other belongs here"):
        read_table(written.parquet, LABEL_ISSUES, {"study": "other"})
    others = [dataclasses.replace(chains[0], identity={**identity, "run": "other"})]
    with pytest.raises(UserError, match="scores: is of run"):
        run_label_issues({}, "T", "A", others, [], written)


STUDY = {
    "study": "s",
    "seeds": [0, 1],
    "dataset": {"name": "digits"},
    "model": {"name": "vgg-like", "depth": 1, "width": 2},
    "arms": {
        "a": {"noise": {"kind": "symmetric", "validation": "noisy"}},
        "b": {"show": False, "stopping": {"policy": "entropy"}},
    },
}


def test_which_arms_are_asked_and_what_is_known_of_them():
    study = load_study(STUDY)
    inputs = IssueInputs(Plan(study))
    assert {path.rpartition("/")[2] for path in issue_results(study)} == {
        f"a.{kind}" for kind in ("parquet", "csv", "html")
    }
    assert not {*issue_results(study)} & {*study_results(study)}
    assert inputs.entries("s", "a")["truth"] == ["train", "validation"]
    assert len(inputs.issues("s", "a")["scores"]) == 2
    with pytest.raises(UserError, match="has no b; it may have a"):
        inputs.issues("s", "b")
    named = load_study({**STUDY, "label_issues": {"arms": ["b"], "always": True}})
    assert [path for path in study_results(named) if "label_issues" in path]
    assert IssueInputs(Plan(named)).entries("s", "b")["truth"] == []
    with pytest.raises(UserError, match=r"label_issues\.arms has 'c' but may have the arms a, b"):
        load_study({**STUDY, "label_issues": {"arms": ["c"]}})


def test_an_arm_is_asked_once_where_a_panel_shows_it():
    panels = {"one": {"arms": ["a"]}, "two": {"arms": ["b"]}}
    student = {"distillation": {"teacher": "a", "select": "dense"}}
    study = {**STUDY, "arms": {"a": None, "b": student}, "panels": panels}
    assert list(listed_arms(load_study(study))) == ["one.a", "two.b"]
    assert list(listed_arms(load_study({**study, "label_issues": {"arms": ["a"]}}))) == ["one.a"]


def test_a_gated_chain_grows_with_its_gates():
    named = load_study({**STUDY, "label_issues": {"arms": ["b"]}})
    plan = Plan(named)
    (run,) = {c.run for c in plan.chains(named) if (c.arm.name, c.seed) == ("b", 0)}
    stop, last = named.arms["all", "b"].stopping.slug, named.arms["all", "b"].last
    inputs = IssueInputs(plan).scores(run, stop, last)
    assert {name for name in inputs if name.startswith(("checkpoint", "gate"))} == {
        "checkpoint_00",
        "gate_00",
    }, "no gate has let it go on"


def test_the_terminal_tells_what_was_found(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert outcome(load_study(STUDY)) == []
    _, files = trained
    place = {
        name: tmp_path / paths.LABEL_ISSUES.format(study="s", listed="a", format=name)
        for name in ("parquet", "csv", "html")
    }
    scores = score(files, tmp_path / "scores").output
    run_label_issues(
        {"study": "s", "listed": "a"},
        "T",
        "A",
        [ScoredChain(str(scores), {})],
        [],
        IssueFiles(files["dataset"], files["labels"], None, *place.values()),
    )
    heading, first, *_ = outcome(load_study(STUDY))
    assert heading == "What looks wrong to the networks of a:"
    assert first.startswith("  About ")
