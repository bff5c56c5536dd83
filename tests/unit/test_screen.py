"""Lines that stay, and lines that are painted anew."""

import io
import sys
from types import SimpleNamespace

import pytest

from dsd2 import screen
from dsd2.errors import UserError
from dsd2.screen import RED, Screen, screen_asked_for


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Stderr as a terminal of 40 columns and 6 rows."""
    stream = Terminal()
    # Not sys.stderr itself, which pytest sets again after fixtures.
    monkeypatch.setattr(screen, "sys", SimpleNamespace(stderr=stream))
    monkeypatch.setattr(screen, "_size", lambda: (40, 6))
    return stream


def test_what_is_said_is_written_in_lines(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    plain = Screen({"TERM": "xterm"})
    plain.say("first", "second", indent="  ", colour=RED)
    plain.show(["never"])
    assert not plain.live
    assert stream.getvalue() == "first\n  second\n"


def test_what_is_said_stands_above_what_is_painted_anew(terminal):
    shown = Screen({"TERM": "xterm"})
    shown.show(["a", "b"])
    assert terminal.getvalue() == "a\x1b[K\nb\x1b[K\n"
    terminal.seek(terminal.truncate(0))
    shown.say("said")
    assert terminal.getvalue() == "\r\x1b[2A\x1b[Jsaid\na\x1b[K\nb\x1b[K\n"
    terminal.seek(terminal.truncate(0))
    shown.show(["c"])
    assert terminal.getvalue() == "\r\x1b[2Ac\x1b[K\n\x1b[J"
    terminal.seek(terminal.truncate(0))
    shown.show([])
    assert terminal.getvalue() == "\r\x1b[1A\x1b[J"
    terminal.seek(terminal.truncate(0))
    shown.show([])
    assert terminal.getvalue() == ""


def test_lines_are_cut_to_the_terminal_and_counted_where_it_has_shrunk(terminal, monkeypatch):
    shown = Screen({"TERM": "xterm"})
    shown.show(["x" * 50, *"abcdefgh"])
    lines = terminal.getvalue().splitlines()
    assert [len(line.removesuffix("\x1b[K")) for line in lines] == [39, 1, 1, 1]
    monkeypatch.setattr(screen, "_size", lambda: (10, 6))
    terminal.seek(terminal.truncate(0))
    shown.show([])
    assert terminal.getvalue() == "\r\x1b[7A\x1b[J"


@pytest.mark.parametrize(
    ("environ", "live", "colours"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({}, False, False),
    ],
)
def test_a_terminal_gets_what_it_can(terminal, environ, live, colours):
    shown = Screen(environ)
    shown.say("FAILED it", colour=RED)
    assert shown.live == live
    assert terminal.getvalue() == ("\x1b[1;31mFAILED\x1b[0m it\n" if colours else "FAILED it\n")


def test_who_writes_is_asked_for_by_the_environment(terminal):
    term = {"TERM": "xterm"}
    found = [
        screen_asked_for({**term, "DSD2_OUTPUT": v}) for v in ("", "live", "lines", "snakemake")
    ]
    assert [(s.live, s.ours) for s in found] == [
        (True, True),
        (True, True),
        (False, True),
        (False, False),
    ]
    with pytest.raises(
        UserError, match="DSD2_OUTPUT is 'loud'; it must be one of live, lines, snak"
    ):
        screen_asked_for({"DSD2_OUTPUT": "loud"})


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_nobody_listens(monkeypatch, stream):
    if stream is not None:
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    Screen({"TERM": "xterm"}).say("lost")


def test_the_size_is_that_of_the_terminal_or_else_the_usual_one(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setenv("COLUMNS", "33")
    monkeypatch.setenv("LINES", "7")
    assert screen._size() == (33, 7)
