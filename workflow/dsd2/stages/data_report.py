"""The stage that looks at a user's images before anything is trained on them."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dsd2.analysis.data_report import DataReport, page, pictured, text
from dsd2.data.dataset import own_validation, split_rows
from dsd2.data.decoding import open_image
from dsd2.data.inspection import Record, decoded_reduced, inspect
from dsd2.data.manifest import check_unchanged, dataset_manifest
from dsd2.data.own import OwnDataset
from dsd2.data.source import Source, judged
from dsd2.errors import UserError
from dsd2.escaping import one_line
from dsd2.files.atomic import write_text
from dsd2.files.records import IMAGES, write_table
from dsd2.paths import dataset_name
from dsd2.recipe import DatasetRecipe

THUMBNAIL = 96
"""Pixels of a thumbnail's longer side at most."""

EACH, MAX_THUMBNAILS = 6, 300
"""Thumbnails of a class, and of all classes."""


@dataclass(frozen=True)
class ReportFiles:
    """What the stage leaves; ``undecodable`` only where images are refused."""

    output: Path
    text: Path
    page: Path
    undecodable: Path


def run_data_report(
    recipe: DatasetRecipe,
    roots: list[Path],
    chosen: Sequence[str],
    threads: int,
    files: ReportFiles,
) -> None:
    """Decode every image once, draw the splits, and say what is in the data.

    Args:
        recipe: of the dataset.
        roots: folders that may hold data.
        chosen: what the study does with the images, and why.
        threads: that decode.
        files: to write.

    Raises:
        UserError: images cannot be decoded and are not to be skipped, or the data is not what it
            should be.
    """
    if not isinstance(recipe, OwnDataset):
        raise UserError(f"dataset {recipe.name}: has no data report; images of one's own have")
    listing = recipe.listing()
    rows = inspect(recipe, listing, threads)
    broken = [row for row in rows if row["error"] is not None]
    if broken:
        _check_broken(recipe, rows, broken, files.undecodable)
    _assign(rows, judged(recipe.read(roots, download=False), rows), recipe)
    if recipe.manifest is not None:
        check_unchanged(recipe.manifest, dataset_manifest(recipe), recipe.path)
    report = DataReport(
        title=one_line(recipe.folder.name),
        rows=rows,
        classes=tuple(one_line(name) for name in listing.classes),
        left_out=listing.left_out,
        remarks=listing.remarks,
        chosen=tuple(chosen),
    )
    thumbnails = _thumbnails(
        recipe, pictured(report, max(1, min(EACH, MAX_THUMBNAILS // len(listing.classes))))
    )
    said = text(report)
    print(said)
    write_text(files.text, said)
    write_text(files.page, page(report, thumbnails))
    write_table(files.output, IMAGES, rows, {"dataset": dataset_name(recipe)})


def _check_broken(
    recipe: OwnDataset, rows: list[Record], broken: list[Record], listed: Path
) -> None:
    """Refuse images that cannot be decoded where they are not to be skipped, after listing them."""
    if recipe.on_error == "skip" and len(broken) < len(rows):
        return
    lines = [one_line(f"{row['file']}: {row['error']}") for row in broken]
    for line in lines:
        print(line)
    write_text(listed, "\n".join(lines) + "\n")
    raise UserError(
        f"{recipe.path}: {len(broken)} of {len(rows)} images cannot be decoded, the first is"
        f" {lines[0]}; all are listed in {listed}. Mend or remove them, or say dataset.on_error:"
        " skip to do without them"
    )


def _assign(rows: list[Record], source: Source, recipe: OwnDataset) -> None:
    """Note what each image is used for."""
    drawn = split_rows(source, recipe)
    own = own_validation(source, recipe) is not None
    given = {
        "train": "train",
        "validation": "validation" if own else "train",
        "test": "train" if source.test is None else "test",
    }
    by_split: dict[str, list[Record]] = {}
    for row in rows:
        by_split.setdefault(row["given_split"], []).append(row)
    for split, taken in drawn.items():
        for place in taken.tolist():
            by_split[given[split]][place]["split"] = split


def _thumbnails(recipe: OwnDataset, names: list[str]) -> dict[str, str]:
    """Small images as addresses of HTML, by the names of their files."""
    found = {}
    for name, source in zip(names, recipe.sources(names), strict=True):
        try:
            with open_image(source, name) as image:
                small = decoded_reduced(image, THUMBNAIL, name)
        except UserError:
            continue
        small.thumbnail((THUMBNAIL, THUMBNAIL))
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=80)
        found[name] = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return found
