"""Classify image files with the exported network that lies beside this file.

    python classify.py photo.jpg folder/

This file needs numpy, Pillow and onnxruntime and nothing else, and pillow-heif for HEIC photos. A
copy lies beside every exported network. It reads images by ``preprocessing.py``, as training did,
and prints a line for each: its class with the probability, and the next ones. With
``--expect-folders`` it compares the classes with the names of the folders that the images lie in.

Its exit status is 1 where a file that was named cannot be read, and 2 where nothing can be
classified.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib
import json
import os
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

HERE = Path(__file__).resolve().parent

ONNX, HOW, READER, SUMS = "network.onnx", "preprocessing.json", "preprocessing.py", "SHA256SUMS"

NOT_READ = "that could not be read, so are not classified"
NOT_COMPARED = "whose folders have no class's name, so are not compared"
RESIZED = "that were resized, though no training image is known to have been"


class RefusedError(Exception):
    """Nothing can be classified; the text says why."""


class Found(NamedTuple):
    """A file to classify: whether it was named itself, and the label that its folder says."""

    path: Path
    named: bool
    label: int | None


class Network:
    """The exported network in a folder, and how it takes images.

    Raises:
        RefusedError: a file or package is missing, or a file is damaged or belongs elsewhere.
    """

    def __init__(self, folder: Path) -> None:
        model, how, reader = _contents(folder)
        self.session = _session(folder / ONNX, model)
        try:
            self.how: dict[str, Any] = json.loads(how)
            inside = json.loads(self.session.get_modelmeta().custom_metadata_map["preprocessing"])
            expected = self.how["reader"]["sha256"]
        except (ValueError, KeyError, TypeError) as error:
            raise RefusedError(f"{folder / HOW}: does not say how images are read") from error
        if inside != self.how:
            raise RefusedError(f"{folder / HOW}: belongs to another network than {ONNX} beside it")
        if hashlib.sha256(reader).hexdigest() != expected:
            raise RefusedError(f"{folder / READER}: is not the copy that was exported with {ONNX}")
        sys.path.insert(0, str(folder))
        self.reader = importlib.import_module("preprocessing")
        self.classes: list[str] = self.how["classes"]

    def probabilities(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Of each class, float64 [N, classes], of images uint8 [C, H, W]."""
        import numpy as np

        feed = {self.how["input"]["name"]: np.stack(images)}
        (logits,) = self.session.run([self.how["output"]["name"]], feed)
        powers = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True)


def _contents(folder: Path) -> list[bytes]:
    """What is in the files that classifying takes, checked where there are checksums."""
    sums = folder / SUMS
    lines = sums.read_text(errors="replace").splitlines() if sums.is_file() else []
    known = {name: checksum for checksum, _, name in (line.partition("  ") for line in lines)}
    contents = []
    for file in (folder / ONNX, folder / HOW, folder / READER):
        try:
            contents.append(file.read_bytes())
        except OSError as error:
            raise RefusedError(f"{file}: cannot be read ({error.strerror})") from error
        if known.get(file.name, found := hashlib.sha256(contents[-1]).hexdigest()) != found:
            raise RefusedError(f"{file}: is damaged (its checksum is not that in {SUMS})")
    return contents


def _session(file: Path, model: bytes) -> Any:
    try:
        import numpy  # noqa: F401
        import onnxruntime
        import PIL  # noqa: F401
    except ImportError as error:
        raise RefusedError(
            f"{error.name} is missing: pip install numpy pillow onnxruntime"
        ) from error
    options = onnxruntime.SessionOptions()
    # One thread: then sums are added up in one order, whatever the number of cores.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise RefusedError(f"{file}: ONNX Runtime cannot load it ({error})") from error


def found_files(arguments: Iterable[Path], network: Network) -> Iterator[Found]:
    """The files that are named, and those below the folders that are named, in a fixed order.

    Hidden and system entries of folders are left out. Links are followed, to each folder once. Of
    the folders below the named one, the uppermost that is called as a class gives the label.
    """
    labels = {_plain(name): label for label, name in enumerate(network.classes)}
    # ImageNet's folders are called by the first words of its classes.
    labels |= {name[:9]: label for name, label in labels.items() if re.match(r"n\d{8} ", name)}
    is_shown = network.reader.is_shown
    for argument in arguments:
        if not argument.is_dir():
            yield Found(argument, True, labels.get(_plain(argument.absolute().parent.name)))
            continue
        seen: set[str] = set()
        unlisted: list[OSError] = []
        for place, folders, files in os.walk(argument, True, unlisted.append, followlinks=True):
            if (real := os.path.realpath(place)) in seen:
                folders.clear()
                continue
            seen.add(real)
            folders[:], files = (sorted(filter(is_shown, names)) for names in (folders, files))
            above = (*Path(place).relative_to(argument).parts, argument.absolute().name)
            label = next((labels[name] for name in map(_plain, above) if name in labels), None)
            yield from (Found(Path(place, file), False, label) for file in files)
        for error in unlisted:
            yield Found(Path(error.filename), Path(error.filename) == argument, None)


def _plain(name: str) -> str:
    """A name however its letters are encoded."""
    return unicodedata.normalize("NFC", name).strip()


