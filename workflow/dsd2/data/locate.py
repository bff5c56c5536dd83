"""Where datasets lie that are looked for below the data roots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from dsd2.errors import UserError
from dsd2.recipe import Contents, DatasetRecipe, NoiseRecipe

if TYPE_CHECKING:
    from dsd2.data.source import Source


@dataclass(frozen=True, kw_only=True)
class RootedDataset(DatasetRecipe):
    """A dataset that is looked for below the data roots.

    Attributes:
        needs: what a data root must hold, for the message that it does not.
        downloadable: whether :meth:`read_from` can fetch it.
    """

    needs: ClassVar[str]
    downloadable: ClassVar[bool] = False

    def lies_in(self, root: Path) -> bool:
        """Whether a root has the dataset."""
        raise NotImplementedError

    def read_from(self, root: Path, download: bool) -> Source:
        """Read the dataset from a root, after fetching it where ``download`` says so.

        Raises:
            UserError: the files are not what they should be, or cannot be fetched.
        """
        raise NotImplementedError

    def contents_in(self, root: Path | None) -> Contents:
        """The contents in a root; those of the release where no root has the dataset."""
        raise NotImplementedError

    def find(self, roots: Sequence[Path]) -> Path | None:
        """The first root that has the dataset."""
        return next((root for root in roots if self.lies_in(root)), None)

    def is_there(self, roots: Sequence[Path], download: bool = False) -> bool:
        """See :meth:`DatasetRecipe.is_there`."""
        return (download and self.downloadable) or self.find(roots) is not None

    def read(self, roots: Sequence[Path], download: bool) -> Source:
        """See :meth:`DatasetRecipe.read`."""
        root = self.find(roots)
        if root is None and not (download and self.downloadable):
            fetch = f"set download: true to fetch it into {roots[0]}, or "
            raise UserError(
                f"dataset {self.name}: none of the folders of data_roots"
                f" ({', '.join(map(str, roots))}) has it; {fetch if self.downloadable else ''}put"
                f" {self.needs} there"
            )
        return self.read_from(root or roots[0], download=root is None)

    def contents(self, roots: Sequence[Path]) -> Contents:
        """See :meth:`DatasetRecipe.contents`."""
        if not self.stand_in or self.stand_in_classes is None:
            return self.contents_in(self.find(roots))
        from dsd2.data.synthetic import stand_in_sizes

        release, sizes = self.contents_in(None), stand_in_sizes(self)
        own = None if release.validation is None else sizes.validation
        return Contents(release.image, self.stand_in_classes, sizes.train, own, sizes.test)


def with_stand_ins(
    dataset: DatasetRecipe, noise: NoiseRecipe, roots: Sequence[Path], download: bool
) -> tuple[DatasetRecipe, NoiseRecipe]:
    """The recipes with stand-ins for data that is missing and not to be downloaded."""
    if dataset.stand_in_classes is not None and not dataset.is_there(roots, download):
        dataset = replace(dataset, stand_in=True)
    return dataset, noise.with_stand_in(dataset, roots)


def find_file(file: str, roots: Sequence[Path]) -> Path | None:
    """A file by its path, or by its path below the first root that has it."""
    places = [Path(file), *(root / file for root in roots)]
    return next((place for place in places if place.is_file()), None)
