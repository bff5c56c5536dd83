"""Every key of the configuration that is no recipe's own: type, bounds, default and meaning.

The keys of a section are those of its recipe or registered kinds (:mod:`dsd2.recipe`), and a few
that are the configuration's alone. A class here says what may stand in a mapping of the file;
:mod:`dsd2.config.validation` makes pydantic's models of them. See :mod:`dsd2.keys`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from dsd2.config.paper import Printed
from dsd2.keys import Default, Derived, Doc, Ge, Gt, Le, Lt, MinLen
from dsd2.recipe import (
    DatasetRecipe,
    DistillationRecipe,
    ModelRecipe,
    NoiseRecipe,
    PerturbationRecipe,
    PruningRecipe,
    TrainingRecipe,
)
from dsd2.stopping import Stopping
from dsd2.typed import Number, Typed

HEADINGS = {
    "stopping": "Table: what each arm returns and costs",
    "phases": "Table: sparse double descent and its phases",
    "models": "Table: parameters of the networks",
    "grid": "Table: best validation accuracy",
    "levels": "Table: accuracy by level of pruning",
}
TABLES = tuple(HEADINGS)
"""The tables that a study may have, and what they are headed."""

NAME = r"^[a-z0-9][a-z0-9_-]{0,79}$"
"""What a name is like that is a folder's or file's too."""


@dataclass(frozen=True)
class Pattern:
    """The text matches this."""

    pattern: str


@dataclass(frozen=True)
class Unique:
    """The list has no entry twice."""


@dataclass(frozen=True)
class Layer:
    """Some of the keys of a section; what is left out comes from the layers below."""

    section: str


Name = Annotated[str, Pattern(NAME)]


@dataclass(frozen=True, kw_only=True)
class TrainingKeys(TrainingRecipe):
    """One training, of the dense network and after each pruning (Table 4)."""

    milestones: Annotated[  # type: ignore[assignment]
        tuple[Annotated[Number, Gt(0), Lt(1)], ...],
        Default((0.5, 0.75)),
        Doc("When the learning rate drops, as fractions of the epochs."),
    ]


@dataclass(frozen=True, kw_only=True)
class PruningKeys(PruningRecipe):
    """What each iteration removes."""

    target_sparsity: Annotated[
        Number,
        Gt(0),
        Le(1),
        Default(0.9985),
        Doc(
            "Iterations go on while their sparsity, of weights or of filters as structure says, is"
            " below it. A chain ends earlier where a round would remove nothing."
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Distillation(DistillationRecipe):
    """Distil the arm from a teacher (eq. 2); null trains on the labels alone."""

    teacher: Annotated[str, Doc("The arm that teaches, in the same panel and with the same seed.")]
    select: Annotated[
        Literal["dense", "best"] | int,
        Ge(0),
        Default("best"),
        Doc(
            "Which iteration of the teacher: dense, best (by validation accuracy, up to where the"
            " teacher's chain stops), or a number."
        ),
    ]
    cache_logits: Annotated[
        bool | None,
        Default(None),
        Doc(
            "Whether the teacher's logits for each of the 162 flipped and shifted views of every"
            " image are computed once, for all its students, instead of in every step; only with"
            " training.augmentation flip-shift and images in memory. When null, where that is less"
            " work than eight trainings' steps (from 21 epochs on) and takes at most 4 GiB."
        ),
    ]
    teacher_run: Annotated[str, Derived()] = ""
    teacher_iteration: Annotated[int | None, Derived()] = None

    def recipe(self, run: str, iteration: int | None) -> DistillationRecipe:
        """What a student's weights depend on, given the teacher's run and its iteration."""
        values = {field.name: getattr(self, field.name) for field in fields(DistillationRecipe)}
        return DistillationRecipe(**{**values, "teacher_run": run, "teacher_iteration": iteration})


SECTIONS: dict[str, tuple[type[Any], str | None]] = {
    "dataset": (DatasetRecipe, "digits"),
    "noise": (NoiseRecipe, "none"),
    "model": (ModelRecipe, "vgg-like"),
    "training": (TrainingKeys, None),
    "pruning": (PruningKeys, None),
    "perturbation": (PerturbationRecipe, "none"),
    "distillation": (Distillation, None),
    "stopping": (Stopping, "none"),
}
"""The sections of a study, a panel and an arm: what declares their keys, and the default kind."""

CONDITIONS = {("pruning", "scope"): ("structure", ("weights",))}
"""Keys, beside those of registered kinds, that apply only to some values of another key."""


@dataclass(frozen=True, kw_only=True)
class Sections:
    """The sections that a study, a panel, an arm and an override have in common."""

    dataset: Annotated[dict[str, Any], Layer("dataset")]
    noise: Annotated[dict[str, Any], Layer("noise")]
    model: Annotated[dict[str, Any], Layer("model")]
    training: Annotated[dict[str, Any], Layer("training")]
    pruning: Annotated[dict[str, Any], Layer("pruning")]
    perturbation: Annotated[dict[str, Any], Layer("perturbation")]
    distillation: Annotated[dict[str, Any] | None, Layer("distillation")]
    stopping: Annotated[dict[str, Any], Layer("stopping")]


Grid = Annotated[
    dict[str, Annotated[tuple[float | str | bool | None, ...], MinLen(1)]],
    MinLen(1),
    Doc(
        "Keys with lists of values, as {model.depth: [1, 2, 3]}: stands for an entry at each of the"
        " values, or of their combinations."
    ),
]


@dataclass(frozen=True, kw_only=True)
class Panel(Sections):
    """One of a figure's small multiples."""

    label: Annotated[
        str,
        Doc(
            'Title of the panel; with a grid, "{noise.rate}" is its value, "{noise.rate:%}" in'
            " percent."
        ),
    ]
    grid: Grid
    arms: Annotated[
        tuple[str, ...],
        MinLen(1),
        Doc(
            "Which arms the panel shows, by name or by their grid's name; all when it does not say."
            " Arms that teach them are trained with them."
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class ArmEntry(Sections):
    """One curve."""

    label: Annotated[
        str,
        Doc(
            "Name of the curve in figures and tables; the arm's own name by default. With a grid,"
            ' "{model.depth}" is its value.'
        ),
    ]
    grid: Grid
    show: Annotated[
        bool,
        Default(True),
        Doc("Whether figures draw the curve; a teacher may be there only to teach."),
    ]
    like: Annotated[
        str,
        Doc(
            "Another arm whose sections this one starts from. An arm that differs only in stopping"
            " shares the other's iterations instead of training them again."
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Override(Sections):
    """Sections that win over those of every arm and panel, where their keys apply.

    Budgets use it to make any study small.
    """


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
            " tolerance of it."
        ),
    ] = ("best", "smallest")
    tolerance: Annotated[
        Number,
        Ge(0),
        Lt(1),
        Doc("Validation accuracy that may be given up for a smaller network."),
    ] = 0.01
    precision: Annotated[
        Literal["fp32", "fp16"],
        Doc(
            "How weights are stored, fp32 or fp16; they are computed with in fp32. With fp16 the"
            " file is up to half as large, and what it costs in accuracy stands in the card. The"
            " ONNX file is fp32."
        ),
    ] = "fp32"
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


@dataclass(frozen=True, kw_only=True)
class Configuration(Sections):
    """One study, the arms (curves) of a figure and their seeds; or the files of several studies.

    The sections dataset to stopping may stand at the top level, in a panel and in an arm; an arm's
    value wins over its panel's, a panel's over the top level's, and override's over all. Where a
    section names another kind of thing (another model, say), keys of the section below that do not
    apply to it fall away. For the paper's models and datasets the defaults are those of Table 4.
    """

    studies: Annotated[
        tuple[str, ...] | str,
        MinLen(1),
        Doc(
            "Files of studies that are run together, sharing what they have in common; or a pattern"
            " that matches them, as config/paper/*.yaml, where files that list studies themselves"
            " are passed over. Paths start in the working directory. Beside it may stand budget,"
            " seeds, override, data_roots, download, missing_data, lookahead, decoders, plot and"
            " analysis, which are laid over every study."
        ),
    ]
    study: Annotated[
        Name,
        Doc(
            "Name of the study, and of its folder under results/studies. It may be left out where"
            " data is given: the study is then named after that folder."
        ),
    ]
    budget: Annotated[
        Name,
        Doc(
            "Set by the files of config/budget. The study's folder is then called STUDY+BUDGET, so"
            " that a study at two sizes keeps both results."
        ),
    ]
    title: Annotated[str, Doc("Heading of the figure and of the report.")]
    data: Annotated[
        str,
        MinLen(1),
        Doc(
            "A folder of your own images, with a folder for each class or with parquet files:"
            " becomes the dataset, and the defaults of image size, network and epochs are chosen"
            " from it. Where nothing says which arms there are, it runs config/own-data.yaml. Where"
            " nothing names the study, it is own.NAME for a folder NAME in the working directory;"
            " for any other folder a digest of its path is added, own.NAME.DIGEST."
        ),
    ]
    seeds: Annotated[
        tuple[Annotated[int, Ge(0)], ...],
        MinLen(1),
        Unique(),
        Default((0, 1, 2)),
        Doc("Training seeds. Every arm is run once a seed; figures show the mean and spread."),
    ]
    data_roots: Annotated[
        tuple[Annotated[str, MinLen(1)], ...],
        MinLen(1),
        Default(("data",)),
        Doc(
            "Folders that may hold a named dataset, searched in order; the first is where downloads"
            " go."
        ),
    ]
    download: Annotated[
        bool,
        Default(False),
        Doc("Whether a named dataset that is in none of data_roots may be downloaded."),
    ]
    missing_data: Annotated[
        Literal["error", "stand-in"],
        Default("error"),
        Doc(
            "What to do where a named dataset is in none of data_roots and not to be downloaded, or"
            " a CIFAR dataset's human labels are missing. With stand-in synthetic images in the"
            " dataset's own format take their place, or labels of which 30 % are flipped; that"
            " proves that a study runs, and every result says so (origin)."
        ),
    ]
    lookahead: Annotated[
        int,
        Ge(1),
        Default(1),
        Doc(
            "Iterations of a gated chain that are asked for at once. With 1 a gate decides before"
            " the next iteration starts; with more, chains wait less on a cluster and train up to"
            " lookahead − 1 iterations too many. It changes no result."
        ),
    ]
    decoders: Annotated[
        int,
        Ge(1),
        Le(64),
        Default(4),
        Doc(
            "Processes that decode images for each training whose images are streamed, beside the"
            " one that trains; no more than --cores leaves. It changes no result."
        ),
    ]
    panels: Annotated[
        dict[Name, Panel],
        MinLen(1),
        Doc(
            "The figure's small multiples, by name. Every arm is run in every panel, with the"
            " panel's sections. Without panels there is one."
        ),
    ]
    arms: Annotated[
        dict[Name, ArmEntry | None],
        MinLen(1),
        Doc("The curves, by name. What an arm does not say it takes from its panel or above."),
    ]
    override: Override
    figure: Annotated[
        bool,
        Default(True),
        Doc("Whether the study has a figure; one of a table alone has none."),
    ]
    tables: Annotated[
        tuple[Literal[TABLES], ...],  # type: ignore[valid-type]
        Unique(),
        Default(("stopping", "phases")),
        Doc(
            "Which tables the study has, as Markdown, CSV and LaTeX; stopping (Table 1): what each"
            " arm returns and what it cost; phases (Table 12): each curve's phases and best point;"
            " models (Table 3): parameters of the networks, which takes no training; grid (Table"
            " 5): best validation accuracy by panel and its mean; levels (Tables 13 and 14): test"
            " accuracy by sparsity, a column an arm."
        ),
    ]
    paper: Annotated[
        tuple[Annotated[Printed, MinLen(1)], ...],
        Default(()),
        Doc(
            "What the paper prints of this study's arms. Tables show it beside our own values, with"
            " the difference."
        ),
    ]
    analysis: Analysis
    export: Export
    plot: Plot
