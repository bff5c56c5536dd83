"""The tables of the workflow: one schema each, checked on write and on read.

Every column carries its unit and meaning in the Parquet schema's metadata, and the schema carries
a checksum of the rows: Parquet's own leave its headers unprotected.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dsd2.errors import DELETE, UserError, remake
from dsd2.files.added_columns import ADDED
from dsd2.files.atomic import replacing
from dsd2.files.columns import column, is_whole, table_of_rows, with_checksum, with_later_columns
from dsd2.files.identity import Identity, check_identity
from dsd2.files.reading import check_file, not_read

_IDENTITY = b"identity"

_TEXT, _INT, _REAL = pa.string(), pa.int64(), pa.float64()
_TEXTS, _INTS, _REALS = (pa.list_(kind) for kind in (_TEXT, _INT, _REAL))

_HELD_OUT = "held_out_accuracy"
HISTORY = pa.schema(
    [
        column("run", _TEXT, "", "name of the run"),
        column("iteration", _INT, "", "pruning rounds so far; 0 is the dense network"),
        column("epoch", _INT, "", "epochs done, from 1"),
        column("learning_rate", _REAL, "", "of the epoch"),
        column("train_loss", _REAL, "nats", "mean over images of what is minimised, without ℓ1"),
        column("train_accuracy", _REAL, "1", "likewise, against the given labels"),
        column(_HELD_OUT, _REAL, "1", "validation accuracy, where it chooses", optional=True),
        column("seconds", _REAL, "s", "wall time of the epoch"),
    ]
)

MAY_BE_NAN = ("entropy", "entropy_channel")
"""Columns of numbers that a network may not have: NaN where it has no ReLU layer."""

PEAK_GPU = "peak_gpu_memory"
LATER = frozenset({PEAK_GPU, *(column.name for column in ADDED)})
"""Columns that earlier versions did not write: a file that lacks them is read with nulls there."""

METRICS = pa.schema(
    [
        column("run", _TEXT, "", "name of the run"),
        column("iteration", _INT, "", "pruning rounds so far; 0 is the dense network"),
        column("seed", _INT, "", "training seed"),
        column("scheduled_sparsity", _REAL, "1", "ζ that the rounds aim at: 1 − (1 − f)^k"),
        column("sparsity", _REAL, "1", "ζ: fraction of prunable weights that are zero"),
        column("parameters", _INT, "", "parameters of the network, dense"),
        column("prunable", _INT, "", "prunable weights among them"),
        column("train_accuracy", _REAL, "1", "eval mode, unaugmented, given labels"),
        column("train_loss", _REAL, "nats", "cross-entropy, likewise"),
        column("train_accuracy_clean", _REAL, "1", "likewise, against the dataset's own labels"),
        column(
            "memorised",
            _REAL,
            "1",
            "share of the images with a changed label that are given it",
            optional=True,
        ),
        column("validation_accuracy", _REAL, "1", "what gates and selection look at"),
        column(
            "validation_loss",
            _REAL,
            "nats",
            "mean negative log-likelihood, likewise",
        ),
        column("test_accuracy", _REAL, "1", "reported, never used"),
        column("test_loss", _REAL, "nats", "mean negative log-likelihood (cross-entropy)"),
        *ADDED,
        column("entropy", _REAL, "bits", "eq. 1, mean over layers; a neuron is a position"),
        column("entropy_channel", _REAL, "bits", "the same; a neuron is a channel"),
        column("layers", _TEXTS, "", "names of the prunable weights"),
        column("layer_density", _REALS, "1", "living fraction of each of `layers`"),
        column("states", _TEXTS, "", "names of the ReLU layers"),
        column("state_entropy", _REALS, "bits", "eq. 1 of each of `states`"),
        column("state_entropy_channel", _REALS, "bits", "the same per channel"),
        column("dead_layers", _INT, "", "prunable layers with no living weight"),
        column(
            "noise_rate", _REAL, "1", "realised: training labels that are not the dataset's own"
        ),
        column("train_images", _INT, "", "training images"),
        column("epochs", _INT, "", "trained in this iteration; evaluated is after the last alone"),
        column("flops_paper", _REAL, "MAC", "cost of this training as the paper counts"),
        column("flops_dense", _REAL, "MAC", "with the teacher's forward passes, dense"),
        column("flops_sparse", _REAL, "MAC", "the same, times density"),
        column("teacher_run", _TEXT, "", "run of the teacher", optional=True),
        column("teacher_iteration", _INT, "", "iteration of the teacher", optional=True),
        column("seconds_training", _REAL, "s", "wall time inside the training loop"),
        column("seconds", _REAL, "s", "wall time of the stage from process start"),
        column("peak_memory", _INT, "byte", "largest resident size of the stage"),
        column(
            PEAK_GPU, _INT, "byte", "of its GPU, largest part held; empty on a CPU", optional=True
        ),
        column("device", _TEXT, "", "what it ran on"),
        column("threads", _INT, "", "CPU threads of the stage"),
        column("torch", _TEXT, "", "version of torch"),
        column("origin", _TEXT, "", "what the images were read from"),
    ]
)

CHAIN = pa.schema(
    [
        *METRICS,
        column("returned", pa.bool_(), "", "best by validation accuracy: what the run returns"),
        column("stop_reason", _TEXT, "", "why the last row is the last"),
    ]
)

STUDY = pa.schema(
    [
        column("panel", _TEXT, "", "panel of the study's figure"),
        column("arm", _TEXT, "", "curve of the panel"),
        column("stopping", _TEXT, "", "stopping policy of the arm"),
        *CHAIN,
        column("total_flops_paper", _REAL, "MAC", "of the run so far"),
        column("total_flops_dense", _REAL, "MAC", "of the run so far"),
        column("total_flops_sparse", _REAL, "MAC", "of the run so far"),
        column("teacher_flops_paper", _REAL, "MAC", "of trainings of a teacher or judge"),
        column("teacher_flops_dense", _REAL, "MAC", "of trainings of a teacher or judge"),
        column("teacher_flops_sparse", _REAL, "MAC", "of trainings of a teacher or judge"),
    ]
)

NETWORKS = pa.schema(
    [
        column("panel", _TEXT, "", "panel of the study's figure"),
        column("arm", _TEXT, "", "curve of the panel"),
        column("seed", _INT, "", "training seed"),
        column("run", _TEXT, "", "name of the run"),
        column("iteration", _INT, "", "pruning rounds so far; 0 is the dense network"),
        column("sparsity", _REAL, "1", "ζ: fraction of prunable weights that are zero"),
        column("validation_accuracy", _REAL, "1", "of the trained network"),
        column("test_accuracy", _REAL, "1", "of the trained network"),
        column("exports", _TEXTS, "", "names of the exports that are this network"),
        column("parts", _TEXTS, "", "parts of the compression, one after another; dense first"),
        column("part_parameters", _REALS, "", "parameters after each of `parts`"),
        column("part_macs", _REALS, "MAC", "multiply-accumulates an image after each of `parts`"),
        column("part_bytes", _REALS, "byte", "of the tensors in their smallest forms, likewise"),
        column("nonzero", _INT, "", "parameters of the compressed network that are not zero"),
        column("nonzero_macs", _INT, "MAC", "multiply-accumulates with those; no runtime's"),
        column("dense_bytes", _INT, "byte", "of the dense network's parameters in fp32"),
        column("file_bytes", _INT, "byte", "of the compressed network's file"),
        column("onnx_bytes", _INT, "byte", "of its ONNX file"),
    ]
)

LATENCIES = pa.schema(
    [
        column("run", _TEXT, "", "name of the run"),
        column("iteration", _INT, "", "pruning rounds so far; 0 is the dense network"),
        column("form", _TEXT, "", "trained (with its zeros) or compressed"),
        column("runtime", _TEXT, "", "torch or onnxruntime"),
        column("batch", _INT, "", "images a call"),
        column("median", _REAL, "s", "of a call, on one core, in the least disturbed round"),
        column("low", _REAL, "s", "lower quartile over calls"),
        column("high", _REAL, "s", "upper quartile over calls"),
        column("calls", _INT, "", "that were measured"),
        column("processor", _TEXT, "", "what it ran on"),
    ]
)

LABELS = pa.schema(
    [
        column("split", _TEXT, "", "train or validation"),
        column("source_row", _INT, "", "position of the image in the source's training set"),
        column("clean_label", _INT, "", "label as it came"),
        column("label", _INT, "", "label as it is used; -1 of what corrections drop"),
    ]
)

IMAGES = pa.schema(
    [
        column("file", _TEXT, "", "path in the folder; of an image in a table, # and its row"),
        column("given_split", _TEXT, "", "the part of the folder that it lies in"),
        column(
            "split", _TEXT, "", "what it is used for; nothing of what is skipped", optional=True
        ),
        column("label", _INT, "", "number of its class"),
        column("class", _TEXT, "", "name of its class"),
        column("error", _TEXT, "", "why it cannot be decoded", optional=True),
        column("format", _TEXT, "", "by its content", optional=True),
        column("mode", _TEXT, "", "Pillow's, as stored", optional=True),
        column("width", _INT, "pixels", "once it is turned upright", optional=True),
        column("height", _INT, "pixels", "likewise", optional=True),
        column("orientation", _INT, "", "of EXIF, 1 to 8; 1 is upright", optional=True),
        column("transparent", pa.bool_(), "", "whether it has transparency", optional=True),
        column("digest", _TEXT, "", "of its pixels; copies have one", optional=True),
    ]
)
"""The images of a user's data, in the order of their listing."""


