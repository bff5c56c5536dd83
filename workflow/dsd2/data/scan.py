"""Folders of images as they lie on a disk: which files are images, and of which class and split.

Folders are looked into by the rules of torchvision's ``ImageFolder``; what else lies there is left
out and listed. No image is opened but those whose names do not tell what they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dsd2.data.class_folders import check_depth, check_inner, check_names, distinct_classes
from dsd2.data.label_hints import other_labels
from dsd2.data.listing import SPLITS, LeftOut, Listed, Listing, split_of
from dsd2.errors import UserError

EXTENSIONS = (
    *(".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"),
    *(".apng", ".avif", ".dds", ".dib", ".gif", ".heic", ".heif", ".icns", ".ico", ".j2k"),
    *(".jfif", ".jp2", ".jpe", ".jpx", ".mpo", ".pbm", ".pcx", ".pnm", ".qoi", ".sgi"),
)
"""Endings of image files, in any case: torchvision's first. Others are known by their content."""

NO_IMAGES = (
    *(".csv", ".doc", ".docx", ".html", ".json", ".jsonl", ".md", ".mat", ".mov", ".mp4", ".npy"),
    *(".parquet", ".pdf", ".pkl", ".py", ".tsv", ".txt", ".xls", ".xlsx", ".xml", ".yaml", ".zip"),
)
"""Endings of files whose content need not be looked at."""

SYSTEM = {
    *("__macosx", "$recycle.bin", "system volume information", "@eadir", "lost+found"),
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"),
}
"""What systems leave in folders, in small letters; hidden entries begin with a dot."""

HIDDEN = "hidden and system entries"
BESIDE = "images beside the class folders"
UNUSED = "folders that are no split"
EMPTY = "folders without images"
IGNORED = "entries that dataset.ignore names"


def is_hidden(name: str) -> bool:
    """Whether an entry is hidden or a system's own."""
    return name.startswith(".") or name.casefold() in SYSTEM


def list_class_folders(folder: Path, ignore: Iterable[str] = ()) -> Listing:
    """List class folders, or such folders in folders that are called after splits.

    Where a folder holds nothing but one other folder, that one is looked into.

    Args:
        folder: of the images.
        ignore: paths relative to the folder that are not looked into.

    Raises:
        UserError: there is no class folder, two are alike or one, a split has a class that training
            lacks, or has no class folders, or two folders are of one split.
    """
    return _Scan(folder, ignore).listing()