@dataclass
class Report:
    """What is printed of the files, in lines and at the end.

    Attributes:
        classes: their names.
        table: ``csv.writer`` of a row for each file.
        top: classes that are named of each file.
        compares: whether folders say the class.
    """

    classes: Sequence[str]
    table: Any
    top: int
    compares: bool
    right: Counter[int] = field(default_factory=Counter)
    seen: Counter[int] = field(default_factory=Counter)
    odd: Counter[str] = field(default_factory=Counter)
    status: int = 0

    def __post_init__(self) -> None:
        ranks = range(1, min(self.top, len(self.classes)) + 1)
        names = [f"{name} {rank}" for rank in ranks for name in ("class", "probability")]
        self.table.writerow(["path", *names, *["folder's class"] * self.compares])

    def failed(self, file: Found, error: object) -> None:
        """Say that a file cannot be read."""
        print(_line(error), file=sys.stderr)
        self.odd[NOT_READ] += 1
        self.status |= file.named

    def classified(self, file: Found, probabilities: np.ndarray) -> None:
        """Say what a file is."""
        order = (-probabilities).argsort(kind="stable")[: self.top].tolist()
        ranked = [(self.classes[i], float(probabilities[i])) for i in order]
        text = ", ".join(f"{_line(name)} {100 * share:.2f} %" for name, share in ranked)
        cells = [cell for name, share in ranked for cell in (_cell(name), f"{share:.6f}")]
        if self.compares:
            says = "" if file.label is None else self.classes[file.label]
            cells.append(_cell(says))
            if file.label is None:
                self.odd[NOT_COMPARED] += 1
            else:
                self.seen[file.label] += 1
                self.right[file.label] += order[0] == file.label
                text += "" if order[0] == file.label else f" (its folder says {_line(says)})"
        print(f"{_line(file.path)}: {text}")
        self.table.writerow([_cell(file.path), *cells])

    def finish(self) -> None:
        """Say the accuracy, and what was odd."""
        if self.compares:
            print(f"accuracy: {_share(self.right.total(), self.seen.total())}")
            for label, name in enumerate(self.classes):
                print(f"recall of {_line(name)}: {_share(self.right[label], self.seen[label])}")
        for note, count in (+self.odd).items():
            print(f"files {note}: {count}", file=sys.stderr)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} % ({part} of {whole})" if whole else "no image"


def _line(text: object) -> str:
    """Text on one line, without what a terminal would obey."""
    return "".join(sign if sign.isprintable() else "�" for sign in str(text))


def _cell(text: object) -> str:
    """Text as a spreadsheet shows it: a formula gets an apostrophe before it."""
    return f"'{text}" if str(text).startswith(("=", "+", "-", "@")) else str(text)


def classify(network: Network, files: Iterable[Found], batch: int, report: Report) -> None:
    """Read and classify files, as many at once as ``batch`` says."""
    reading = _readable(network.reader, network.how, files, report)
    while held := list(islice(reading, batch)):
        answers = network.probabilities([pixels for _, pixels in held])
        for (file, _), answer in zip(held, answers, strict=True):
            report.classified(file, answer)


def _readable(
    reader: Any, how: Mapping[str, Any], files: Iterable[Found], report: Report
) -> Iterator[tuple[Found, np.ndarray]]:
    for file in files:
        try:
            if not file.path.is_file():
                raise reader.ImageError(f"{file.path}: is not there, or cannot be read")
            pixels = reader.read_image(file.path, how)
            report.odd[RESIZED] += reader.is_resized(file.path, how)
            yield file, pixels
        except reader.ImageError as error:
            report.failed(file, error)
        except MemoryError:
            report.failed(file, f"{file.path}: the image is too large for the memory")


def main(arguments: Sequence[str] | None = None, folder: Path = HERE) -> int:
    """Classify the files that the arguments name, by the network in a folder; the exit status."""
    options = _options(arguments)
    try:
        network = Network(folder)
        with _opened(options.csv) as file:
            report = Report(network.classes, csv.writer(file), options.top, options.expect_folders)
            classify(network, found_files(options.paths, network), options.batch, report)
    except RefusedError as refused:
        print(_line(refused), file=sys.stderr)
        return 2
    report.finish()
    return report.status


def _opened(path: Path) -> Any:
    try:
        # Names of files need not be UTF-8.
        return path.open("w", encoding="utf-8", errors="surrogateescape", newline="")
    except OSError as error:
        raise RefusedError(f"{path}: cannot be written ({error.strerror})") from error


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Classify images with the network beside this.")
    compare = "compare with the names of images' folders: accuracy, and recall of each class"
    add = parser.add_argument
    add("paths", nargs="+", type=Path, metavar="PATH", help="image files, and folders of them")
    add("--top", type=int, default=3, metavar="N", help="classes to name of each image (3)")
    add("--batch", type=int, default=16, metavar="N", help="images to compute at once (16)")
    add("--csv", type=Path, default=Path(os.devnull), help="file to write: a row for each image")
    add("--expect-folders", action="store_true", help=compare)
    options = parser.parse_args(arguments)
    if min(options.top, options.batch) < 1:
        parser.error("--top and --batch take whole numbers from 1 on")
    return options


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        # A terminal may lack letters that names of files and classes have.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(main())
