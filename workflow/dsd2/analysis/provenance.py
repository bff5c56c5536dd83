"""How a study's results came about: settings, trainings, environment, as tables of text."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pandas as pd

from dsd2.analysis.summary import by_arm
from dsd2.analysis.view import StudyView

PACKAGES = ("torch", "numpy", "pandas", "pyarrow", "matplotlib", "snakemake")
"""Those whose versions are shown."""

Part = tuple[str, pd.DataFrame]
"""A heading and the cells below it."""


def settings_parts(view: StudyView) -> list[Part]:
    """What all arms have in common, and in what they differ."""
    arms = view.settings
    keys = dict.fromkeys(key for arm in arms for key in arm["settings"])
    values = {key: [_text(arm["settings"].get(key)) for arm in arms] for key in keys}
    shared = {key: texts[0] for key, texts in values.items() if len(set(texts)) == 1}
    differing = {key: texts for key, texts in values.items() if key not in shared}
    parts = [
        ("Settings of all arms", pd.DataFrame(shared.items(), columns=["setting", "value"])),
    ]
    if differing:
        names = _names([(arm["panel"], arm["name"]) for arm in arms], view)
        parts.append(("Settings in which arms differ", pd.DataFrame({**names, **differing})))
    return parts


def trainings_part(study: pd.DataFrame, view: StudyView) -> Part:
    """What each arm's trainings took; the last row counts those that arms share once."""
    named = [((panel, arm), rows) for panel, arm, rows in by_arm(study)]
    once = study.drop_duplicates(["run", "iteration"])
    names = _names([name for name, _ in named], view)
    cells = pd.DataFrame(
        [_took(rows) for rows in (*(rows for _, rows in named), once)],
        columns=[
            "seeds",
            "trainings",
            "time, one after another",
            "of it inside the training loop",
            "largest memory of a training [MB]",
        ],
    )
    for i, (name, labels) in enumerate(names.items()):
        cells.insert(i, name, [*labels, "all, each training once" if name == "arm" else ""])
    return "Trainings", cells


def _took(rows: pd.DataFrame) -> list[str]:
    seconds = float(rows["seconds"].sum())
    return [
        str(rows["seed"].nunique()),
        str(len(rows)),
        f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h",
        f"{rows['seconds_training'].sum() / seconds:.0%}",
        f"{rows['peak_memory'].max() / 1e6:,.0f}",
    ]


def environment_parts(study: pd.DataFrame) -> list[Part]:
    """What trained, on which images, and the software that wrote this page."""
    once = study.drop_duplicates(["run", "iteration"])
    columns = {
        "device": "device",
        "threads": "threads of a training",
        "torch": "torch",
        "origin": "images",
        "train_images": "training images",
        "noise_rate": "of them with another label than the dataset's own",
    }
    counts = once.groupby(list(columns)).size().rename("trainings").reset_index()
    counts["noise_rate"] = [f"{rate:.2%}" for rate in counts["noise_rate"]]
    software = {"Python": platform.python_version(), "system": platform.platform()}
    for package in PACKAGES:
        try:
            software[package] = version(package)
        except PackageNotFoundError:
            continue
    return [
        ("Environment of the trainings", counts.rename(columns=columns).astype(str)),
        (
            "Where this page was written",
            pd.DataFrame(software.items(), columns=["what", "version"]),
        ),
    ]


def _names(arms: Sequence[tuple[str, str]], view: StudyView) -> dict[str, list[str]]:
    """The columns that name arms."""
    names = {"arm": view.arm_labels([arm for _, arm in arms])}
    if len(view.panels) > 1:
        names = {"panel": [view.panels[panel] for panel, _ in arms], **names}
    return names


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
