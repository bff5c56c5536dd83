"""What may stand in a file of configuration: type, bounds, default and meaning of every key.

:mod:`dsd2.config.models` makes pydantic's models of the classes here. See :mod:`dsd2.keys`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from dsd2.analysis.registered import CLAIMS, DEFAULT_FIGURES, FIGURES, TABLES
from dsd2.config.options import Analysis, Export, LabelIssues, Plot, Unique
from dsd2.config.paper import Printed
from dsd2.config.sections import Sections
from dsd2.keys import Default, Doc, Ge, Le, MinLen, NameOf
from dsd2.trackers.registered import TRACKERS

NAME = r"^[a-z0-9][a-z0-9_-]{0,79}$"
"""What a name is like that is a folder's or file's too."""


@dataclass(frozen=True)
class Pattern:
    """The text matches this."""

    pattern: str


Name = Annotated[str, Pattern(NAME)]
Grid = Annotated[
    dict[str, Annotated[tuple[int | float | str | bool | None, ...], MinLen(1)]],
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
            " seeds, override, data_roots, download, missing_data, code, lookahead, decoders, plot"
            " and analysis, which are laid over every study."
        ),
    ]
    study: Annotated[
        Name,
        Doc(
            "Name of the study, and of its folder under results/studies. It may be left out where"
            " data is given: the study is then named after that folder. Beside studies it names"
            " what they show together, under results/claims."
        ),
    ]
    like: Annotated[
        str,
        MinLen(1),
        Doc(
            "File of another study, whose sections, seeds, data_roots, download, missing_data,"
            " analysis and plot this one starts from. What this one says wins, key by key. The path"
            " starts in the working directory."
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
    weights: Annotated[
        str,
        MinLen(1),
        Doc(
            "Beside data: the weights that every network starts from, as model.weights has them."
            " With torchvision's the network is resnet18 unless model names another."
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
        Literal["error", "stand-in", "skip"],
        Default("error"),
        Doc(
            "What to do where a named dataset is in none of data_roots and not to be downloaded, or"
            " a CIFAR dataset's human labels are missing. With stand-in synthetic images in the"
            " dataset's own format take their place, or labels of which 30 % are flipped; that"
            " proves that a study runs, and every result says so (origin). With skip the study is"
            " left out where studies lists others, and that is said."
        ),
    ]
    code: Annotated[
        tuple[Annotated[str, MinLen(1)], ...],
        Doc(
            "Python files that networks may be built from, as model.name FILE.py:FUNCTION says; no"
            " other is run. A study that studies lists runs none by itself: it can only be given"
            " beside studies. Without it a configuration that is given directly may run any."
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
    figures: Annotated[
        tuple[Annotated[str, NameOf(FIGURES)], ...],
        MinLen(1),
        Unique(),
        Default(DEFAULT_FIGURES),
        Doc("Which figures it has, where it has any."),
    ]
    tables: Annotated[
        tuple[Annotated[str, NameOf(TABLES)], ...],
        Unique(),
        Default(("stopping", "phases", "classes")),
        Doc("Which tables the study has, as Markdown, CSV, LaTeX and HTML."),
    ]
    claims: Annotated[
        tuple[Annotated[str, NameOf(CLAIMS)], ...],
        Unique(),
        Default(()),
        Doc(
            "Which claims of the paper the study decides, once `snakemake claims` asks. Whose arms"
            " a claim is about is seen by their settings (docs/claims.md)."
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
    trackers: Annotated[
        tuple[Annotated[str, NameOf(TRACKERS)], ...],
        Unique(),
        Default(()),
        Doc(
            "Programs that show experiments, for which the study's metrics are written as well,"
            " below results/studies/STUDY/trackers. Each needs its package. Nothing is sent."
        ),
    ]
    analysis: Analysis
    export: Export
    label_issues: LabelIssues
    plot: Plot