class _Scan:
    """One look at a folder, which notes what it leaves out."""

    def __init__(self, folder: Path, ignore: Iterable[str]) -> None:
        self.folder = folder
        self._ignore = set(ignored_paths(ignore))
        self._ignored: set[str] = set()
        self._seen: dict[str, str] = {}
        self._left: dict[str, dict[str, None]] = {}
        self._are_images: dict[str, bool] = {}
        self._remarks: list[str] = []

    def listing(self) -> Listing:
        """What lies in the folder."""
        if not self.folder.is_dir():
            raise _no_classes(self.folder)
        top = self._content(self.folder)
        splits = self._splits(top)
        if splits:
            parts = {split: self._classes(self._content(place)) for split, place in splits.items()}
        else:
            parts = {"train": self._classes(top)}
        classes = self._checked(parts)
        if unknown := sorted(self._ignore - self._ignored):
            raise unknown_ignored(self.folder, unknown)
        listed = {
            split: self._listed(files, classes) for split, files in parts.items() if any(files)
        }
        left = [LeftOut(what, tuple(sorted(names))) for what, names in self._left.items()]
        return Listing(classes, listed, tuple(left), tuple(self._remarks))

    def _content(self, folder: Path) -> Path:
        """The folder itself, or the one inside it that is all it holds."""
        while True:
            folders, images = self._entries(folder)
            if (
                len(folders) != 1
                or images
                or split_of(folders[0]) not in (None, split_of(folder.name))
            ):
                return folder
            inside = folder / folders[0]
            deeper, images = self._entries(inside)
            if images or not deeper:
                return folder  # It is the only class.
            self._remarks.append(f"{self._name(inside)} is the only folder, so it was looked into")
            folder = inside

    def _splits(self, top: Path) -> dict[str, Path]:
        """The folders of splits; none where the folder is not split."""
        folders, images = self._entries(top)
        found: dict[str, Path] = {}
        for name in folders:
            split = split_of(name)
            if split in found:
                raise UserError(
                    f"{top}: {found[split].name!r} and {name!r} are both folders of the split"
                    f" {split}; join them, or name one in dataset.ignore"
                )
            if split is not None:
                found[split] = top / name
        if "train" not in found:
            self._check_classes_called_as_splits(top, found, folders)
            return {}
        unused = [top / name for name in folders if split_of(name) is None]
        self._leave(UNUSED, map(self._name, unused))
        self._leave(BESIDE, images)
        for split, place in found.items():
            if place.name != split:
                what = "training" if split == "train" else split
                self._remarks.append(f"{self._name(place)} holds the {what} images")
        return {split: found[split] for split in SPLITS if split in found}

    def _check_classes_called_as_splits(
        self, top: Path, found: dict[str, Path], folders: list[str]
    ) -> None:
        if found and len(found) == len(folders):
            raise UserError(
                f"{top}: has no folder of training images beside {', '.join(folders)}; a split is"
                " no class"
            )
        for split, place in found.items():
            if self._entries(place)[0]:
                raise UserError(
                    f"{top}: has class folders beside {place.name!r}, which looks like the split"
                    f" {split}; put them into a folder train, or say dataset.ignore:"
                    f" [{self._name(place)}]"
                )
            self._remarks.append(f"{self._name(place)} is taken for a class, not for a split")

    def _classes(self, folder: Path) -> dict[str, list[str]]:
        """The image files of every class folder, relative to the dataset's folder."""
        folders, beside = self._entries(folder)
        found: dict[str, list[str]] = {}
        for name in distinct_classes(folder, folders):
            if images := list(self._images(folder / name)):
                found[name] = images
            else:
                self._leave(EMPTY, [self._name(folder / name)])
        is_training = split_of(folder.name) in (None, "train")
        if not found and beside and not is_training:
            raise UserError(
                f"{folder}: has {len(beside)} images but no class folders, so that they have no"
                f" labels; say dataset.ignore: [{self._name(folder)}] to do without them"
            )
        if not found and is_training:
            raise _no_classes(folder, beside)
        if len(found) == 1 and is_training:
            (name, images) = next(iter(found.items()))
            raise UserError(
                f"{folder}: has one class, {name}; it takes two{other_labels(folder, images)}"
            )
        self._leave(BESIDE, beside)
        check_depth(folder, found)
        check_names(folder, found)
        check_inner(folder, found)
        return found

    def _checked(self, parts: dict[str, dict[str, list[str]]]) -> tuple[str, ...]:
        """The classes, which are those of the training images."""
        classes = sorted(parts["train"])
        for split, files in parts.items():
            if unknown := sorted(files.keys() - parts["train"].keys()):
                example = Path(files[unknown[0]][0]).parent.as_posix()
                raise UserError(
                    f"{self.folder}: {split} has the class {', '.join(unknown)}, of which there is"
                    f" no training image; the classes are {', '.join(classes)}. Say dataset.ignore:"
                    f" [{example}] to do without it"
                )
        return tuple(classes)

    def _listed(self, files: dict[str, list[str]], classes: tuple[str, ...]) -> Listed:
        listed = Listed([], [])
        for label, name in enumerate(classes):
            listed.names.extend(files.get(name, ()))
            listed.labels.extend([label] * len(files.get(name, ())))
        return listed

    def _images(self, top: Path) -> Iterator[str]:
        """The image files in a folder and those below it; follows links.

        Raises:
            UserError: a folder cannot be listed, or has been seen under another name.
        """
        other = self._seen.setdefault(os.path.realpath(top), str(top))
        if other != str(top):
            raise UserError(
                f"{top}: is the same folder as {other}, whose images would count twice; remove the"
                " link"
            )
        folders, images = self._entries(top, others=True)
        yield from images
        for name in folders:
            yield from self._images(top / name)

    def _entries(self, folder: Path, *, others: bool = False) -> tuple[list[str], list[str]]:
        """Names of the folders and relative paths of the images in a folder.

        Hidden and ignored entries are noted; with ``others`` also files that are no images.
        """
        folders, images = [], []
        try:
            with os.scandir(folder) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError as error:
            raise UserError(f"{error.filename}: cannot be listed ({error.strerror})") from error
        # Of each image a path is made as text: pathlib takes ten times as long.
        place = "" if folder == self.folder else f"{self._name(folder)}/"
        for entry in entries:
            name = place + entry.name
            if self._is_ignored(name):
                continue
            if is_hidden(entry.name):
                self._leave(HIDDEN, [name])
            elif entry.is_symlink() and not os.path.exists(entry.path):  # noqa: PTH110 - also loops
                raise UserError(f"{entry.path}: is a link to nothing; remove it")
            elif entry.is_dir():
                folders.append(entry.name)
            elif self._is_image(entry.path):
                images.append(name)
            elif others:
                kind = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122
                self._leave(f"{kind} files" if kind else "files without a suffix", [name])
        return folders, images

    def _is_ignored(self, name: str) -> bool:
        if name not in self._ignore:
            return False
        self._ignored.add(name)
        self._leave(IGNORED, [name])
        return True

    def _is_image(self, path: str) -> bool:
        suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122
        if suffix in EXTENSIONS or suffix in NO_IMAGES:
            return suffix in EXTENSIONS
        if path not in self._are_images:
            self._are_images[path] = _decodes(Path(path))
        return self._are_images[path]

    def _leave(self, what: str, names: Iterable[str]) -> None:
        if left := dict.fromkeys(names):
            self._left.setdefault(what, {}).update(left)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def unknown_ignored(folder: Path, names: Sequence[str]) -> UserError:
    """The error of paths that are to be ignored and are not there."""
    return UserError(f"config key dataset.ignore is {names[0]!r}, which {folder} does not have")


def ignored_paths(names: Iterable[str]) -> list[str]:
    """Paths to ignore, in the form of those below the folder: ``test`` for ``test/``."""
    return sorted({Path(name).as_posix() for name in names})


def _no_classes(folder: Path, images: Sequence[str] = ()) -> UserError:
    return UserError(
        f"{folder}: needs a folder of images for each class; images end in"
        f" {', '.join(EXTENSIONS[:9])}, or are known by their content{other_labels(folder, images)}"
    )


def _decodes(path: Path) -> bool:
    from dsd2.data.decoding import open_image

    try:
        open_image(path).close()
    except UserError:
        return False
    return True
