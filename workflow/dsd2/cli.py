"""The command line: each verb is one stage. Heavy imports wait until their verb is called."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import TypeVar

from dsd2 import paths
from dsd2.command_line import parser
from dsd2.devices import Given
from dsd2.errors import UserError, out_of_memory
from dsd2.fork_server import leave_server
from dsd2.processes import (
    Stopped,
    die_with_parent,
    die_with_workflow,
    importing,
    out_of_memory_sentence,
)
from dsd2.recipe import DatasetRecipe, NoiseRecipe, RunRecipe, from_json

WITH_TORCH = ("train", "evaluate", "teacher-logits", "label-scores")
"""Verbs whose imports take seconds, and are worth to be kept for the next stage."""


def main(arguments: Sequence[str], started: float) -> int:
    """Run a verb; returns the exit status: 128 and the signal's number where one ended it.

    Args:
        arguments: without the program's name.
        started: when the process started, as ``time.time()`` counts.
    """
    options = parser(__doc__).parse_args(arguments)
    if options.die_with_parent:
        die_with_parent()
    die_with_workflow()
    try:
        with importing():
            stage = _stage(options, started)
        if options.verb in WITH_TORCH:
            leave_server(main)
        stage()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except Stopped as stopped:
        print(f"error: {stopped}", file=sys.stderr)
        return 128 + stopped.signal
    except Exception as error:
        if not out_of_memory(error):
            raise
        print(f"error: {_too_little_memory(options.verb, error)}", file=sys.stderr)
        return 1
    return 0


def _too_little_memory(verb: str, error: BaseException) -> str:
    """What the stage held and asked for, and what to lower."""
    lower = {
        "train": "training.batch_size, dataset.image_size or the model, or stream the images"
        " (dataset.stream: true)",
        "teacher-logits": "the use of cached logits (distillation.cache_logits: false)",
    }.get(verb, "dataset.image_size or dataset.train, or stream the images (dataset.stream: true)")
    return f"{out_of_memory_sentence(verb, error)}, or lower {lower}"


Files = TypeVar("Files")


def _stage(options: argparse.Namespace, started: float) -> Callable[[], None]:
    """A verb's stage with what it works on; what it needs is imported here."""
    match options.verb:
        case "dataset":
            from dsd2.data.manifest import located
            from dsd2.environment import data_roots, may_download
            from dsd2.stages.prepare import run_dataset

            recipe = located(from_json(DatasetRecipe, options.recipe))
            return lambda: run_dataset(
                recipe, data_roots(), may_download(), options.output, options.images
            )
        case "data-report":
            from dsd2.data.manifest import located
            from dsd2.environment import data_roots
            from dsd2.stages.data_report import ReportFiles, run_data_report

            recipe = located(from_json(DatasetRecipe, options.recipe))
            files = _files_of(ReportFiles, options)
            return lambda: run_data_report(
                recipe, data_roots(), json.loads(options.chosen), options.threads, files
            )
        case "labels":
            from dsd2.data.manifest import located
            from dsd2.environment import data_roots
            from dsd2.stages.prepare import run_labels

            recipe = from_json(DatasetRecipe, options.recipe)
            noise = located(from_json(NoiseRecipe, options.noise))
            if noise.corrections is not None:
                noise = replace(noise, corrections=located(noise.corrections))
            return lambda: run_labels(
                options.dataset,
                recipe,
                noise,
                data_roots(),
                options.output,
                options.images,
                options.scores,
            )
        case "train":
            if options.choice is not None:
                raise UserError(
                    f"{paths.RUN.format(run=options.run)}: is a run's name before its teacher was"
                    " selected; now that it is, `snakemake -n` lists the run under its own name"
                )
            from dsd2.stages.train import IterationFiles, run_iteration

            return lambda: run_iteration(
                options.run,
                options.iteration,
                from_json(RunRecipe, options.recipe),
                _files_of(IterationFiles, options),
                Given(options.threads, options.gpus),
                options.save_every,
                started,
            )
        case "evaluate":
            from dsd2.stages.evaluate import EvaluationFiles, run_evaluate

            return lambda: run_evaluate(
                options.run,
                options.iteration,
                from_json(RunRecipe, options.recipe),
                _files_of(EvaluationFiles, options),
                Given(options.threads, options.gpus),
                started,
            )
        case "teacher-logits":
            from dsd2.stages.teacher_logits import run_teacher_logits

            return lambda: run_teacher_logits(
                options.run,
                options.iteration,
                from_json(DatasetRecipe, options.recipe),
                options.dataset,
                options.checkpoint,
                Given(options.threads, options.gpus),
                options.output,
            )
        case "gate":
            from dsd2.stages.gating import run_gate
            from dsd2.stopping import Stopping

            policy = from_json(Stopping, options.policy)
            return lambda: run_gate(
                options.run,
                options.iteration,
                options.metrics,
                options.previous,
                policy,
                options.output,
            )
        case "collect":
            from dsd2.stages.gating import run_collect
            from dsd2.stopping import Stopping

            policy = from_json(Stopping, options.policy)
            return lambda: run_collect(
                options.run, policy, options.last, options.metrics, options.gates, options.output
            )
        case "select":
            from dsd2.stages.select_teacher import run_select
            from dsd2.stopping import Stopping

            policy = from_json(Stopping, options.policy)
            return lambda: run_select(
                options.run, policy, options.last, options.chain, options.output
            )
        case "label-scores":
            from dsd2.stages.label_scores import ScoringFiles, run_label_scores
            from dsd2.stopping import Stopping

            return lambda: run_label_scores(
                options.run,
                from_json(Stopping, options.policy),
                options.last,
                from_json(RunRecipe, options.recipe),
                _files_of(ScoringFiles, options),
                Given(options.threads, options.gpus),
            )
        case "plan":
            from dsd2.environment import data_roots
            from dsd2.stages.estimate import run_plan

            return lambda: run_plan(options.runs, data_roots(), options.cores)
    raise AssertionError(f"no stage for {options.verb}")


def _files_of(kind: type[Files], options: argparse.Namespace) -> Files:
    """The files of a stage: a dataclass whose fields are called as the options that name them."""
    values = vars(options)
    return kind(**{field.name: values[field.name] for field in fields(kind)})  # type: ignore[arg-type]
