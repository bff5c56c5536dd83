"""Names of classes that are labels in a table."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from dsd2.errors import UserError

SEPARATORS = (",", ";", "|")
"""What stands between several labels of an image."""
MOST_SINGLE = 10
"""So many labels may stand on one image alone, although most do."""

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


def check_labels(where: str, labels: Sequence[str], places: Mapping[str, str]) -> None:
    """See that labels are classes: none is several, and most stand on more than one image.

    Args:
        where: what the labels are in, for messages.
        labels: of each image.
        places: where each different one stands first.

    Raises:
        UserError: a label joins others, or most labels stand on one image alone.
    """
    counts = Counter(labels)
    for label in counts:
        for separator in SEPARATORS:
            parts = [part.strip() for part in label.split(separator)]
            if len(parts) > 1 and all(part in counts for part in parts):
                raise UserError(
                    f"{where}: the label {label!r} ({places[label]}) is several,"
                    f" {' and '.join(parts)}; an image must have one"
                )
    single = [label for label, count in counts.items() if count == 1]
    if len(single) > max(MOST_SINGLE, len(counts) / 2):
        raise UserError(
            f"{where}: {len(single)} of {len(counts)} labels stand on one image alone, as"
            f" {single[0]!r} ({places[single[0]]}); a class needs several images. If that is not"
            " the column of the labels, name it by dataset.label_column"
        )
