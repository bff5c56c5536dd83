"""Which labels look wrong, by the chains of an arm: as tables to edit, and as a page to look at."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dsd2.analysis.label_issues import accuracies, issue_rows, judge
from dsd2.analysis.label_page import LabelIssues, findings, page, pictured
from dsd2.artefacts.label_scores import load_label_scores
from dsd2.data.corrections import without_dropped
from dsd2.data.dataset import Dataset, load_dataset
from dsd2.data.files import Encoded
from dsd2.data.image_names import image_names
from dsd2.data.labels import Labels, load_labels
from dsd2.errors import remake
from dsd2.escaping import escape_csv
from dsd2.files.atomic import write_text
from dsd2.files.issue_records import LABEL_ISSUES
from dsd2.files.records import IMAGES, read_rows, write_table

MAX_THUMBNAIL = 96
"""Pixels of a thumbnail's longer side at most; a smaller image is shown larger by the page."""


@dataclass(frozen=True)
class ScoredChain:
    """A chain whose networks have judged the labels.

    Attributes:
        path: of its scores.
        identity: what they must belong to.
    """

    path: str
    identity: Mapping[str, Any]


@dataclass(frozen=True)
class IssueFiles:
    """What is read: ``images`` where they are a user's own. And what is written."""

    dataset: Path
    labels: Path
    images: Path | None
    parquet: Path
    csv: Path
    page: Path


def run_label_issues(
    identity: Mapping[str, Any],
    title: str,
    arm: str,
    chains: Sequence[ScoredChain],
    truth: Sequence[str],
    files: IssueFiles,
) -> None:
    """Combine what an arm's chains say of the labels, and write it for people.

    Args:
        identity: study and name of what is written.
        title: of the study.
        arm: its label.
        chains: one a seed, of the same labels.
        truth: splits of which the dataset's own labels are known to be right.
        files: to read and write.

    Raises:
        UserError: a file is missing, damaged, or belongs to something else.
    """
    dataset = load_dataset(files.dataset, files.dataset.stem)
    labels = load_labels(files.labels, dataset, files.labels.stem)
    dataset, labels, _ = without_dropped(dataset, labels)
    own = None
    if files.images is not None:
        own = read_rows(files.images, IMAGES, {"dataset": files.dataset.stem})
    names = image_names(dataset, own)
    loaded = [load_label_scores(Path(chain.path), chain.identity) for chain in chains]
    found: dict[str, Any] = {"rows": {}, "estimates": {}, "accuracies": {}}
    for split, (given, clean) in _labels_by_split(dataset, labels).items():
        if split not in names:
            continue
        judges = [scores[split] for scores, _ in loaded]
        judged = judge(judges, given, seen=split == "train")
        if split != "train":
            found["accuracies"][split] = accuracies(judges, judged)
        wrong = given != clean if split in truth else None
        found["rows"][split] = issue_rows(split, names[split], dataset.classes, judged, wrong)
        found["estimates"][split] = judged.estimate
    remarks = []
    if "test" not in names:
        remarks.append(
            "Test images are left out: the dataset was made by an earlier version, which does not"
            f" tell their names; {remake(files.dataset)}."
        )
    issues = LabelIssues(
        title=title,
        arm=arm,
        seeds=len(chains),
        networks=sum(iterations for _, iterations in loaded),
        remarks=remarks,
        **found,
    )
    rows = [row for of_split in issues.rows.values() for row in of_split]
    write_table(files.parquet, LABEL_ISSUES, rows, {**identity, "findings": findings(issues)})
    write_text(files.csv, as_csv(rows))
    write_text(files.page, page(issues, _thumbnails(dataset, names, pictured(issues))))


def _labels_by_split(dataset: Dataset, labels: Labels) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Labels as they are used and as they came."""
    found = {"train": (labels.train.given.numpy(), labels.train.clean.numpy())}
    if labels.validation is not None:
        found["validation"] = (labels.validation.given.numpy(), labels.validation.clean.numpy())
    test = dataset.test.labels.numpy()
    return {**found, "test": (test, test)}


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a table for spreadsheets: no text of the user's is a formula there."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(LABEL_ISSUES.names)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in LABEL_ISSUES.names])
    return written.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else escape_csv(str(value))


def _thumbnails(
    dataset: Dataset, names: Mapping[str, Sequence[str]], wanted: Mapping[str, Sequence[str]]
) -> dict[tuple[str, str], str]:
    """Small images as addresses of HTML, by split and name."""
    found = {}
    for split, shown in wanted.items():
        place = {name: i for i, name in enumerate(names[split])}
        rows = torch.tensor([place[name] for name in shown], dtype=torch.int64)
        images = getattr(dataset, split).images[rows]
        pixels = images.decode_all() if isinstance(images, Encoded) else images
        for name, image in zip(shown, pixels, strict=True):
            found[split, name] = _address(image)
    return found


def _address(pixels: torch.Tensor) -> str:
    """An image, uint8 [C, H, W], as an address of HTML."""
    from PIL import Image

    array = pixels.permute(1, 2, 0).numpy()
    image = Image.fromarray(array.squeeze(2) if array.shape[2] == 1 else array)
    image.thumbnail((MAX_THUMBNAIL, MAX_THUMBNAIL))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
