"""The page of label issues: the most suspicious images, pairs of classes, how many are wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dsd2.analysis.html import document
from dsd2.analysis.label_issues import Accuracies, class_pairs
from dsd2.analysis.label_noise import NoiseEstimate
from dsd2.escaping import escape_html

Row = Mapping[str, Any]

SHOWN = {"train": 100, "validation": 30, "test": 30}
"""Images of each split that the page shows at most, and how the splits are ordered."""

OF_A_PAIR = 8
"""Images of a pair of classes that it shows at most."""

MAX_PAIRS = 30
"""Pairs of classes that it lists at most."""

FIRST = (100, 200, 500)
"""Of how many of the first it is said how many are wrong."""

TOO_WEAK = (
    "Take these numbers for upper ends: beyond guessing, the networks do not know half of the"
    " images that they never saw, and are too weak to tell that labels are wrong."
)

_WORDS = {"train": "training", "validation": "validation", "test": "test"}

_STYLE = """<style>
figure { display: inline-block; margin: 0 .8rem 1rem 0; width: 112px; vertical-align: top; }
figure img { width: 96px; height: 96px; object-fit: contain; image-rendering: pixelated; }
figcaption { font-size: 12px; line-height: 1.3; overflow-wrap: anywhere; }
td figure { margin-bottom: .2rem; }
.wrong { color: #b91c1c; } .right { color: #15803d; }
</style>"""


@dataclass(frozen=True)
class LabelIssues:
    """What is known of the labels of an arm's images.

    Attributes:
        title: of the study.
        arm: its label.
        seeds: chains that were averaged.
        networks: that looked at each image, of all chains together.
        rows: of :data:`dsd2.files.issue_records.LABEL_ISSUES` by split, the most suspicious first.
        estimates: of how many labels are wrong, likewise.
        accuracies: on the images that no network was trained on.
        remarks: further sentences.
    """

    title: str
    arm: str
    seeds: int
    networks: int
    rows: Mapping[str, Sequence[Row]]
    estimates: Mapping[str, NoiseEstimate]
    accuracies: Mapping[str, Accuracies]
    remarks: Sequence[str] = ()


def how_many(split: str, estimate: NoiseEstimate, images: int) -> str:
    """How many labels of a split are wrong, in a plain sentence."""
    low, high = (f"{100 * end:.1f}" for end in (estimate.low, estimate.high))
    return (
        f"About {estimate.count:,} of {images:,} {_WORDS[split]} labels look wrong:"
        f" {100 * estimate.rate:.1f} % (95 % interval {low} to {high} %)."
    )


def findings(found: LabelIssues) -> list[str]:
    """Sentences on what was found, for the page and the terminal."""
    said = []
    for split, rows in found.rows.items():
        said.append(how_many(split, found.estimates[split], len(rows)))
        if split in found.accuracies:
            said.append(_without(split, found.accuracies[split]))
        else:
            said += _expected(found.estimates[split], len(rows))
        said += _known(split, rows)
    if any(not estimate.telling for estimate in found.estimates.values()):
        said.append(TOO_WEAK)
    return [*said, *found.remarks]


def _expected(estimate: NoiseEstimate, images: int) -> list[str]:
    """How many of the first are likely to be wrong."""
    parts = []
    for first in FIRST:
        if first <= images and estimate.count:
            expected, low, high = estimate.expected_wrong(first)
            parts.append(f"of the first {first:,} about {expected:.0f} ({low:.0f} to {high:.0f})")
    return [f"Likely to be wrong: {', '.join(parts)}."] if parts else []


def _without(split: str, accuracies: Accuracies) -> str:
    """What an accuracy would be if no label were wrong."""
    better = accuracies.without
    value, low, high = (100 * part for part in (better.value, better.low, better.high))
    return (
        f"The {_WORDS[split]} accuracy is {100 * accuracies.measured:.1f} %; if no label were"
        f" wrong, it would be about {value:.1f} % (95 % interval {low:.1f} to {high:.1f} %)."
    )


def _known(split: str, rows: Sequence[Row]) -> list[str]:
    """How many of the first are wrong, where the truth is known."""
    if any(row["wrong"] is None for row in rows):
        return []
    total = sum(row["wrong"] for row in rows)
    parts = [
        f"of the first {first:,} there are {sum(row['wrong'] for row in rows[:first]):,}"
        for first in FIRST
        if first <= len(rows)
    ]
    return [f"Known here: {total:,} {_WORDS[split]} labels are wrong; {', '.join(parts)}."]


def pictured(found: LabelIssues) -> dict[str, list[str]]:
    """The images that the page shows, by split."""
    shown = {}
    for split, rows in found.rows.items():
        wanted = [row["image"] for row in _shown(split, rows)]
        wanted += [row["image"] for _, own in _pairs(rows) for row in own]
        shown[split] = list(dict.fromkeys(wanted))
    return shown


def page(found: LabelIssues, thumbnails: Mapping[tuple[str, str], str]) -> str:
    """The page of HTML.

    Args:
        found: what it shows.
        thumbnails: the images of :func:`pictured` as ``data:`` addresses, by split and name.
    """
    body = [
        _STYLE,
        f"<h1>Label issues: {escape_html(found.arm)}</h1>",
        f"<p>{escape_html(found.title)}</p>",
        f"<p>{found.networks:,} networks of {found.seeds:,} pruning"
        f" {'chains' if found.seeds > 1 else 'chain'} looked at every image. A label is the more"
        " suspicious, the less probable they find it: pruned networks forget wrong labels before"
        " right ones. No label was changed.</p>",
        "<ul>",
        *(f"<li>{escape_html(sentence)}</li>" for sentence in findings(found)),
        "</ul>",
        "<p>To correct labels, copy the CSV file beside this page, set <code>action</code> to drop"
        " or relabel in the rows that you agree with, and train with <code>dataset.corrections:"
        " your-copy.csv</code>. Where you relabel, <code>label</code> is the new class.</p>",
    ]
    for split, rows in found.rows.items():
        body += _section(split, rows, thumbnails)
    return document("Label issues", body, "img-src data:")


def _section(
    split: str, rows: Sequence[Row], thumbnails: Mapping[tuple[str, str], str]
) -> list[str]:
    shown = _shown(split, rows)
    heading = f"{_WORDS[split]} images: the {len(shown):,} most suspicious of {len(rows):,}"
    pairs = _pairs(rows)
    body = [f"<h2>{heading.capitalize()}</h2>", "<div>"]
    body += [_figure(row, thumbnails) for row in shown]
    body += ["</div>"]
    if pairs:
        head = "".join(
            f"<th>{cell}</th>" for cell in ("given", "suggested", "suspects", "of the class", "")
        )
        body += [
            f"<h2>Suspects of the {_WORDS[split]} images by pairs of classes</h2>",
            f"<div><table><thead><tr>{head}</tr></thead><tbody>",
        ]
        for (given, suggested, count, size), own in pairs:
            cells = [escape_html(given), escape_html(suggested), f"{count:,}"]
            cells += [f"{count / size:.1%}", "".join(_figure(row, thumbnails) for row in own)]
            body.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
        body.append("</tbody></table></div>")
    return body


def _shown(split: str, rows: Sequence[Row]) -> Sequence[Row]:
    return rows[: SHOWN[split]]


def _pairs(rows: Sequence[Row]) -> list[tuple[tuple[str, str, int, int], list[Row]]]:
    """The pairs of classes with most suspects, each with the most suspicious images of it."""
    found = []
    for pair in class_pairs(rows)[:MAX_PAIRS]:
        own = [r for r in rows if r["suspect"] and (r["given"], r["suggested"]) == pair[:2]]
        found.append((pair, own[:OF_A_PAIR]))
    return found


def _figure(row: Row, thumbnails: Mapping[tuple[str, str], str]) -> str:
    name = escape_html(row["image"])
    address = thumbnails.get((row["split"], row["image"]))
    picture = f'<img src="{address}" alt="{name}" title="{name}">' if address else ""
    truth = {None: "", True: ' <b class="wrong">wrong</b>', False: ' <b class="right">right</b>'}
    return (
        f"<figure>{picture}<figcaption>{escape_html(row['given'])} →"
        f" {escape_html(row['suggested'])}?{truth[row['wrong']]}<br>{row['score']:.3f}"
        f" {name}</figcaption></figure>"
    )
