"""Names of classes that are labels in a table."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from dsd2.errors import UserError

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def sorted_classes(labels: Iterable[str]) -> tuple[str, ...]:
    """The different labels, by their value where all are numbers and by their letters otherwise."""
    classes = set(labels)
    if all(map(_NUMBER.fullmatch, classes)):
        return tuple(sorted(classes, key=lambda name: (float(name), name)))
    return tuple(sorted(classes))


def check_classes(where: str, classes: Iterable[str], places: Mapping[str, str]) -> None:
    """See that there are two classes, and that no two look like one.

    Args:
        where: what the labels are in, for messages.
        classes: the different labels.
        places: where each of them stands first.

    Raises:
        UserError: there is one class, or two differ in case, spaces or the encoding of a letter.
    """
    alike: dict[str, str] = {}
    for name in classes:
        # Where classes are letters, B is another than b.
        plain = " ".join(unicodedata.normalize("NFC", name).split())
        if _NUMBER.fullmatch(plain):
            plain = str(float(plain))
        other = alike.setdefault(plain.casefold() if len(plain) > 1 else plain, name)
        if other != name:
            raise UserError(
                f"{where}: the labels {other!r} ({places[other]}) and {name!r} ({places[name]})"
                " differ in nothing but case, spaces, zeros or the encoding of a letter; write"
                " them alike or give one another name"
            )
    if len(alike) == 1:
        raise UserError(f"{where}: every label is {next(iter(alike.values()))!r}; it takes two")
