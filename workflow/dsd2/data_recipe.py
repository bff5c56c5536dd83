"""Which images and labels a run is trained on: datasets and label noise, by registered kinds.

A new kind is one new module in the package that its registry names, as ``docs/extending.md`` shows.
Snakemake reads those modules whenever it starts, so they import torch inside functions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, Self

from dsd2.keys import Default, Derived, Doc, Ge, Gt, Lt, MinLen
from dsd2.registry import Registry
from dsd2.typed import Choice, Number, Typed

if TYPE_CHECKING:
    from torch import Generator, Tensor

DATASETS: Registry[type[DatasetRecipe]] = Registry("dataset", "dsd2.data.datasets")
NOISES: Registry[type[NoiseRecipe]] = Registry("noise kind", "dsd2.data.noises")


def _place() -> Any:
    """A field that says where something lies. A name has its manifest instead, if there is one."""
    return dataclasses.field(default=None, metadata={"place": True})


class Contents(NamedTuple):
    """A dataset before it is split.

    Attributes:
        image: (C, H, W) of every image.
        classes: how many there are.
        train: training images.
        validation: validation images of its own; None where it has none.
        test: test images of its own; None where it has none.
    """

    image: tuple[int, int, int]
    classes: int
    train: int
    validation: int | None = None
    test: int | None = None


@dataclass(frozen=True, kw_only=True)
class ArmCorrections(Typed):
    """Labels that look wrong to the networks of another arm are corrected."""

    arm: Annotated[str, Doc("Whose networks, in the same panel and with the same seed.")]
    action: Annotated[Literal["drop", "relabel"], Doc("What is done to the training images.")]


@dataclass(frozen=True, kw_only=True)
class CorrectionsRecipe(Typed):
    """Which labels are corrected after noise: those of a file, or suspects of a chain.

    Attributes:
        file: the user's, a copy of a table of label issues that was edited. It is no part of what
            the corrections are, since its ``manifest`` says that.
        manifest: of the file (:mod:`dsd2.data.manifest`).
        run: whose chain judged the labels, where there is no file.
        stop: the policy that stopped the chain, as folders name it.
        last: its last iteration before the target sparsity.
        action: what is done to the suspects, drop or relabel.
        revision: of how suspects are found.
    """

    file: str | None = _place()
    manifest: str | None = None
    run: str | None = None
    stop: str | None = None
    last: int | None = None
    action: str | None = None
    revision: int = 1

    @property
    def slug(self) -> str:
        """What a name says of the corrections, for people."""
        return {None: "corrected", "drop": "dropped", "relabel": "relabelled"}[self.action]


@dataclass(frozen=True, kw_only=True)
class DatasetRecipe(Choice):
    """Images, and how they are split.

    A dataset is a subclass that is registered in ``DATASETS``. It says where its files lie, what
    is in them, and how they are read.

    Attributes:
        path: folder of someone's own images; None for the datasets that have a name. It is no part
            of what the dataset is where its ``manifest`` says that.
        manifest: of the files in that folder (:mod:`dsd2.data.manifest`).
        stand_in: synthetic images in the dataset's format, where it is missing.
        corrections: of labels, as a configuration has them; None in a run's recipe, where they
            belong to the labels (:attr:`NoiseRecipe.corrections`).
        human_labels: files below a data root that may hold labels that people gave.
        stand_in_classes: how many classes its stand-in has; None where there is no stand-in.
    """

    registry: ClassVar[Registry[Any]] = DATASETS
    selector: ClassVar[str] = "name"
    human_labels: ClassVar[tuple[str, ...]] = ()
    stand_in_classes: ClassVar[int | None] = None

    train: Annotated[
        int | None,
        Ge(1),
        Default(None),
        Doc("Training images to use, drawn at random; all that are left when null."),
    ]
    test: Annotated[
        Number | None,
        Gt(0),
        Default(None),
        Doc(
            "Test images to use, drawn at random, a number or a fraction below 1; all when null."
            " Where there is no test set, it is taken from the images, a fifth of them when null."
        ),
    ]
    validation: Annotated[
        Number | Literal["test", "own", "auto"],
        Gt(0),
        Default(0.1),
        Doc(
            "Images held out of the training set, which gates and teacher selection look at: a"
            " number, or a fraction below 1 of the training set. The word own instead takes the"
            " validation images that the dataset itself has; the word test the test images"
            " themselves, as the paper does, and the test accuracy is then no fair estimate. The"
            " word auto, the default for images of one's own, takes own validation images where"
            " there are any, else a tenth to a quarter of the training images: more of few."
        ),
    ]
    split_seed: Annotated[
        int, Ge(0), Default(0), Doc("Seed of the split and of the choice of images.")
    ]
    skip: Annotated[
        int, Ge(0), Doc("Images left out that a study of so many, of one split_seed, trains on.")
    ] = 0
    corrections: Annotated[
        str | ArmCorrections | None,
        MinLen(1),
        Doc(
            "Corrected labels, which come after any noise: a CSV or parquet file, a copy of a table"
            " of label issues whose column action you have set to drop or relabel. Its images are"
            " trained without, or with the class in column label. The file's content is part of"
            " the run's name; your images stay as they are. Or a mapping, as {arm: vanilla, action:"
            " drop}: the training labels that look wrong to the networks of that arm, with the same"
            " seed, are dropped or relabelled, as many as are estimated to be wrong."
        ),
    ] = None
    path: Annotated[str | None, Derived()] = _place()
    manifest: Annotated[str | None, Derived()] = None
    image_column: Annotated[str | None, Derived()] = "image"
    label_column: Annotated[str | None, Derived()] = "label"
    image_size: Annotated[int | None, Derived()] = 32
    stream: Annotated[bool, Derived()] = False
    stand_in: Annotated[bool, Derived()] = False

    @property
    def name(self) -> str:
        """The name that the dataset is registered by."""
        return self.choice

    def read(self, roots: Sequence[Path], download: bool) -> Any:
        """All images with their labels, a :class:`dsd2.data.source.Source`.

        Args:
            roots: folders that may hold the data, searched in order.
            download: fetch what is missing into the first of them, where that is possible.

        Raises:
            UserError: the data is missing or not what it should be.
        """
        raise NotImplementedError

    def contents(self, roots: Sequence[Path]) -> Contents:
        """How many images there are, of what shape, without decoding them.

        Raises:
            UserError: the data is not what it should be.
        """
        raise NotImplementedError

    def is_there(self, roots: Sequence[Path], download: bool = False) -> bool:
        """Whether the data is below a root, or will be once it is downloaded."""
        return True

    def write_stand_in(self, root: Path) -> None:
        """Write synthetic images in the dataset's format below a root."""
        raise NotImplementedError

    def files(self) -> list[str]:
        """Names of the files in ``path`` that the dataset is made of.

        Raises:
            UserError: the folder is not what it should be.
        """
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class NoiseRecipe(Choice):
    """Wrong labels in the training set.

    A kind of noise is a subclass that is registered in ``NOISES``.

    Attributes:
        file: where ``human`` labels are; None for the release's file of a CIFAR dataset. It is no
            part of what the noise is where its ``manifest`` says that.
        manifest: of that file (:mod:`dsd2.data.manifest`).
        column: which of its columns they are.
        stand_in: labels flipped at random, where the file of ``human`` ones is missing.
        corrections: of the labels, after the noise.
    """

    registry: ClassVar[Registry[Any]] = NOISES
    selector: ClassVar[str] = "kind"

    rate: Annotated[
        float, Ge(0), Lt(1), Default(0.2), Doc("ε, the share of images that is relabelled.")
    ]
    seed: Annotated[
        int,
        Ge(0),
        Default(0),
        Doc("Seed of the noise, apart from the training seed; all seeds share the labels."),
    ]
    validation: Annotated[
        Literal["clean", "noisy"],
        Default("clean"),
        Doc("Whether the held-out labels stay clean or are noisy too."),
    ]
    file: Annotated[str | None, Derived()] = _place()
    manifest: Annotated[str | None, Derived()] = None
    column: Annotated[str | None, Derived()] = None
    stand_in: Annotated[bool, Derived()] = False
    corrections: Annotated[CorrectionsRecipe | None, Derived()] = None

    @property
    def kind(self) -> str:
        """The name that the kind of noise is registered by."""
        return self.choice

    @property
    def slug(self) -> str:
        """What a run's name says of the noise, for people; a digest beside it holds the rest."""
        return f"{self.kind.replace('-', '')}{self.rate:g}"

    def read(
        self, dataset: DatasetRecipe, labels: Tensor, classes: int, roots: Sequence[Path]
    ) -> Tensor | None:
        """The given labels of all training images, int64 [N]; None where noise is drawn.

        Args:
            dataset: whose labels.
            labels: the dataset's own, of all its training images in its order.
            classes: how many there are.
            roots: folders that may hold a file of labels.

        Raises:
            UserError: the file is missing, or does not fit the dataset.
        """
        return None

    def missing(self, dataset: DatasetRecipe) -> str | None:
        """The key that labels of this dataset need and that is not given; None where none is."""
        return None

    @classmethod
    def described(cls, share: str, *, stand_in: bool) -> str:
        """What was done to the labels, in a sentence.

        Args:
            share: how many labels are not the dataset's own, in words.
            stand_in: whether labels that people gave were missing.
        """
        return f"{cls.registry.name_of(cls)}; it changed {share}."

    def with_stand_in(self, dataset: DatasetRecipe, roots: Sequence[Path]) -> Self:
        """The noise with made-up labels where those that people gave are missing."""
        return self

    def apply(self, labels: Tensor, classes: tuple[str, ...], draws: Generator) -> Tensor:
        """The noisy labels, int64 [N].

        Args:
            labels: clean, int64 [N].
            classes: their names.
            draws: random generator.

        Raises:
            UserError: the noise is not defined for these classes.
        """
        raise NotImplementedError
