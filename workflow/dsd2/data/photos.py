"""Keys of datasets whose images have differing sizes and lie in files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from dsd2.keys import Doc, Ge, Le
from dsd2.recipe import DatasetRecipe


@dataclass(frozen=True, kw_only=True)
class Photos(DatasetRecipe):
    """Images of differing sizes in files."""

    image_size: Annotated[
        int,
        Ge(4),
        Le(1024),
        Doc(
            "Side in pixels that images are resized to: the shorter side, then the middle is cut"
            " out; of imagenet the shorter side gets 256/224 of it before. For parquet it is null"
            " by default, and all images must then have one size."
        ),
    ] = 32
    stream: Annotated[
        bool,
        Doc(
            "Whether images stay in their files and are decoded when needed, for those that do not"
            " fit into memory; false by default, but true for imagenet. The files must stay where"
            " they are. The mean and deviation are then taken from at most 2048 training images."
        ),
    ] = False
