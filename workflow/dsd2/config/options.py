"""How a study is judged, drawn and exported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from dsd2.keys import Default, Doc, Ge, Gt, Le, Lt, MinLen
from dsd2.typed import Number, Typed


@dataclass(frozen=True)
class Unique:
    """The list has no entry twice."""


@dataclass(frozen=True, kw_only=True)
class Analysis(Typed):
    """How curves are judged."""

    tolerance: Annotated[
        Number, Ge(0), Lt(1), Doc("Accuracy difference that does not count as a drop.")
    ] = 0.02
    confidence: Annotated[
        Number,
        Gt(0),
        Lt(1),
        Doc(
            "Level of the confidence intervals over seeds. A verdict asks on one side of the"
            " interval, so that with 0.9 it errs once in twenty times."
        ),
    ] = 0.9


@dataclass(frozen=True, kw_only=True)
class Plot(Typed):
    """How figures look. A change redraws figures and nothing else."""

    columns: Annotated[
        int, Ge(1), Le(12), Doc("Panels that stand in a row; more go into further rows.")
    ] = 4
    fill: Annotated[
        Literal["rows", "columns"],
        Doc("Whether panels go along the rows first or along the columns."),
    ] = "rows"
    width: Annotated[
        Number | None,
        Ge(40),
        Le(500),
        Doc(
            "Width of one panel in millimetres; null is 130 with one panel in a row, 90 with two,"
            " 65 with more."
        ),
    ] = None
    height: Annotated[
        Number | None,
        Ge(20),
        Le(500),
        Doc(
            "Height of the accuracy axes in millimetres, the entropy's are half as high; null is 85"
            " with one panel in a row, 65 with two, 52 with more."
        ),
    ] = None
    dpi: Annotated[int, Ge(50), Le(1200), Doc("Resolution of the PNG file.")] = 200
    font_size: Annotated[Number, Ge(4), Le(30), Doc("Size of the text in points.")] = 9
    band: Annotated[
        Literal["deviation", "range", "none"],
        Doc(
            "What is shaded around a mean over seeds: its standard deviation, the whole range, or"
            " nothing."
        ),
    ] = "deviation"


@dataclass(frozen=True, kw_only=True)
class LabelIssues(Typed):
    """Whose networks `snakemake label_issues` asks which labels look wrong. It trains nothing."""

    arms: Annotated[
        tuple[str, ...] | None,
        MinLen(1),
        Unique(),
        Default(None),
        Doc("Arms whose chains judge the labels; those that figures draw when null."),
    ]
    always: Annotated[
        bool,
        Doc("Whether the study is done only with its label issues, or they wait to be asked for."),
    ] = False


@dataclass(frozen=True, kw_only=True)
class Export(Typed):
    """Which networks `snakemake export` compresses, for use elsewhere, and how.

    It writes their files, a card each, and a comparison of size, speed and accuracy with the dense
    network.
    """

    arms: Annotated[
        tuple[str, ...] | None,
        MinLen(1),
        Unique(),
        Default(None),
        Doc("Arms whose networks are exported; those that figures draw when null."),
    ]
    choices: Annotated[
        tuple[Literal["best", "smallest"], ...],
        MinLen(1),
        Unique(),
        Doc(
            "Which networks of each arm, over all its seeds; best, the best by validation accuracy"
            " among the iterations that the arm's stop leaves; smallest, the sparsest within"
            " tolerance of it that keeps at least half of what its balanced accuracy is above a"
            " guess."
        ),
    ] = ("best", "smallest")
    tolerance: Annotated[
        Number | None,
        Ge(0),
        Lt(1),
        Doc(
            "Validation accuracy that may be given up for a smaller network. When null 0.01, or the"
            " standard error of the best validation accuracy where that is more: of 153 images it"
            " is about 0.04."
        ),
    ] = None
    precision: Annotated[
        Literal["fp32", "fp16"],
        Doc(
            "How weights are stored, fp32 or fp16; they are computed with in fp32. With fp16 the"
            " file is up to half as large, and what it costs in accuracy stands in the card. The"
            " ONNX file is fp32."
        ),
    ] = "fp32"
    int8: Annotated[
        bool,
        Doc(
            "Whether the ONNX model is also written with 8-bit integers, calibrated on training"
            " images, beside a page that says what that costs and gains."
        ),
    ] = False
    licence: Annotated[
        str | None,
        Doc("Licence of the weights, as the card says it; the card says so when there is none."),
    ] = None
    seconds: Annotated[
        Number,
        Gt(0),
        Le(60),
        Doc(
            "How long each network is timed, for each of two batch sizes and two runtimes. A change"
            " measures anew."
        ),
    ] = 0.3
    always: Annotated[
        bool,
        Doc("Whether the study is done only with its exports, or they wait to be asked for."),
    ] = False
