"""What the terminal shows: lines that stay, and below them some that are painted anew.

Nothing but colours and moves of the cursor by whole lines is sent, and the cursor rests at the
start of a line: a process that is killed leaves a terminal as it found it.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TextIO

from dsd2.errors import UserError

OUTPUT = "DSD2_OUTPUT"
"""Environment variable: who writes to the terminal, and how."""
OUTPUTS = ("live", "lines", "snakemake")
"""Its values: a display that is painted anew, where that can be; lines alone; Snakemake itself."""

RED, YELLOW = "31", "33"


class Screen:
    """Writes to stderr, from any thread.

    Args:
        environ: variables that say what the terminal can do.
        live: whether lines may be painted anew, where the terminal can.
        ours: whether Snakemake's own lines may be replaced.

    Attributes:
        live: whether lines are painted anew.
    """

    def __init__(
        self, environ: Mapping[str, str] = os.environ, *, live: bool = True, ours: bool = True
    ) -> None:
        self.ours = ours
        self._lock = threading.RLock()
        self._shown: list[str] = []
        terminal = _is_terminal(sys.stderr) and environ.get("TERM", "dumb") != "dumb"
        self._colours = terminal and not environ.get("NO_COLOR")
        self.live = live and terminal

    def say(self, *lines: str, indent: str = "", colour: str | None = None) -> None:
        """Write lines that stay.

        Args:
            lines: the first and those that belong to it.
            indent: stands before all but the first.
            colour: of the first word.
        """
        first, *others = lines or ("",)
        if colour and self._colours:
            word, space, rest = first.partition(" ")
            first = f"\x1b[1;{colour}m{word}\x1b[0m{space}{rest}"
        text = "".join(f"{line}\n" for line in [first, *(f"{indent}{line}" for line in others)])
        with self._lock:
            self._write(self._back(), "\x1b[J" if self._shown else "", text, *self._painted())

    def show(self, lines: Sequence[str]) -> None:
        """Replace the lines at the end; does nothing where none can be painted anew."""
        if not self.live:
            return
        with self._lock:
            back = self._back()
            columns, rows = _size()
            # A line that is cut never wraps; one more than fits could not be reached again.
            self._shown = [line[: columns - 1] for line in lines[: max(rows - 2, 0)]]
            self._write(back, *self._painted(), "\x1b[J" if back else "")

    def _painted(self) -> list[str]:
        return [f"{line}\x1b[K\n" for line in self._shown]

    def _back(self) -> str:
        """Moves the cursor to the first of the lines at the end, however wide they now are."""
        columns = _size()[0]
        rows = sum(max(1, -(-len(line) // columns)) for line in self._shown)
        return f"\r\x1b[{rows}A" if rows else ""

    def _write(self, *texts: str) -> None:
        # It may be that nobody listens any more, or that Python has closed the stream.
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.write("".join(texts))
            sys.stderr.flush()


def screen_asked_for(environ: Mapping[str, str]) -> Screen:
    """The screen that ``DSD2_OUTPUT`` asks for.

    Raises:
        UserError: it has a value that is not known.
    """
    wanted = environ.get(OUTPUT) or OUTPUTS[0]
    if wanted not in OUTPUTS:
        raise UserError(f"{OUTPUT} is {wanted!r}; it must be one of {', '.join(OUTPUTS)}")
    return Screen(environ, live=wanted == "live", ours=wanted != "snakemake")


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def _size() -> tuple[int, int]:
    """Columns and rows of the terminal that stderr is."""
    try:
        columns, rows = os.get_terminal_size(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):
        columns, rows = 0, 0
    usual = shutil.get_terminal_size()
    return columns or usual.columns, rows or usual.lines
