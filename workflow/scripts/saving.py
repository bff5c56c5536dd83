"""What the scripts that draw with matplotlib have in common."""

import textwrap
from collections.abc import Iterable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from styles import MILLIMETRES, POINTS

from dsd2.files.atomic import replacing

LITERAL = {
    "svg.fonttype": "none",
    "svg.hashsalt": "dsd2",
    # Titles and labels are the user's: a dollar sign in them is one.
    "text.parse_math": False,
    # As the user's own matplotlibrc may have them.
    "text.usetex": False,
    "axes.formatter.use_mathtext": False,
}
"""Matplotlib's settings for figures that are equal anew and whose text is text."""


def set_up(font_size: float) -> None:
    """Have matplotlib take all text for text; every script that draws calls it first."""
    plt.rcParams.update({**LITERAL, "font.size": font_size})


def plain_numbers() -> FuncFormatter:
    """Ticks of a logarithmic axis: matplotlib's own are formulas, which here would be text, too."""
    return FuncFormatter(lambda value, _: f"{value:g}")


def save(figure: Figure, outputs: Iterable[str], dpi: int) -> None:
    """Write a figure in the format of each file's name."""
    for output in map(Path, outputs):
        # The temporary file's name says nothing of its format, and no date makes it equal anew.
        fmt = output.suffix[1:]
        undated = {"svg": {"Date": None}}.get(fmt)
        with replacing(output) as temporary:
            figure.savefig(temporary, format=fmt, dpi=dpi, metadata=undated)


def wrapped(title: str, width: float, font_size: float) -> str:
    """A title in lines that fit so many millimetres; a letter is about half as wide as high.

    Matplotlib makes it a fifth larger than the font.
    """
    return textwrap.fill(title, int(width / (0.6 * 1.2 * font_size / POINTS * MILLIMETRES)))
