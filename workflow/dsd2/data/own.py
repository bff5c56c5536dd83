"""Datasets of someone's own: images in a folder, listed before they are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from dsd2.data.photos import Photos
from dsd2.errors import UserError
from dsd2.escaping import one_line
from dsd2.keys import Default, Derived, Doc, Gt, MinLen, Required
from dsd2.recipe import Contents, DatasetRecipe
from dsd2.typed import Number

if TYPE_CHECKING:
    from dsd2.data.listing import Listed, Listing
    from dsd2.data.source import Images, Source


class Survey(NamedTuple):
    """A look at some of the images.

    Attributes:
        images: training images, all of them.
        sides: shorter sides of some in pixels.
        one_size: whether images need not be resized, since all have one size.
    """

    images: int
    sides: list[int]
    one_size: bool


@dataclass(frozen=True, kw_only=True)
class OwnDataset(DatasetRecipe):
    """Images in a folder of the user's.

    Attributes:
        reading: revision of how images are read and split; another one renames what it changes.
    """

    path: Annotated[
        str | None, MinLen(1), Required(), Doc("Folder of the images or parquet files.")
    ] = dataclasses.field(default=None, metadata={"place": True})
    validation: Annotated[
        Number | Literal["test", "own", "auto"],
        Gt(0),
        Default("auto"),
    ]
    on_error: Annotated[
        Literal["refuse", "skip"],
        Doc(
            "What to do with images that cannot be decoded: refuse the dataset and list them all,"
            " or skip them and say so."
        ),
    ] = "refuse"
    reading: Annotated[int, Derived(), Default(2)] = 1

    @property
    def folder(self) -> Path:
        """The folder that the configuration requires."""
        assert self.path is not None, "the configuration requires it"
        return Path(self.path)

    def listing(self) -> Listing:
        """The images and their labels; none is opened whose name tells what it is.

        Raises:
            UserError: the folder is not what it should be.
        """
        raise NotImplementedError

    def sources(self, names: Sequence[str]) -> Iterator[Path | bytes]:
        """The file of each listed image, or what is in it."""
        raise NotImplementedError

    def survey(self, sample: int) -> Survey:
        """How many and how large the images are; what cannot be decoded is passed over.

        Args:
            sample: images whose header is looked at, at most.
        """
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class OwnPhotos(Photos, OwnDataset):
    """Images of one's own that lie in files of their own."""

    ignore: Annotated[
        tuple[str, ...],
        Doc(
            "Files and folders below path that are not looked into, as [test] for test images that"
            " have no labels."
        ),
    ] = ()

    def sources(self, names: Sequence[str]) -> Iterator[Path | bytes]:
        """See :meth:`OwnDataset.sources`."""
        return (self.folder / name for name in names)

    def survey(self, sample: int) -> Survey:
        """See :meth:`OwnDataset.survey`."""
        from dsd2.data.decoding import open_image

        names = self.listing().splits["train"].names
        sides = []
        for source in self.sources(names[:: max(1, len(names) // sample)]):
            # What cannot be decoded is for the data report to name.
            with suppress(UserError), open_image(source, "image") as image:
                sides.append(min(image.size))
        return Survey(len(names), sides, one_size=False)

    def files(self) -> list[str]:
        """See :meth:`DatasetRecipe.files`."""
        return [name for listed in self.listing().splits.values() for name in listed.names]

    def contents(self, roots: Sequence[Path]) -> Contents:
        """See :meth:`DatasetRecipe.contents`."""
        listing = self.listing()
        count = {split: len(listed.names) for split, listed in listing.splits.items()}
        return Contents(
            (1 if self._mode(listing) == "L" else 3, self.image_size, self.image_size),
            len(listing.classes),
            count["train"],
            count.get("validation"),
            count.get("test"),
        )

    def read(self, roots: Sequence[Path], download: bool) -> Source:
        """See :meth:`DatasetRecipe.read`."""
        import torch

        from dsd2.data.files import image_files
        from dsd2.data.source import Images, Source

        listing = self.listing()
        mode = self._mode(listing)

        def images(listed: Listed) -> Images:
            files = image_files(self.folder, listed.names, mode, self.image_size)
            return Images(files, torch.tensor(listed.labels, dtype=torch.int64))

        parts = {split: images(listed) for split, listed in listing.splits.items()}
        return Source(
            train=parts["train"],
            validation=parts.get("validation"),
            test=parts.get("test"),
            classes=listing.classes,
            origin=f"image files in {one_line(self.folder.name)}",
        )

    def _mode(self, listing: Listing) -> str:
        """``L`` if all images are greyscale, else ``RGB``; stops at the first colour image.

        What cannot be opened has no colour: it is the data report that names it.
        """
        from dsd2.data.decoding import open_image
        from dsd2.preprocessing import is_grey

        for listed in listing.splits.values():
            for source in self.sources(listed.names):
                try:
                    with open_image(source, "image") as image:
                        if not is_grey(image):
                            return "RGB"
                except UserError:
                    continue
        return "L"
