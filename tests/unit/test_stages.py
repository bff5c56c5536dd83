"""The light stages and the command line, by the files that they leave."""

import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from one_stage import environment, finish, make_data, train_command
from rows import row_of

from dsd2.cli import main
from dsd2.errors import UserError
from dsd2.files.decision import (
    GATE,
    chain_identity,
    gate_identity,
    read_decision,
    write_decision,
)
from dsd2.files.records import CHAIN, HISTORY, METRICS, read_rows, write_table
from dsd2.recipe import to_json
from dsd2.stages.gating import run_collect, run_gate
from dsd2.stages.select_teacher import run_select
from dsd2.stages.study_metrics import Entry, read_study, run_study
from dsd2.stopping import Stopping

CHAIN_RUN = "x"
POLICY = Stopping.of("entropy", entropy_threshold=0.8, accuracy_threshold=0.9)
WHOLE = Stopping.of("none")


@pytest.fixture
def chain_files(tmp_path):
    """Metrics of a chain with a dip, and the gates of the entropy policy on it."""
    entropies = [1.0, 1.0, 0.9, 0.5, 0.4]
    accuracies = [0.8, 0.6, 0.85, 0.9, 0.3]
    metrics, gates = [], []
    for i, (entropy, accuracy) in enumerate(zip(entropies, accuracies, strict=True)):
        metrics.append(tmp_path / f"metrics-{i}.parquet")
        row = row_of(
            METRICS, iteration=i, entropy=entropy, validation_accuracy=accuracy, sparsity=1 - 0.5**i
        )
        write_table(metrics[-1], METRICS, [row])
        gates.append(tmp_path / f"gate-{i}.json")
        run_gate(CHAIN_RUN, i, metrics[-1], gates[-2] if i else None, POLICY, gates[-1])
    return metrics, gates


def test_gates_on_files(chain_files):
    _, gates = chain_files
    assert [json.loads(gate.read_text())["stop"] for gate in gates] == [False] * 4 + [True]


def test_collecting_cuts_at_the_first_stop_and_marks_the_best(chain_files, tmp_path):
    metrics, gates = chain_files
    early = read_decision(gates[2], GATE, gate_identity(CHAIN_RUN, POLICY.slug, 2))
    write_decision(gates[2], GATE, {**early, "stop": True, "reason": "said so"})
    run_collect(CHAIN_RUN, POLICY, 9, metrics, gates, tmp_path / "chain.parquet")
    rows = read_rows(tmp_path / "chain.parquet", CHAIN)
    assert [row["iteration"] for row in rows] == [0, 1, 2]
    assert [row["returned"] for row in rows] == [False, False, True]
    assert rows[0]["stop_reason"] == "said so"


def test_collecting_without_gates_takes_all_and_refuses_gaps(chain_files, tmp_path):
    metrics, _ = chain_files
    run_collect(CHAIN_RUN, WHOLE, 4, metrics, [], tmp_path / "chain.parquet")
    rows = read_rows(tmp_path / "chain.parquet", CHAIN)
    assert len(rows) == 5
    assert rows[0]["stop_reason"] == "reached the target sparsity"
    with pytest.raises(UserError, match=r"metrics-2.parquet: is of iteration 2, but iteration 1"):
        run_collect(CHAIN_RUN, WHOLE, 1, [metrics[0], metrics[2]], [], tmp_path / "gap.parquet")
    with pytest.raises(UserError, match="no gate stops the chain, and iteration 9 is missing"):
        run_collect(CHAIN_RUN, WHOLE, 9, metrics, [], tmp_path / "short.parquet")


def test_the_best_by_validation_accuracy_teaches(chain_files, tmp_path):
    metrics, _ = chain_files
    run_collect(CHAIN_RUN, WHOLE, 4, metrics, [], tmp_path / "chain.parquet")
    run_select(CHAIN_RUN, WHOLE, 4, tmp_path / "chain.parquet", tmp_path / "choice.json")
    choice = json.loads((tmp_path / "choice.json").read_text())
    assert choice["iteration"] == 3
    assert choice["validation_accuracy"] == 0.9


def test_files_of_something_else_are_refused_by_decisions(chain_files, tmp_path):
    metrics, gates = chain_files
    output, lax = tmp_path / "output", Stopping.of("accuracy")
    run_collect(CHAIN_RUN, WHOLE, 4, metrics, [], tmp_path / "chain.parquet")

    def refused(words, stage, *arguments):
        with pytest.raises(UserError, match=words):
            stage(*arguments, output)

    refused("metrics-3.* iteration 3, but iter", run_gate, "x", 1, metrics[3], gates[0], POLICY)
    refused("gate-1.* iteration 1, but iter", run_gate, "x", 1, metrics[1], gates[1], POLICY)
    refused("gate-0.* policy .*, but policy", run_gate, "x", 1, metrics[1], gates[0], lax)
    refused("metrics-0.* run x, but run y", run_gate, "y", 0, metrics[0], None, POLICY)
    refused("gate of iteration 0 must be given", run_gate, "x", 1, metrics[1], None, POLICY)
    refused("gate-0.* policy", run_collect, "x", lax, 4, metrics, gates)
    swapped = [*gates[:2], gates[3], gates[2], gates[4]]
    refused("gate-3.* iteration 3, but", run_collect, "x", POLICY, 4, metrics, swapped)
    chain = tmp_path / "chain.parquet"
    refused("chain.* run x, but run y", run_select, "y", WHOLE, 4, chain)
    refused("chain.* policy none, but", run_select, "x", POLICY, 4, chain)
    refused("chain.* last 4, but last 5", run_select, "x", WHOLE, 5, chain)
    assert not output.exists()


