"""How the arms of a figure look, in every panel alike, and how large panels are.

Every registered figure may import this: no large library is imported with it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from dsd2.analysis.summary import Curve
from dsd2.analysis.view import StudyView

# Okabe and Ito's colours, which the colour-blind can distinguish; markers and dashes serve print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
DARKEST, PALEST = 0.0, 0.85
"""Where in viridis the steps of a grid begin and end: its palest end is lost on white."""

MILLIMETRES = 25.4
"""In an inch."""
POINTS = 72
"""In an inch."""


SIZES = {1: (130.0, 85.0), 2: (90.0, 65.0)}
"""Millimetres of a panel's accuracy axes by panels in a row, where the configuration says none."""
NARROW = (65.0, 52.0)
"""The same with more panels in a row."""


@dataclass(frozen=True)
class Style:
    """How one arm is drawn."""

    colour: str
    marker: str
    dash: object
    label: str


@dataclass(frozen=True)
class Drawn:
    """An arm that is drawn.

    Attributes:
        panels: which hold it.
        grid: the settings that tell it from the other arms of its grid, the first by colour.
    """

    name: str
    label: str
    panels: frozenset[str]
    grid: tuple[tuple[str, Any], ...] = field(default=())


def drawn_arms(shown: list[Curve], view: StudyView) -> list[Drawn]:
    """The arms of the curves, in the order of the study."""
    grids = {arm: tuple(map(tuple, grid)) for arm, _, grid in view.drawn}
    return [
        Drawn(
            name,
            view.labels[name],
            frozenset(curve.panel for curve in shown if curve.arm == name),
            grids[name],
        )
        for name in dict.fromkeys(curve.arm for curve in shown)
    ]


def styles(arms: Iterable[Drawn]) -> dict[str, Style]:
    """A style for each arm, by name.

    Arms of a grid take steps of one perceptually uniform scale, in the order of what the grid
    varies first; arms of one colour in one panel differ in their dashes. Other arms take colours
    that differ clearly. Arms of one label look alike where no panel shows both.
    """
    arms = list(arms)
    steps = _steps(arms)
    result: dict[str, Style] = {}
    plain = 0
    for i, arm in enumerate(arms):
        if twin := _of_one_label(arm, arms[:i]):
            result[arm.name] = result[twin.name]
            continue
        if arm.grid:
            colour, marker = steps[arm.grid[0]]
            dash = sum(
                1
                for other in arms[:i]
                if other.grid[:1] == arm.grid[:1] and other.panels & arm.panels
            )
        else:
            colour, marker, dash = COLOURS[plain % len(COLOURS)], plain, plain
            plain += 1
        result[arm.name] = Style(
            colour, MARKERS[marker % len(MARKERS)], DASHES[dash % len(DASHES)], arm.label
        )
    return result


def _of_one_label(arm: Drawn, before: list[Drawn]) -> Drawn | None:
    """The first arm of the label, unless a panel shows an arm of that label beside this one."""
    alike = [other for other in before if other.label == arm.label]
    return alike[0] if alike and not any(other.panels & arm.panels for other in alike) else None


def _steps(arms: list[Drawn]) -> dict[tuple[str, Any], tuple[str, int]]:
    """Colour and rank of every value that grids vary first."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    result = {}
    varied = dict.fromkeys(arm.grid[0] for arm in arms if arm.grid)
    for key in dict.fromkeys(key for key, _ in varied):
        values = sorted((value for name, value in varied if name == key), key=_order)
        for rank, value in enumerate(values):
            part = rank / max(len(values) - 1, 1)
            colour = colormaps["viridis"](DARKEST + part * (PALEST - DARKEST))
            result[key, value] = (to_hex(colour), rank)
    return result


def _order(value: Any) -> tuple[bool, float, str]:
    """Numbers by size, before other values."""
    number = isinstance(value, int | float)
    return (not number, float(value) if number else 0.0, str(value))


@dataclass(frozen=True)
class Layout:
    """Where panels stand, and how large they are: millimetres and points."""

    columns: int
    rows: int
    width: float
    height: float
    font_size: float

    @property
    def narrow(self) -> bool:
        """Whether text and symbols must be small."""
        return self.width < 100

    def cell(self, panel: int, fill: str) -> tuple[int, int]:
        """Row and column of a panel; panels go along the rows or down the columns."""
        if fill == "rows":
            return divmod(panel, self.columns)
        column, row = divmod(panel, self.rows)
        return row, column

    def columns_of_legend(self, labels: list[str]) -> int:
        """How many columns of the legend fit; a letter is about half as wide as high."""
        letter = 0.55 * self.font_size / POINTS * MILLIMETRES
        longest = max(len(label) for label in labels) * letter + 15
        return max(1, min(len(labels), int(self.columns * self.width / longest)))


def layout_of(panels: int, plot: dict) -> Layout:
    """How many panels stand in a row, and their size."""
    columns = min(panels, plot["columns"])
    width, height = SIZES.get(columns, NARROW)
    return Layout(
        columns=columns,
        rows=-(-panels // columns),
        width=plot["width"] or width,
        height=plot["height"] or height,
        font_size=plot["font_size"],
    )


def is_titled(panel: str) -> bool:
    """Whether a panel's label is shown: not that of the one panel of a study without panels."""
    from dsd2.config.arms import ONLY_PANEL

    return panel != ONLY_PANEL


def title_of(study, view: StudyView) -> str:
    """The study's title, which says whether its images are a stand-in."""
    stand_in = study["origin"].str.startswith("stand-in").any()
    return f"{view.title} (stand-in data)" if stand_in else view.title
