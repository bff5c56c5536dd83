"""The options of each verb of the command line."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser(about: str | None) -> argparse.ArgumentParser:
    """What parses the command line.

    Args:
        about: what `--help` says of the program.
    """
    made = argparse.ArgumentParser(prog="python -m dsd2", description=about)
    made.add_argument(
        "--die-with-parent",
        action="store_true",
        help="be killed by the kernel when the process that started this one dies",
    )
    verbs = made.add_subparsers(dest="verb", required=True)

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=text, description=text)

    dataset = verb("dataset", "read, decode and split a dataset")
    _files(dataset, "output")
    dataset.add_argument("--recipe", required=True, help="dataset recipe as JSON")
    _files(dataset, "images", required=False)

    report = verb("data-report", "look at all of a user's images before anything is trained")
    report.add_argument("--recipe", required=True, help="dataset recipe as JSON")
    report.add_argument("--chosen", default="[]", help="sentences on what studies do, as JSON")
    _threads(report)
    _files(report, "output", "text", "page", "undecodable")

    labels = verb("labels", "draw the noisy labels of a dataset")
    _files(labels, "dataset", "output")
    _files(labels, "images", "scores", required=False)
    labels.add_argument("--recipe", required=True, help="dataset recipe as JSON")
    labels.add_argument("--noise", required=True, help="noise recipe as JSON")

    train = verb("train", "prune, perturb, retrain and measure: one iteration of a run")
    train.add_argument("--recipe", required=True, help="run recipe as JSON")
    _iteration(train)
    _threads(train)
    _gpus(train)
    train.add_argument(
        "--save-every",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="between saves of the state that a killed training resumes from (default 30)",
    )
    _files(train, "dataset", "labels", "resume", "checkpoint", "metrics", "history")
    _files(train, "previous", "dense", "teacher", "table", "choice", required=False)

    evaluate = verb("evaluate", "measure an iteration again from its checkpoint")
    evaluate.add_argument("--recipe", required=True, help="run recipe as JSON")
    _iteration(evaluate)
    _threads(evaluate)
    _gpus(evaluate)
    _files(evaluate, "dataset", "labels", "checkpoint", "history", "metrics")
    _files(evaluate, "teacher", required=False)

    logits = verb("teacher-logits", "compute a teacher's logits for every view of every image")
    _iteration(logits)
    _threads(logits)
    _gpus(logits)
    logits.add_argument("--recipe", required=True, help="dataset recipe as JSON")
    _files(logits, "dataset", "checkpoint", "output")

    gate = verb("gate", "decide whether a chain goes on after an iteration")
    _iteration(gate)
    _files(gate, "metrics", "output")
    _files(gate, "previous", required=False)
    _policy(gate)

    collect = verb("collect", "collect the metrics of a chain up to its stop")
    _chain(collect)
    collect.add_argument("--metrics", type=Path, nargs="+", required=True, help="in order")
    collect.add_argument("--gates", type=Path, nargs="*", default=[], help="in order")
    _files(collect, "output")

    select = verb("select", "choose a chain's best iteration as a teacher")
    _chain(select)
    _files(select, "chain", "output")

    plan = verb("plan", "estimate what runs would take, by a few training steps on this machine")
    _files(plan, "runs")
    plan.add_argument("--cores", type=int, default=1, help="trainings side by side (default 1)")

    scores = verb("label-scores", "have a chain's networks judge the label of every image")
    _chain(scores)
    _threads(scores)
    _gpus(scores)
    scores.add_argument("--recipe", required=True, help="run recipe as JSON")
    _files(scores, "dataset", "labels", "chain", "resume", "output")
    return made


def _run_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", required=True, help="name of the run")


def _iteration(parser: argparse.ArgumentParser) -> None:
    _run_name(parser)
    parser.add_argument("--iteration", type=int, required=True, help="0 is the dense network")


def _threads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")


def _gpus(parser: argparse.ArgumentParser) -> None:
    text = "0: work on the CPU (default: on a GPU where there is one)"
    parser.add_argument("--gpus", type=int, help=text)


def _policy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--policy", required=True, help="stopping policy as JSON")


def _chain(parser: argparse.ArgumentParser) -> None:
    _run_name(parser)
    _policy(parser)
    parser.add_argument(
        "--last", type=int, required=True, help="last iteration before the target sparsity"
    )


def _files(parser: argparse.ArgumentParser, *names: str, required: bool = True) -> None:
    for name in names:
        parser.add_argument(f"--{name}", type=Path, required=required, help="a file")
