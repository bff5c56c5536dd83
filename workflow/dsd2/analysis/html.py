"""Tables as pages of HTML for the report, each whole in itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dsd2.analysis.table_format import FormattedTable, escaped_cells
from dsd2.escaping import escape_html

if TYPE_CHECKING:
    import pandas as pd

_STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; color: #1e293b; margin: 2rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
table { border-collapse: collapse; border-top: 2px solid; border-bottom: 2px solid; }
th { border-bottom: 1px solid; vertical-align: bottom; }
th, td { padding: .3rem .8rem; text-align: left; }
td:first-child { min-width: 10rem; }
tbody tr:nth-child(even) { background: #f1f5f9; }
div { overflow-x: auto; } p { max-width: 60rem; }
"""


def policy(*allowed: str) -> str:
    """What forbids a page every script, style and request but those that are allowed.

    Args:
        allowed: directives of a Content Security Policy.
    """
    directives = "; ".join(["default-src 'none'", *allowed])
    return f'<meta http-equiv="Content-Security-Policy" content="{directives}">'


def table_page(title: str, table: FormattedTable) -> str:
    """A table for people as a page."""
    return page(title, table.parts, table.note)


def page(title: str, parts: Iterable[tuple[str, pd.DataFrame]], note: str = "") -> str:
    """Headed tables of text, and a note whose emphasis is as in Markdown."""
    body = [f"<h1>{escape_html(title)}</h1>"]
    for heading, cells in parts:
        body += [f"<h2>{escape_html(heading)}</h2>"] if heading else []
        escaped = escaped_cells(cells, escape_html)
        table = escaped.to_html(index=False, border=0, justify="unset", escape=False)
        body += [f"<div>{table}</div>"]
    body += [f"<p>{_emphasised(escape_html(note))}</p>"] if note else []
    return document(title, body)


def document(title: str, body: Iterable[str], *allowed: str) -> str:
    """A page of HTML that may load nothing but what is allowed.

    Args:
        title: of the page, as text.
        body: lines of HTML.
        allowed: further directives of the Content Security Policy.
    """
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            policy("style-src 'unsafe-inline'", *allowed),
            f"<title>{escape_html(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
            *body,
            "</body>\n</html>\n",
        ]
    )


def _emphasised(text: str) -> str:
    bold = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text)
    return re.sub(r"\*(.+?)\*", r"<em>\1</em>", bold)
