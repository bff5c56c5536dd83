r"""Text of the user's in the languages that we write: it stays text, whatever it holds.

Titles, labels, licences and the names of folders, classes and columns can hold anything. Each
function writes such text for one language so that none of it is markup, a link or a command.
All but :func:`script_json` make one line of it first.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any

_BIDI = "".join(map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]))
"""Signs that turn the direction of the text around them, what is not the user's included."""
_UNSEEN = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff{_BIDI}]")

_IN_SCRIPT = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in "<>&'"})

_MARKDOWN = str.maketrans(
    # Every Markdown has these escapes; of the other signs it knows HTML's references alone.
    {sign: f"\\{sign}" for sign in "\\`*{}#|"}
    | {sign: html.escape(sign) for sign in "&<>"}
    | {sign: f"&#{ord(sign)};" for sign in "$~^@"}
)

_MARKDOWN_IN_PLACE = (
    r"(?<![^\W_])_|_(?![^\W_])",  # emphasis, but not inside of a word
    r"\](?=[(\[:])",  # a link
    r":(?=\S)|\w\.(?=[^\W\d])",  # an address, or the name of an emoji
    r"^(?:[-+=](?=[-=\s]|$)|\d+[.)](?=\s|$))",  # a list, or the line below a heading
)
"""Where the last sign means something that it does not mean elsewhere, and what."""

_SPREADSHEET = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a formula begins with, in both widths."""

_LATEX = str.maketrans(
    {sign: f"\\{sign}" for sign in "%&_#${}"}
    | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "`": r"\textasciigrave{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"{\char34}",
        "ζ": r"$\zeta$",
        "ε": r"$\varepsilon$",
        "α": r"$\alpha$",
        "τ": r"$\tau$",
        "γ": r"$\gamma$",
        "δ": r"$\delta$",
        "λ": r"$\lambda$",
        "η": r"$\eta$",
        "ℓ": r"$\ell$",
        "²": "$^2$",
        "₁": "$_1$",
        "₂": "$_2$",
        "±": r"$\pm$",
        "×": r"$\times$",
        "−": "$-$",
        "↑": r"$\uparrow$",
        "↓": r"$\downarrow$",
        "✓": r"$\checkmark$",
        "–": "--",
        "…": r"\dots{}",
        "\ufffd": "?",
    }
)
"""What signs are in LaTeX; letters outside ASCII are UTF-8, which it reads."""


def one_line(text: str) -> str:
    """Text with single spaces, and a replacement sign for each character that cannot be seen.

    Those are control characters, halves of characters and signs that turn the writing direction.
    """
    return _UNSEEN.sub("\ufffd", " ".join(text.split()))


def escape_html(text: str) -> str:
    """Text as a page shows it, in an element or in a quoted attribute."""
    return html.escape(one_line(text))


def escape_markdown(text: str) -> str:
    """Text as Markdown shows it, in a line or in a cell of a table."""
    text = one_line(text).translate(_MARKDOWN)
    for pattern in _MARKDOWN_IN_PLACE:
        text = re.sub(pattern, lambda m: f"{m[0][:-1]}&#{ord(m[0][-1])};", text)
    return text


def escape_rst(text: str) -> str:
    """Text as reStructuredText shows it, in a paragraph or at the start of one.

    A backslash stands before every sign, so that no two signs mean anything together. The
    result never holds ``</`` or ``<!`` and may thus stand in a script of a page.
    """
    return re.sub(r"([^\w\s]|_)", r"\\\1", one_line(text))


def escape_latex(text: str) -> str:
    """Text as LaTeX prints it, in a paragraph or in a cell of a table."""
    escaped = re.sub("-(?=-)", "-{}", one_line(text).translate(_LATEX))
    # After the end of a row, these would belong to the command that ends it.
    return f"{{}}{escaped}" if escaped.startswith(("[", "*")) else escaped


def escape_csv(text: str) -> str:
    """Text as a spreadsheet shows it: a formula gets an apostrophe before it."""
    line = one_line(text)
    return f"'{line}" if line.startswith(_SPREADSHEET) else line


def script_json(value: Any) -> str:
    """Plain values as JSON that is safe inside a script of a page: no sign of HTML, all ASCII."""
    return json.dumps(value).translate(_IN_SCRIPT)
