"""Text of the user's in other languages: it is read there as it was meant."""

import csv
import html
import json
import re
from html.parser import HTMLParser

import pytest
from docutils.core import publish_parts
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dsd2.escaping import (
    escape_csv,
    escape_html,
    escape_latex,
    escape_markdown,
    escape_rst,
    one_line,
    script_json,
)

MARKUP = (
    *("</script>", "<!--", "<script", "<img src=x onerror=y>", "&lt;", "'", '"', "`", "``", "\\"),
    *(".. image:: x", ".. raw:: html", "::", "|x|", "`x <y>`_", "x_", "__", "[1]_", "* ", "- "),
    *("1. ", "(a) ", "# ", "===", "http://x.y", "www.x.y", "a@b.c", "![x](y)", "*a*", "_b_", "~"),
    *("$x$", "{{", "{%", "%", "^", "|", "\n", "\n\n", "\t", "\u202e", "\u2066", "\x00", "\ud800"),
    *("=1", "@x", "\\input{x}", "\\\\[", "\\end{tabular}", "\U0001f600", "é", "•", "a", " ", "--"),
)
TEXTS = st.lists(st.sampled_from(MARKUP) | st.text(max_size=3), max_size=8).map("".join)


class Page(HTMLParser):
    """The names of the elements of a page, and all its text."""

    def __init__(self, text):
        super().__init__()
        self.names, self.text = [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)

    def handle_comment(self, data):
        self.names.append("comment")

    def handle_data(self, data):
        self.text += data


@given(TEXTS)
def test_one_line_has_nothing_unseen(text):
    line = one_line(text)
    assert line == one_line(line)
    assert len(line.splitlines()) <= 1
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", line)


def test_one_line_keeps_letters_of_all_languages_and_joined_signs():
    kept = "Größe α ≥ 2, שלום, 漢字, \U0001f469\u200d\U0001f52c"
    assert one_line(f" {kept}\n\t ") == kept


@given(TEXTS)
def test_html_shows_the_text(text):
    page = Page(f'<p title="{escape_html(text)}">{escape_html(text)}</p>')
    assert page.names == ["p"]
    assert page.text == one_line(text)


@settings(deadline=None)
@given(TEXTS)
@example("1. x")
@example("x::")
@example("http://attacker.invalid/")
def test_rst_shows_the_text(text):
    line = escape_rst(text)
    for source in (f"* {line} is\n", f"**study**: {line}\n", f"{line} is.\n".lstrip()):
        body = publish_parts(source, writer="html")["body"]
        page = Page(body)
        assert set(page.names) <= {"ul", "li", "p", "strong"}, body
        assert one_line(text) in " ".join(page.text.split())
    assert "</" not in line
    assert "<!" not in line


@given(TEXTS)
def test_json_in_a_script_is_the_value_and_no_markup(text):
    value = {"texts": [text, {"a": 0.5}]}
    written = script_json(value)
    assert json.loads(written) == value
    assert written.isascii()
    assert not set("<>&'") & set(written)


MARKDOWN = {
    "<img src=x>": "&lt;img src=x&gt;",
    "![x](http://y)": "![x&#93;(http&#58;//y)",
    "[x][y] [x]: y": "[x&#93;[y] [x&#93;: y",
    "**a** _b_ a_b `c`": "\\*\\*a\\*\\* &#95;b&#95; a_b \\`c\\`",
    "a\n# b": "a \\# b",
    "| a | b": "\\| a \\| b",
    "&lt; ~a~ $x$ a@b.c": "&amp;lt; &#126;a&#126; &#36;x&#36; a&#64;b&#46;c",
    "www.x.y :smile: a: b": "www&#46;x&#46;y &#58;smile: a: b",
    "12. a": "12&#46; a",
    "1) a": "1&#41; a",
    "- a": "&#45; a",
    "---": "&#45;--",
    "-1.5": "-1.5",
    "80.00 ± 1.00": "80.00 ± 1.00",
    "test accuracy [%] ↑": "test accuracy [%] ↑",
}


@pytest.mark.parametrize("text", MARKDOWN)
def test_markdown_has_no_markup_and_leaves_common_words_alone(text):
    assert escape_markdown(text) == MARKDOWN[text]


@given(TEXTS)
def test_markdown_is_the_text_once_its_escapes_are_read(text):
    read = re.sub(r"\\([\\`*{}#|])", lambda m: f"&#{ord(m[1])};", escape_markdown(text))
    assert html.unescape(read) == one_line(text)
    assert not set("<>`*|$~") & set(read)
    assert not re.search(r"\]\(|:\S|\w\.[^\W\d]", read.replace("&#", ""))


LATEX = {
    "\\input{x} 5 % & # _ $": "\\textbackslash{}input\\{x\\} 5 \\% \\& \\# \\_ \\$",
    "[5pt] a": "{}[5pt] a",
    "* a": "{}* a",
    "a -- b --- c": "a -{}- b -{}-{}- c",
    '"?` |': "{\\char34}?\\textasciigrave{} \\textbar{}",
    "α²\n\nτ": "$\\alpha$$^2$ $\\tau$",
}


@pytest.mark.parametrize("text", LATEX)
def test_latex_prints_the_text(text):
    assert escape_latex(text) == LATEX[text]


@given(TEXTS)
def test_latex_has_no_command_but_ours(text):
    escaped = escape_latex(text)
    ours = r"\\(text(backslash|ascii(tilde|circum|grave)|less|greater|bar)\{\}|char34\}|[%&_#${}])"
    rest = re.sub(ours, "", re.sub(r"\$[^$]+\$|\\dots\{\}", "", re.sub(r"\\\$", "", escaped)))
    assert not set("\\%&_#$~^`<>|") & set(rest)
    assert not escaped.startswith(("[", "*"))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\n=1", "\t=1", "\uff1d1"])
def test_a_spreadsheet_takes_no_label_for_a_formula(text):
    assert escape_csv(text) == f"'{one_line(text)}"


@given(TEXTS)
def test_csv_keeps_all_other_texts(text):
    written = escape_csv(text)
    assert written.removeprefix("'") == one_line(text).removeprefix("'")
    assert next(csv.reader([f'"{written.replace(chr(34), chr(34) * 2)}"'])) == [written]
