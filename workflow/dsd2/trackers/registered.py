"""The trackers that a study's metrics may be written for, by name; nothing of them is imported.

A tracker is one module in this folder. It writes files, and sends nothing anywhere.
"""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from dsd2.errors import UserError
from dsd2.registry import Registry


@dataclass(frozen=True)
class TrackedRun:
    """One chain of a study: an arm with a seed.

    Attributes:
        name: what people call it.
        settings: the arm's, by key.
        metrics: what was measured, by name, for each iteration.
    """

    name: str
    settings: dict[str, str]
    metrics: dict[int, dict[str, float]]


class Tracker(ABC):
    """A program that shows runs.

    Attributes:
        package: that is to be installed, and imported where it is used alone.
    """

    package: ClassVar[str]

    @abstractmethod
    def write(self, study: str, runs: Sequence[TrackedRun], folder: Path) -> None:
        """Write the files of a study.

        Args:
            study: its name.
            runs: its chains.
            folder: to write to; it is there, and empty.
        """


TRACKERS: Registry[type[Tracker]] = Registry("tracker", "dsd2.trackers")


def check_installed(names: Iterable[str]) -> None:
    """See that the packages of trackers are there, without importing them.

    Raises:
        UserError: one is missing.
    """
    for name in names:
        package = TRACKERS[name].package
        if importlib.util.find_spec(package) is None:
            raise UserError(
                f"config key trackers has {name}, which needs the package {package}: install it,"
                " or leave it out"
            )
