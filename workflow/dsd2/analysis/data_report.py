"""What is in a user's images, for people: a short text, and a page with some of the images."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dsd2.analysis.html import document
from dsd2.data.copies import Copies, copies_of, differing
from dsd2.data.listing import SPLITS, LeftOut
from dsd2.escaping import escape_html, one_line

Row = Mapping[str, Any]

SMALL = 10
"""Training images below which a class is called small."""

MAX_CLASSES = 20
"""Classes that the text lists; the page lists all."""

MAX_NAMES = 5
"""Files that a line names; the page names more."""

MAX_LISTED = 100
"""Items that a list of the page has."""

WARNING = "warning: "
"""What a line begins with that tells why results will be weak."""


@dataclass(frozen=True)
class DataReport:
    """What was found in a user's images.

    Attributes:
        title: of the data.
        rows: of :data:`dsd2.files.records.IMAGES`.
        classes: names.
        left_out: what lies beside the images and is not used.
        remarks: what was taken for what.
        chosen: what the study does with the images, and why.
    """

    title: str
    rows: Sequence[Row]
    classes: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    remarks: tuple[str, ...]
    chosen: tuple[str, ...]

    @property
    def used(self) -> list[Row]:
        """The images that are used."""
        return [row for row in self.rows if row["split"] is not None]

    @property
    def broken(self) -> list[Row]:
        """Those that cannot be decoded."""
        return [row for row in self.rows if row["error"] is not None]

    def counts(self) -> dict[str, Counter[str]]:
        """Used images by split and class."""
        return {
            split: Counter(row["class"] for row in self.used if row["split"] == split)
            for split in SPLITS
        }


def findings(report: DataReport) -> list[str]:
    """Sentences on what was found, for text and page."""
    rows, used, broken = report.rows, report.used, report.broken
    found = [f"images: {len(rows):,} found, {len(used):,} used"]
    if broken:
        found.append(f"cannot be decoded: {len(broken):,} ({_names(broken)})")
    if spare := len(rows) - len(used) - len(broken):
        found.append(f"not asked for by dataset.train or dataset.test: {spare:,}")
    found += [
        f"left out, {left.what}: {len(left.names):,} ({_listed(left.names)})"
        for left in report.left_out
    ]
    found += [*report.remarks, *_taken(report)]
    found += [*_kinds(rows), *_copies(rows), *_classes(report)]
    return found


def _taken(report: DataReport) -> list[str]:
    """Which images serve as validation and test images where the data has none of its own."""
    return [
        f"no folder or table of {split} images: {count:,} of the training images, drawn by class,"
        f" are the {split} images"
        for split in ("validation", "test")
        if (
            count := sum(
                row["split"] == split and row["given_split"] == "train" for row in report.used
            )
        )
    ]


def _kinds(rows: Sequence[Row]) -> list[str]:
    """Sizes, formats, and what was done to make pixels of them."""
    seen = [row for row in rows if row["error"] is None]
    if not seen:
        return []
    short = sorted(min(row["width"], row["height"]) for row in seen)
    formats = Counter(row["format"] for row in seen)
    modes = Counter(row["mode"] for row in seen)
    turned = sum(row["orientation"] != 1 for row in seen)
    transparent = sum(bool(row["transparent"]) for row in seen)
    deep = sum(count for mode, count in modes.items() if mode.startswith("I"))
    lines = [
        f"shorter sides {short[0]} to {short[-1]} pixels, median {statistics.median_low(short)};"
        f" {_counted(formats)}; modes {_counted(modes)}"
    ]
    if turned:
        lines.append(f"turned upright by their EXIF orientation: {turned:,}")
    if transparent:
        lines.append(f"with transparent parts, which become white: {transparent:,}")
    if deep:
        lines.append(f"with 16 bits a channel, which are scaled to 8: {deep:,}")
    return lines


def _copies(rows: Sequence[Row]) -> list[str]:
    copies = copies_of(rows)
    lines = []
    if copies:
        extra = sum(map(len, copies)) - len(copies)
        lines.append(f"copies of another image: {extra:,} ({_pairs(copies)})")
    if across := differing(copies, "split"):
        lines.append(
            f"{WARNING}copies in several splits, which make accuracies too high: {len(across):,}"
            f" ({_pairs(across)})"
        )
    if conflicts := differing(copies, "class"):
        lines.append(
            f"{WARNING}one picture under several labels: {len(conflicts):,} ({_pairs(conflicts)})"
        )
    return lines


def _classes(report: DataReport) -> list[str]:
    """What is weak about classes."""
    counts = report.counts()
    lines = []
    small = [name for name in report.classes if counts["train"][name] < SMALL]
    if small:
        lines.append(f"{WARNING}fewer than {SMALL} training images of {_listed(small)}")
    for split in ("validation", "test"):
        missing = [name for name in report.classes if not counts[split][name]]
        if missing and counts[split]:
            lines.append(f"{WARNING}no {split} image of {_listed(missing)}")
    most = counts["train"].most_common(1)
    total = counts["train"].total()
    if most and most[0][1] > 1.5 * total / len(report.classes):
        name, count = most[0]
        lines.append(
            f"{WARNING}the largest class, {name}, has {count / total:.0%} of the training images:"
            " compare accuracies with that share"
        )
    return lines


def text(report: DataReport) -> str:
    """The report for the terminal."""
    counts = report.counts()
    ranked = sorted(report.classes, key=lambda name: -counts["train"][name])
    shown = report.classes if len(ranked) <= MAX_CLASSES else ranked[:MAX_CLASSES]
    splits = [split for split in SPLITS if counts[split]]
    cells = [["class", *splits]]
    cells += [[name, *(f"{counts[split][name]:,}" for split in splits)] for name in shown]
    if others := len(ranked) - len(shown):
        cells.append([f"and {others} more"])
    cells.append(["all", *(f"{counts[split].total():,}" for split in splits)])
    widths = [max(len(row[i]) for row in cells if i < len(row)) for i in range(len(cells[0]))]
    table = [
        "    "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in cells
    ]
    lines = [f"  {line}" for line in findings(report)]
    chosen = [f"  {line}" for line in report.chosen]
    return "\n".join([f"Data report of {report.title}", *table, *lines, *chosen]) + "\n"


def page(report: DataReport, thumbnails: Mapping[str, str]) -> str:
    """The report as a page of HTML.

    Args:
        report: it.
        thumbnails: some images as ``data:`` addresses, by the names of their files.
    """
    counts = report.counts()
    splits = [split for split in SPLITS if counts[split]]
    head = "".join(f"<th>{cell}</th>" for cell in ["class", *splits, "images"])
    body = [f"<h1>Data report of {escape_html(report.title)}</h1>", "<ul>"]
    body += [_item(line) for line in [*findings(report), *report.chosen]]
    body += ["</ul>", f"<div><table><thead><tr>{head}</tr></thead><tbody>"]
    pictures: dict[str, list[str]] = {name: [] for name in report.classes}
    for row in report.used:
        if (file := row["file"]) in thumbnails:
            pictures[row["class"]].append(_figure(thumbnails[file], file))
    for name in report.classes:
        cells = [escape_html(name), *(f"{counts[split][name]:,}" for split in splits)]
        columns = "".join(f"<td>{cell}</td>" for cell in [*cells, "".join(pictures[name])])
        body.append(f"<tr>{columns}</tr>")
    body.append("</tbody></table></div>")
    copies = copies_of(report.rows)
    for heading, groups in (
        ("One picture under several labels", differing(copies, "class")),
        ("Copies in several splits", differing(copies, "split")),
    ):
        body += _section(heading, [_copied(same, thumbnails) for same in groups])
    broken = [f"{row['file']}: {row['error']}" for row in report.broken]
    body += _section("Cannot be decoded", [escape_html(line) for line in broken])
    for left in report.left_out:
        body += _section(f"Left out: {left.what}", [escape_html(name) for name in left.names])
    return document("Data report", body, "img-src data:")


def pictured(report: DataReport, each: int) -> list[str]:
    """Files that the page shows: some of each class, and pictures with several labels or splits."""
    shown: list[str] = []
    count: Counter[str] = Counter()
    for row in report.used:
        if count[row["class"]] < each:
            count[row["class"]] += 1
            shown.append(row["file"])
    copies = copies_of(report.rows)
    for same in [*differing(copies, "class"), *differing(copies, "split")][:MAX_LISTED]:
        shown.append(same[0]["file"])
    return list(dict.fromkeys(shown))


def _section(heading: str, items: Sequence[str]) -> list[str]:
    if not items:
        return []
    more = [f"<li>and {len(items) - MAX_LISTED:,} more</li>"] if len(items) > MAX_LISTED else []
    listed = [f"<li>{item}</li>" for item in items[:MAX_LISTED]]
    return [f"<h2>{escape_html(heading)} ({len(items):,})</h2>", "<ul>", *listed, *more, "</ul>"]


def _copied(same: Copies, thumbnails: Mapping[str, str]) -> str:
    file = same[0]["file"]
    picture = _figure(thumbnails[file], file) if file in thumbnails else ""
    places = ", ".join(
        f"{row['file']} ({row['class']}, {row['split'] or 'unused'})" for row in same
    )
    return f"{picture} {escape_html(places)}"


def _figure(address: str, name: str) -> str:
    return f'<img src="{address}" alt="{escape_html(name)}" title="{escape_html(name)}">'


def _item(line: str) -> str:
    said = escape_html(line)
    return f"<li><strong>{said}</strong></li>" if line.startswith(WARNING) else f"<li>{said}</li>"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.most_common())


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(one_line(name) for name in names[:MAX_NAMES])
    return f"{shown} …" if len(names) > MAX_NAMES else shown


def _names(rows: Sequence[Row]) -> str:
    return _listed([row["file"] for row in rows])


def _pairs(groups: Sequence[Copies]) -> str:
    return _listed([" = ".join(row["file"] for row in same[:3]) for same in groups])
