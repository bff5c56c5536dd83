"""Labels that people gave, from a file: CIFAR-10N, CIFAR-100N, or one's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from dsd2.data.locate import find_file
from dsd2.errors import UserError
from dsd2.keys import Default, Derived, Doc, MinLen, Required
from dsd2.recipe import NOISES, DatasetRecipe, NoiseRecipe

if TYPE_CHECKING:
    from torch import Tensor

STAND_IN_RATE = 0.3
"""Share of wrong labels where synthetic ones stand in for those that people gave."""


@NOISES.register("human")
@dataclass(frozen=True, kw_only=True)
class Human(NoiseRecipe):
    """Labels that people gave, from a file."""

    rate: Annotated[float, Derived(), Default(0.0)]
    seed: Annotated[int, Derived(), Default(0)]
    file: Annotated[
        str | None,
        MinLen(1),
        Doc(
            "Parquet file with a row a training image, in the dataset's own order, or a .pt file of"
            " the CIFAR-N release; a path, or one below any of data_roots. Without it, cifar10"
            " takes cifar10/labels_human.parquet or CIFAR-10_human.pt below a root; cifar100"
            " likewise."
        ),
    ] = dataclasses.field(default=None, metadata={"place": True})
    column: Annotated[
        str | None,
        MinLen(1),
        Required(),
        Doc(
            "Its column of integer labels. Where the file has a column clean_label too, that is"
            " compared with the dataset's labels, so that another order is noticed."
        ),
    ] = None

    @property
    def slug(self) -> str:
        """``human-worselabel``; cut, as a folder's name has an end, and the digest has all."""
        return f"human-{''.join(filter(str.isalnum, str(self.column)))[:24]}"

    def find(self, dataset: DatasetRecipe, roots: Sequence[Path]) -> Path | None:
        """The file, if it is there: the one that is named, or the dataset's release."""
        if self.file is not None:
            return find_file(self.file, roots)
        places = (root / release for root in roots for release in dataset.human_labels)
        return next((place for place in places if place.is_file()), None)

    def located(self, dataset: DatasetRecipe, roots: Sequence[Path]) -> Path:
        """The file.

        Raises:
            UserError: it is not there; the message says what to get and where to put it.
        """
        path = self.find(dataset, roots)
        if path is not None:
            return path
        searched = ", ".join(map(str, roots))
        if self.file is not None:
            raise UserError(
                f"config key noise.file is {self.file!r}, which is no file, nor below any of"
                f" data_roots ({searched})"
            )
        raise UserError(
            f"config key noise.kind is 'human' but none of the folders of data_roots ({searched})"
            f" has {' or '.join(dataset.human_labels)}: get {dataset.human_labels[-1]} of the"
            f" CIFAR-N release (noisylabels.com) and put it into {roots[0]}"
        )

    def missing(self, dataset: DatasetRecipe) -> str | None:
        return "file" if self.file is None and not dataset.human_labels else None

    @classmethod
    def described(cls, share: str, *, stand_in: bool) -> str:
        whose = "random labels stand in for those" if stand_in else "labels"
        return f"{whose} that people gave; {share} differ from the dataset's own."

    def with_stand_in(self, dataset: DatasetRecipe, roots: Sequence[Path]) -> Self:
        """See :meth:`NoiseRecipe.with_stand_in`; for datasets of which there is a release."""
        if not dataset.human_labels:
            return self
        missing = dataset.stand_in or self.find(dataset, roots) is None
        return dataclasses.replace(self, stand_in=missing)

    def read(
        self, dataset: DatasetRecipe, labels: Tensor, classes: int, roots: Sequence[Path]
    ) -> Tensor:
        assert self.column is not None, "the configuration requires it"
        if self.stand_in or dataset.stand_in:
            from dsd2.data.noises.random import symmetric
            from dsd2.seeds import generator

            draws = generator("stand-in", "labels", self.column)
            return symmetric(labels, classes, STAND_IN_RATE, draws)
        from dsd2.data.human_labels import read_human_labels

        return read_human_labels(self.located(dataset, roots), self.column, labels, classes)
