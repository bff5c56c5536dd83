"""Write the files of a network that is exported."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dsd2 import classify, load_network, paths
from dsd2.config.export_options import Export, Exported
from dsd2.data.dataset import Dataset, load_dataset
from dsd2.errors import UserError
from dsd2.export.agreement import compare, test_set
from dsd2.export.choice import allowed_loss, best_accuracy, checkpoint_of, row_of_export
from dsd2.export.forms import (
    Form,
    form_of,
    load_small,
    onnx_of,
    parts,
    save_small,
    smallest,
    uncompressed_bytes,
)
from dsd2.export.model_card import CardData, card, label_noise
from dsd2.export.onnx import run_session, save_onnx, session_of
from dsd2.export.reading import READER, compact_json, described_reading, indented_json
from dsd2.export.whole import Whole
from dsd2.files.atomic import replacing, write_text
from dsd2.files.issue_records import LABEL_ISSUES
from dsd2.files.records import STUDY, identity_of, read_rows, read_table

MAX_DIFFERENCE = 1e-4
"""Of logits, as a share of the largest one: what rounding may explain."""


@dataclass(frozen=True)
class ExportFiles:
    """What an exported network consists of; ``sums`` has the SHA-256 of each of the others.

    Attributes:
        network: the small file.
        onnx: the ONNX model.
        loader: a copy of what loads the small file.
        preprocessing: how images are read, as JSON.
        reader: a copy of what reads them so.
        classifier: a copy of what classifies files.
        card: the model card.
        sums: checksums.
    """

    network: Path
    onnx: Path
    loader: Path
    preprocessing: Path
    reader: Path
    classifier: Path
    card: Path
    sums: Path


@torch.inference_mode()
def run_export(
    name: str,
    metrics: Path,
    dataset: Path,
    issues: Path | None,
    exported: Exported,
    export: Export,
    arm: Mapping[str, Any],
    analysis: Mapping[str, float],
    files: ExportFiles,
) -> None:
    """Choose a network, compress it, check its files on all test images, and write its card.

    Args:
        name: of the study.
        metrics: the study's table.
        dataset: of the arm; its file is called by its name.
        issues: what was found in the labels, where the study always looks.
        exported: whose network, and which.
        export: how.
        arm: for the card its ``label`` with its panel, the kind of its ``noise``, and who made
            its ``corrections``. Also whether
            its labels are the user's ``own``, whether they or the images are a ``stand_in``, and
            whether the test images ``tested`` candidates too, as validation images.
        analysis: the study's ``confidence`` and ``tolerance``.
        files: to write.

    Raises:
        UserError: the checkpoint is gone, or a file does not compute what the network does.
    """
    torch.set_num_threads(1)
    study = read_rows(metrics, STUDY, {"study": name})
    whole = load_dataset(dataset, dataset.stem)
    judging = len(whole.validation.labels)
    chosen = row_of_export(study, exported, judging, export.tolerance)
    results = paths.results_of(metrics, paths.STUDY_METRICS)
    checkpoint = checkpoint_of(results, chosen)
    data = whole.normalised_for(checkpoint.model)
    form = form_of(checkpoint.network(torch.device("cpu")), checkpoint.image)
    small = smallest(form)
    about = {key: chosen[key] for key in ("run", "iteration", "sparsity", "test_accuracy")}
    reading = _write_network(files, small, data, export.precision, about)
    session = session_of(files.onnx.read_bytes())
    trained = checkpoint.network(torch.device("cpu"))
    answers: dict[str, Callable[[Tensor], Tensor]] = {
        "network": load_small(files.network, small),
        "onnx": lambda images: torch.from_numpy(run_session(session, images.numpy())),
    }
    test = test_set(data)
    agreements = compare(lambda images: trained(test.normalise(images)), answers, test)
    for file, agreement in agreements.items():
        exact = file == "onnx" or export.precision == "fp32"
        if exact and agreement.difference > MAX_DIFFERENCE * max(1.0, agreement.scale):
            raise UserError(
                f"{getattr(files, file)}: its logits differ from the trained network's by"
                f" {agreement.difference:g}, more than rounding; this is a fault of the workflow"
            )
    data_of_card = CardData(
        label=arm["label"],
        noise=label_noise(
            arm["noise"], chosen["noise_rate"], own=arm["own"], stand_in=arm["stand_in"]
        ),
        corrections=arm["corrections"],
        issues=_issues(issues, name),
        tested=arm["tested"],
        licence=export.licence,
        choice=exported.choice,
        tolerance=allowed_loss(best_accuracy(study, exported), judging, export.tolerance),
        standard_error_of=judging if export.tolerance is None else None,
        confidence=analysis["confidence"],
        flat_tolerance=analysis["tolerance"],
        test_images=len(data.test.labels),
        image=checkpoint.image,
        reading=reading,
        precision=export.precision,
        parts=[(name, part.parameters, part.macs()) for name, part in parts(form).items()],
        nonzero=small.nonzero,
        file_bytes=(
            files.network.stat().st_size,
            files.onnx.stat().st_size,
            uncompressed_bytes(form),
        ),
        agreements=(agreements["network"], agreements["onnx"]),
        start=checkpoint.start,
        whole=form.reason if isinstance(form, Whole) else None,
    )
    write_text(files.card, card(chosen, study, data_of_card))
    summed = [getattr(files, field.name) for field in fields(files) if field.name != "sums"]
    write_text(files.sums, checksums(summed))


def _issues(path: Path | None, study: str) -> tuple[str, list[str]] | None:
    """Where a study's label issues are listed, and what they come to."""
    if path is None:
        return None
    said = identity_of(read_table(path, LABEL_ISSUES, {"study": study}))["findings"]
    return f"label_issues/{path.stem}.html", list(said)


def _write_network(
    files: ExportFiles, small: Form, data: Dataset, precision: str, about: dict[str, Any]
) -> dict[str, Any]:
    """Write all but the card and the checksums; gives what is said of how images are read."""
    reading = described_reading(data)
    described = (data.mean, data.std, data.classes)
    # The small file's description has the classes already.
    brief = {key: value for key, value in reading.items() if key != "classes"}
    about = {**about, "preprocessing": brief}
    save_small(files.network, small, *described, precision, about)
    save_onnx(files.onnx, onnx_of(small, *described), {"preprocessing": compact_json(reading)})
    write_text(files.preprocessing, indented_json(reading))
    copies = {
        files.loader: Path(load_network.__file__),
        files.reader: READER,
        files.classifier: Path(classify.__file__),
    }
    for copy, source in copies.items():
        with replacing(copy) as temporary:
            shutil.copyfile(source, temporary)
    return reading


def checksums(files: Sequence[Path]) -> str:
    """The SHA-256 of each file, as ``sha256sum --check`` reads it beside them."""
    return "".join(
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files
    )
