"""The files below a folder, found by names as tables write them."""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from dsd2.data.scan import EXTENSIONS, is_hidden
from dsd2.data.split_words import split_in
from dsd2.errors import UserError


def is_image_name(name: str) -> bool:
    """Whether a name ends as an image file's."""
    return name.lower().endswith(EXTENSIONS)


def walked(
    folder: Path, ignore: Collection[str] = ()
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Each folder below one, itself as ``""``: its path below it, its files, and what is hidden.

    Links are followed, and no folder is visited twice.

    Args:
        folder: to walk through.
        ignore: paths below it that are passed over.

    Raises:
        UserError: a folder cannot be listed.
    """

    def refuse(error: OSError) -> None:
        raise UserError(f"{error.filename}: cannot be listed ({error.strerror})") from error

    seen: set[str] = set()
    for place, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        inside = os.path.relpath(place, folder).replace(os.sep, "/")
        inside = "" if inside == "." else inside
        for names in (folders, files):
            names[:] = sorted(name for name in names if posixpath.join(inside, name) not in ignore)
        hidden = sorted(filter(is_hidden, [*folders, *files]))
        folders[:] = [name for name in folders if not is_hidden(name)]
        yield inside, [name for name in files if not is_hidden(name)], hidden


def relative_name(text: str, near: str) -> str:
    """A name in a table as a path below the dataset's folder.

    Args:
        text: as the table has it; it may have backslashes.
        near: the table's folder below the dataset's.

    Raises:
        UserError: it is absolute or leaves the folder; the message says which of both, alone.
    """
    path = text.replace("\\", "/")
    if path.startswith("/") or re.match(r"[A-Za-z]:/|\w+://", path):
        raise UserError(f"{text!r} is an absolute path; it must start in the dataset's folder")
    path = posixpath.normpath(posixpath.join(near, path))
    if path == ".." or path.startswith("../"):
        raise UserError(f"{text!r} leaves the dataset's folder by ..")
    return path


class ImageIndex:
    """The files below a folder.

    Args:
        folder: of the dataset.
        apart: files that are no images: the tables.
        ignore: paths below the folder that are passed over.

    Attributes:
        files: paths below the folder, without those that are hidden.
        hidden: paths of files and folders that are.

    Raises:
        UserError: a folder cannot be listed.
    """

    def __init__(
        self, folder: Path, apart: Iterable[str] = (), ignore: Collection[str] = ()
    ) -> None:
        self.files: list[str] = []
        self.hidden: list[str] = []
        self._named: dict[str, list[str]] = defaultdict(list)
        self._stems: dict[str, list[str]] = defaultdict(list)
        tables = set(apart)
        for inside, shown, hidden in walked(folder, ignore):
            self.hidden += [posixpath.join(inside, name) for name in hidden]
            for name in shown:
                path = posixpath.join(inside, name)
                if path in tables:
                    continue
                self.files.append(path)
                self._named[_folded(name)].append(path)
                self._stems[_folded(posixpath.splitext(name)[0])].append(path)

    def find(self, name: str, near: str = "", split: str | None = None) -> list[str]:
        """The file of a name; none, or several that it fits equally well.

        It is looked for beside the table, then below the folder, then in any subfolder; as it is
        written, then without regard to case; a name without a suffix stands for any.

        Args:
            name: as the table has it.
            near: the table's folder.
            split: whose folder is preferred where several fit: ``train`` or another one.

        Raises:
            UserError: see :func:`relative_name`.
        """
        beside = relative_name(name, near)
        alone = posixpath.normpath(name.replace("\\", "/"))
        last = _folded(posixpath.basename(beside))
        found, bare = self._named.get(last, []), False
        if not found:
            found, bare = self._stems.get(last, []), True
        for fits in _ways(beside, alone):
            hits = [path for path in found if fits(posixpath.splitext(path)[0] if bare else path)]
            if bare and len(hits) > 1:
                hits = [path for path in hits if is_image_name(path)] or hits
            if split and len(hits) > 1:
                hits = [path for path in hits if _lies_in(path, split)] or hits
            if hits:
                return hits
        return []


def _ways(beside: str, alone: str) -> Iterator[Callable[[str], bool]]:
    """Ways in which a path may be the one that is meant, the surest first."""
    for form in (str, _folded):
        for meant in (form(beside), form(alone)):
            yield lambda path, form=form, meant=meant: form(path) == meant  # type: ignore[misc]
    for form in (str, _folded):
        meant = form(alone)
        yield lambda path, form=form, meant=meant: f"/{form(path)}".endswith(f"/{meant}")  # type: ignore[misc]
    # The table may have been written for a folder above this one.
    yield lambda path: f"/{_folded(alone)}".endswith(f"/{_folded(path)}")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _lies_in(path: str, split: str) -> bool:
    return any(split_in(part) == split for part in path.split("/")[:-1])
