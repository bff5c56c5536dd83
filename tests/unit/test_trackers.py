"""A study's metrics as other programs' files; the programs are pretended."""

import json
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import track
from rows import row_of

from dsd2.errors import UserError
from dsd2.files.records import STUDY, write_table
from dsd2.trackers import registered
from dsd2.trackers.registered import TRACKERS, TrackedRun, check_installed
from dsd2.trackers.runs import tracked_runs

RUNS = [
    TrackedRun(
        "vanilla seed 0", {"noise.kind": "none"}, {0: {"entropy": 0.5}, 1: {"entropy": 0.25}}
    ),
    TrackedRun("vanilla seed 1", {}, {0: {"entropy": 0.75}}),
]


def pretend(monkeypatch, name, **members):
    """Have a library that holds some members, whether it is installed or not."""
    for part in [name, *(name[:i] for i, letter in enumerate(name) if letter == ".")]:
        if part not in sys.modules or part == name:
            monkeypatch.setitem(sys.modules, part, ModuleType(part))
    vars(sys.modules[name]).update(members)


class Writer:
    """TensorBoard's: a file in a folder of its own, with a line for each thing that is added."""

    def __init__(self, folder):
        Path(folder).mkdir()
        self.file = (Path(folder) / "events").open("w")

    def add_text(self, *about):
        print(*about, file=self.file)

    add_scalar = add_text

    def close(self):
        self.file.close()


def test_tensorboard_gets_a_folder_of_events_for_each_run(monkeypatch, tmp_path):
    pretend(monkeypatch, "torch.utils.tensorboard", SummaryWriter=Writer)
    TRACKERS["tensorboard"]().write("tiny", RUNS, tmp_path)
    first, second = ((tmp_path / f"vanilla-seed-{i}/events").read_text() for i in (0, 1))
    assert first == "settings     noise.kind: none\nentropy 0.5 0\nentropy 0.25 1\n"
    assert second.endswith("entropy 0.75 0\n")


def test_mlflow_gets_an_experiment_with_a_run_for_each(monkeypatch, tmp_path):
    calls = []

    class Client:
        def __init__(self, tracking_uri):
            calls.append(tracking_uri)

        def create_experiment(self, name):
            return f"experiment {name}"

        def create_run(self, experiment, run_name):
            calls.append((experiment, run_name))
            return SimpleNamespace(info=SimpleNamespace(run_id=f"id {run_name}"))

        def log_batch(self, run, params=(), metrics=()):
            calls.append((run, [*params], [(m[0], m[1], m[3]) for m in metrics]))

        def set_terminated(self, run):
            calls.append(f"{run} ended")

    pretend(monkeypatch, "mlflow.tracking", MlflowClient=Client)
    pretend(monkeypatch, "mlflow.entities", Metric=lambda *m: m, Param=lambda *p: p)
    TRACKERS["mlflow"]().write("tiny", RUNS[:1], tmp_path)
    run = "id vanilla seed 0"
    assert calls == [
        f"sqlite:///{tmp_path}/mlflow.db",
        ("experiment tiny", "vanilla seed 0"),
        (run, [("noise.kind", "none")], []),
        (run, [], [("entropy", 0.5, 0)]),
        (run, [], [("entropy", 0.25, 1)]),
        f"{run} ended",
    ]


def test_weights_and_biases_gets_runs_and_sends_none(monkeypatch, tmp_path):
    calls = []

    def init(**about):
        calls.append(about)
        return SimpleNamespace(
            log=lambda metrics, step: calls.append((step, metrics)),
            finish=lambda: calls.append("finished"),
        )

    pretend(monkeypatch, "wandb", init=init)
    TRACKERS["wandb"]().write("tiny", RUNS[:1], tmp_path)
    first, *others = calls
    settings = {"project": "tiny", "name": "vanilla seed 0", "config": {"noise.kind": "none"}}
    assert first == {"mode": "offline", "dir": str(tmp_path), **settings}
    assert others == [(0, {"entropy": 0.5}), (1, {"entropy": 0.25}), "finished"]


def test_runs_have_their_arms_settings_and_every_number_that_was_measured():
    about = {"arm": "vanilla", "run": "x", "test_accuracy": None}
    rows = [
        {"panel": "a", "seed": 0, "iteration": 0, **about, "entropy": 0.5, "returned": True},
        {"panel": "a", "seed": 0, "iteration": 1, **about, "entropy": 0.25, "returned": False},
        {"panel": "b", "seed": 0, "iteration": 0, **about, "entropy": 1, "returned": True},
    ]
    settings = [{"panel": p, "name": "vanilla", "settings": {"noise.rate": 0.1}} for p in "ab"]
    first, second = tracked_runs(rows, settings)
    measured = {0: {"entropy": 0.5, "returned": 1.0}, 1: {"entropy": 0.25, "returned": 0.0}}
    assert first == TrackedRun("a vanilla seed 0", {"noise.rate": "0.1"}, measured)
    assert second.name == "b vanilla seed 0"
    (alone,) = tracked_runs(rows[:2], settings[:1])
    assert alone.name == "vanilla seed 0"


def test_the_script_writes_a_folder_that_is_whole(monkeypatch, tmp_path):
    pretend(monkeypatch, "torch.utils.tensorboard", SummaryWriter=Writer)
    table, folder = tmp_path / "metrics.parquet", tmp_path / "trackers/tensorboard"
    row = row_of(STUDY, panel="all", arm="vanilla", seed=3, iteration=0, run="r")
    write_table(table, STUDY, [row], {"study": "tiny"})
    settings = [{"panel": "all", "name": "vanilla", "settings": {}}]
    smk = SimpleNamespace(
        input=[str(table)],
        output=[str(folder)],
        wildcards=SimpleNamespace(study="tiny", tracker="tensorboard"),
        params=SimpleNamespace(study=json.dumps({"settings": settings})),
    )
    for _ in range(2):
        track.main(smk)
        events = (folder / "vanilla-seed-3/events").read_text()
        assert "test_accuracy 0.5 0\n" in events
        assert [*folder.parent.iterdir()] == [folder]


def test_a_tracker_whose_package_is_missing_is_named_before_anything_is_run(monkeypatch):
    here = {"tensorboard": ModuleSpec("tensorboard", None)}
    monkeypatch.setattr(registered.importlib.util, "find_spec", here.get)
    check_installed(["tensorboard"])
    with pytest.raises(UserError, match="config key trackers has wandb, which needs the package"):
        check_installed(["tensorboard", "wandb"])


def test_none_of_them_is_imported_to_be_known():
    assert [*TRACKERS] == ["mlflow", "tensorboard", "wandb"]
    assert not {"mlflow", "wandb", "tensorboard"} & sys.modules.keys()