def write_table(
    path: Path,
    schema: pa.Schema,
    rows: Iterable[Mapping[str, Any]],
    identity: Identity | None = None,
) -> None:
    """Write rows atomically, with their checksum and what they belong to.

    Raises:
        UserError: as :func:`dsd2.files.atomic.replacing`.
        ValueError, pa.ArrowException: a row does not fit the schema; a fault of the program.
    """
    held = list(rows)
    for row in held:
        if row.keys() != set(schema.names):
            raise ValueError(f"columns {sorted(row.keys() ^ set(schema.names))} do not fit {path}")
    write_columns(path, table_of_rows(held, schema, MAY_BE_NAN), identity)


def write_columns(path: Path, table: pa.Table, identity: Identity | None = None) -> None:
    """Write a table of one of the schemas atomically, with its checksum and what it belongs to.

    For tables of millions of rows, which are made without a Python object a value.

    Raises:
        UserError: as :func:`dsd2.files.atomic.replacing`.
    """
    said = json.dumps(identity or {}, sort_keys=True)
    table = table.replace_schema_metadata({_IDENTITY: said})
    with replacing(path) as temporary:
        pq.write_table(with_checksum(table), temporary, write_page_checksum=True)


def read_table(path: Path, schema: pa.Schema, identity: Identity | None = None) -> pa.Table:
    """Read a table that :func:`write_table` wrote with this schema.

    Args:
        path: the file.
        schema: that it must have, but for columns of :data:`LATER`.
        identity: what it must belong to.

    Raises:
        UserError: the file is missing or damaged, has another schema, or belongs elsewhere.
    """
    # Lost metrics are measured again; forcing them would train.
    remedy = DELETE if schema is METRICS else remake(path)
    try:
        check_file(path)
        # Not pq.read_table, which imports pyarrow's datasets and takes some paths for one.
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read()
        filled = with_later_columns(table, schema, LATER | {_HELD_OUT})
        known = filled.schema.equals(schema)
        whole = known and is_whole(table)
        # Tables of earlier versions do not say what they belong to.
        said = identity_of(table)
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file") from error
    # A damaged name or text is no UTF-8, which is a ValueError.
    except (pa.ArrowException, OSError, ValueError) as error:
        raise not_read(error, f"{path}: is damaged; {remedy}") from error
    if not known:
        raise UserError(
            f"{path}: has other columns than this version of the workflow writes; {remedy}"
        )
    if not whole:
        raise UserError(f"{path}: is damaged (its checksum does not match); {remedy}")
    check_identity(path, said, identity or {}, remedy)
    return filled


def identity_of(table: pa.Table) -> Identity:
    """What a table that was read says that it is; nothing of one of an earlier version."""
    held: Identity = json.loads((table.schema.metadata or {}).get(_IDENTITY, b"{}"))
    return held


def read_rows(
    path: Path, schema: pa.Schema, identity: Identity | None = None
) -> list[dict[str, Any]]:
    """As :func:`read_table`, as one dictionary a row."""
    return read_table(path, schema, identity).to_pylist()
