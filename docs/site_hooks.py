"""What mkdocs does besides: pages of the repository that lie outside of docs/ belong to the site.

Links are written for the repository, so that they work where it is looked at. Here they are turned
into the site's.
"""

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = {
    "config/README.md": "reference/configuration.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "CODE_OF_CONDUCT.md": "conduct.md",
    "SECURITY.md": "security.md",
}
"""Files of the repository, and the pages of the site that they become."""

PAGES = {page: path for path, page in OUTSIDE.items()}
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add the pages that lie outside of docs/."""
    for path, page in OUTSIDE.items():
        files.append(File.generated(config, page, content=(ROOT / path).read_text()))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn a page's links into those of the site."""
    here = page.file.src_uri
    source = PurePosixPath(PAGES.get(here, f"docs/{here}"))

    def turned(match: re.Match[str]) -> str:
        target, anchor = match[1], match[2] or ""
        if "://" in target:
            return match[0]
        path = os.path.normpath(source.parent / target)
        inside = OUTSIDE.get(path, path.removeprefix("docs/"))
        return f"]({os.path.relpath(inside, PurePosixPath(here).parent)}{anchor})"

    return LINK.sub(turned, markdown)