def test_what_judges_labels_and_teaches_is_counted_once(tmp_path):
    entries = []
    # The corrected teacher and its pupil have one judge, which has a teacher itself.
    for arm, length, teacher, judge in (
        ("vanilla", 3, None, None),
        ("judge", 2, "vanilla", None),
        ("corrected", 2, None, "judge"),
        ("pupil", 1, "corrected", "judge"),
    ):
        path = tmp_path / f"{arm}.parquet"
        rows = [row_of(CHAIN, iteration=i, flops_dense=10.0 + i) for i in range(length)]
        names = {"run": arm, "stopping": "none", "last": length - 1}
        write_table(path, CHAIN, rows, chain_identity(*names.values()))
        names |= {"panel": "all", "arm": arm, "seed": 0, "path": str(path)}
        entries.append(Entry(**names, teacher=teacher, select="best", judge=judge))
    run_study("mine", entries, tmp_path / "study.parquet")
    last = read_study(tmp_path / "study.parquet", "mine").groupby("arm").last()
    assert last["teacher_flops_dense"].to_dict() == {
        "vanilla": 0.0,
        "judge": 33.0,
        "corrected": 54.0,
        "pupil": 75.0,
    }


def test_a_studys_costs_add_up_through_teachers(tmp_path):
    entries = []
    for arm, length, teacher, select in (
        ("teacher", 3, None, None),
        ("dense", 2, "teacher", "dense"),
        ("best", 2, "teacher", "best"),
        ("second", 1, "teacher", 1),
        ("pupil", 1, "best", "dense"),
    ):
        path = tmp_path / f"{arm}.parquet"
        rows = [
            row_of(CHAIN, iteration=i, flops_paper=10.0 + i, returned=i == 0) for i in range(length)
        ]
        names = {"run": arm, "stopping": "none", "last": length - 1}
        write_table(path, CHAIN, rows, chain_identity(*names.values()))
        names |= {"panel": "all", "arm": arm, "seed": 0}
        entries.append(Entry(**names, path=str(path), teacher=teacher, select=select))
    run_study("mine", entries, tmp_path / "study.parquet")
    study = read_study(tmp_path / "study.parquet", "mine")
    with pytest.raises(UserError, match="is of study mine, but study other belongs here"):
        read_study(tmp_path / "study.parquet", "other")
    others = [dataclasses.replace(entries[0], path=entries[1].path)]
    with pytest.raises(UserError, match=r"dense\.parquet: is of run dense, but run teacher"):
        run_study("mine", others, tmp_path / "study.parquet")
    last = study.groupby("arm").last()
    assert last["total_flops_paper"].to_dict() == {
        "teacher": 33.0,
        "dense": 21.0,
        "best": 21.0,
        "second": 10.0,
        "pupil": 10.0,
    }
    assert last["teacher_flops_paper"].to_dict() == {
        "teacher": 0.0,
        "dense": 10.0,
        "best": 33.0,
        "second": 21.0,
        "pupil": 10.0 + 33.0,
    }


def test_a_users_mistake_is_one_line_and_a_status(tmp_path, capsys):
    names = ["--run", "x", "--policy", to_json(WHOLE), "--last", "4"]
    files = ["--chain", str(tmp_path / "absent"), "--output", str(tmp_path / "out")]
    arguments = ["select", *names, *files]
    assert main(arguments, 0.0) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'absent'}: ")


@pytest.mark.process
def test_light_stages_import_neither_torch_nor_pandas(chain_files, tmp_path):
    metrics, gates = chain_files
    policy = to_json(POLICY)
    program = (
        "import sys, dsd2.cli\n"
        f"dsd2.cli.main(['gate', '--run', {CHAIN_RUN!r}, '--policy', {policy!r},"
        f" '--iteration', '1', '--metrics', {str(metrics[1])!r},"
        f" '--previous', {str(gates[0])!r}, '--output', {str(tmp_path / 'g.json')!r}], 0)\n"
        "heavy = {'torch', 'torchvision', 'pandas', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", program], env=environment(), check=True)


@pytest.mark.process
def test_a_training_stage_does_not_import_what_costs_seconds():
    program = (
        "import sys, dsd2.stages.train, dsd2.seeds as r\n"
        "r.be_deterministic()\n"
        "heavy = {'torchvision', 'pandas', 'matplotlib', 'scipy', 'sklearn', 'torch._dynamo',"
        " 'torch._inductor', 'pyarrow.dataset'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", program], env=environment(), check=True)


@pytest.mark.process
def test_a_killed_training_resumes_and_ends_with_the_same_bytes(tmp_path):
    make_data(tmp_path)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert finish(whole).returncode == 0

    for epoch in ("epoch 4/", "epoch 12/"):
        command = train_command(killed, "--save-every", "0")
        with subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, text=True
        ) as process:
            assert any(line.startswith(epoch) for line in process.stdout)
            process.kill()
        assert (killed / "resume").exists()
        assert not (killed / "checkpoint").exists()
    last = finish(killed)
    assert last.returncode == 0
    assert last.stdout.startswith("resuming after epoch 1")
    assert (killed / "checkpoint").read_bytes() == (whole / "checkpoint").read_bytes()
    assert not (killed / "resume").exists()
    rows = [read_rows(folder / "history", HISTORY) for folder in (whole, killed)]
    losses = [[row["train_loss"] for row in history] for history in rows]
    assert losses[0] == losses[1]


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child")
def test_a_stage_dies_with_the_process_that_started_it(tmp_path):
    child = (
        "import os, sys, time; from dsd2.cli import die_with_parent; die_with_parent();"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    )
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    process = subprocess.Popen([sys.executable, "-c", parent], env=environment())
    try:
        pid = _wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert _wait_for(lambda: not _alive(int(pid)))
    finally:
        process.kill()


def _wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return value


def _alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
