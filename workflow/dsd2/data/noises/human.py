"""Labels that people gave, from a file: CIFAR-10N, CIFAR-100N, or one's own."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated

from dsd2.keys import Default, Derived, Doc, MinLen
from dsd2.recipe import NOISES, NoiseRecipe


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
        Doc(
            "Its column of integer labels. Where the file has a column clean_label too, that is"
            " compared with the dataset's labels, so that another order is noticed."
        ),
    ] = None
