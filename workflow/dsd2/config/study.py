"""A study as frozen values: the configuration, validated and resolved, arm by arm."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Literal

from dsd2.config.recipe import (
    DatasetRecipe,
    ModelRecipe,
    NoiseRecipe,
    PerturbationRecipe,
    PruningRecipe,
    TrainingRecipe,
)
from dsd2.config.schedule import last_iteration
from dsd2.config.stopping import Stopping
from dsd2.config.validation import (
    SECTIONS,
    Section,
    check,
    complete_section,
    merge_section,
    schema,
)
from dsd2.errors import UserError

ONLY_PANEL = "all"
"""Name of the one panel of a study that has none."""


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """Whom an arm is distilled from: an arm of its panel, and which iteration of it."""

    teacher: str
    select: Literal["dense", "best"] | int
    alpha: float
    temperature: float
    temperature_squared: bool


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One curve of one panel, all its settings resolved."""

    panel: str
    name: str
    label: str
    show: bool
    dataset: DatasetRecipe
    noise: NoiseRecipe
    model: ModelRecipe
    training: TrainingRecipe
    pruning: PruningRecipe
    perturbation: PerturbationRecipe
    distillation: Distillation | None
    stopping: Stopping
    last: int


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """How curves are judged."""

    tolerance: float
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Plot:
    """How figures look: millimetres, dots per inch, points."""

    width: float
    height: float
    dpi: int
    font_size: float
    band: Literal["deviation", "range", "none"]


@dataclass(frozen=True, kw_only=True)
class Study:
    """Everything that a configuration says.

    Attributes:
        folder: name of its folder under ``results/studies``.
        panels: label of each panel, in order.
        arms: by panel and arm name, in order.
    """

    folder: str
    title: str
    seeds: tuple[int, ...]
    data_roots: tuple[str, ...]
    download: bool
    lookahead: int
    panels: dict[str, str]
    arms: dict[tuple[str, str], Arm]
    analysis: Analysis
    plot: Plot


def load_study(config: Any) -> Study:
    """Validate a raw configuration and resolve it.

    Raises:
        UserError: one sentence that names the key, its value and what is allowed.
    """
    config = check(config)
    panels = config.get("panels", {ONLY_PANEL: {}})
    return Study(
        folder="-".join(filter(None, (config["study"], config.get("budget")))),
        title=config.get("title", config["study"]),
        seeds=tuple(_top(config, "seeds")),
        data_roots=tuple(_top(config, "data_roots")),
        download=_top(config, "download"),
        lookahead=_top(config, "lookahead"),
        panels={name: panel.get("label", name) for name, panel in panels.items()},
        arms={
            (panel, name): arm
            for panel in panels
            for name, arm in _panel_arms(config, panel, panels[panel]).items()
        },
        analysis=Analysis(**_options(config, "analysis")),
        plot=Plot(**_options(config, "plot")),
    )


def _top(config: dict[str, Any], key: str) -> Any:
    return config.get(key, schema()["properties"][key]["default"])


def _options(config: dict[str, Any], key: str) -> dict[str, Any]:
    rules = schema()["properties"][key]["properties"]
    return {**{name: rule["default"] for name, rule in rules.items()}, **config.get(key, {})}


def _panel_arms(config: dict[str, Any], panel: str, overlay: dict[str, Any]) -> dict[str, Arm]:
    arms = {
        name: _arm(config, panel, overlay, name, _inherited(config["arms"], name))
        for name in config["arms"]
    }
    for name, arm in arms.items():
        _check_teacher(arms, name, arm)
    return arms


def _inherited(arms: dict[str, Any], name: str) -> dict[str, Any]:
    """An arm's own entry laid over those it is like."""
    entries, seen, current = [], [name], name
    while True:
        entry = arms[current] or {}
        entries.append(entry)
        if "like" not in entry:
            break
        current = entry["like"]
        if current not in arms:
            raise UserError(
                f"config key arms.{seen[-1]}.like is {current!r} but must be one of the arms"
                f" {', '.join(arms)}"
            )
        if current in seen:
            raise UserError(f"config key arms.{name}.like goes in a circle: {' → '.join(seen)}")
        seen.append(current)
    merged: dict[str, Any] = {}
    for entry in reversed(entries):
        merged = {**merged, **_merged(merged, entry)}
    first = entries[0]
    return {**merged, "label": first.get("label", name), "show": first.get("show", True)}


def _merged(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    """The sections of ``upper`` laid over those of ``lower``."""
    result = {name: lower[name] for name in SECTIONS if name in lower}
    for name in SECTIONS:
        if name in upper:
            result[name] = merge_section(name, lower.get(name), upper[name])
    return result


def _arm(
    config: dict[str, Any], panel: str, overlay: dict[str, Any], name: str, own: dict[str, Any]
) -> Arm:
    merged: dict[str, Any] = {}
    for layer in (config, overlay, own, config.get("override", {})):
        merged = _merged(merged, layer)
    where = f"arm {name}" if panel == ONLY_PANEL else f"arm {name} in panel {panel}"

    def section(key: str) -> Section:
        return complete_section(key, merged.get(key, {}), where)

    pruning, training = section("pruning"), section("training")
    wall = pruning.pop("wall")
    return Arm(
        panel=panel,
        name=name,
        label=own["label"],
        show=own["show"],
        dataset=_dataset(section("dataset"), where),
        noise=_noise(section("noise"), where),
        model=ModelRecipe(**section("model")),
        training=TrainingRecipe(**{**training, "milestones": _milestones(training)}),
        pruning=PruningRecipe(**pruning),
        perturbation=PerturbationRecipe(**section("perturbation")),
        distillation=_distillation(merged.get("distillation"), where),
        stopping=Stopping(**section("stopping")),
        last=last_iteration(pruning["fraction"], wall),
    )


def _dataset(section: Section, where: str) -> DatasetRecipe:
    name = section["name"]
    if name in ("parquet", "imagefolder") and "path" not in section:
        raise UserError(f"config key dataset.path of {where} is missing: {name} needs a folder")
    for key, word in (("validation", "test"), ("test", None)):
        size = section[key]
        if size != word and size >= 1 and size != int(size):
            raise UserError(
                f"config key dataset.{key} of {where} is {size} but must be a whole number, a"
                f" fraction below 1, or {json.dumps(word)}"
            )
    return DatasetRecipe(**section)


def _noise(section: Section, where: str) -> NoiseRecipe:
    if section["kind"] == "human":
        for key in ("file", "column"):
            if key not in section:
                raise UserError(f"config key noise.{key} of {where} is missing: human needs it")
    # Kinds without a rate, a seed or a choice for the validation labels.
    absent: Section = {"rate": 0.0, "seed": 0, "validation": "clean"}
    return NoiseRecipe(**{**absent, **section})


def _milestones(training: Section) -> tuple[int, ...]:
    # Rounded up, less the rounding of the product, so that one epoch is never dropped from.
    epochs = training["epochs"]
    return tuple(math.ceil(part * epochs - 1e-9) for part in sorted(training["milestones"]))


def _distillation(given: Section | None, where: str) -> Distillation | None:
    if given is None:
        return None
    if "teacher" not in given:
        raise UserError(f"config key distillation.teacher of {where} is missing")
    return Distillation(**complete_section("distillation", given, where))


def _check_teacher(arms: dict[str, Arm], name: str, arm: Arm) -> None:
    seen = [name]
    while arm.distillation is not None:
        teacher, key = arm.distillation.teacher, f"config key arms.{arm.name}.distillation"
        if teacher not in arms:
            raise UserError(
                f"{key}.teacher is {teacher!r} but must be one of the arms {', '.join(arms)}"
            )
        if teacher in seen:
            raise UserError(
                f"{key}.teacher goes in a circle: {' is taught by '.join([*seen, teacher])}"
            )
        last = arms[teacher].last
        if isinstance(arm.distillation.select, int) and arm.distillation.select > last:
            raise UserError(
                f"{key}.select is {arm.distillation.select} but {teacher} ends with"
                f" iteration {last}"
            )
        if arms[teacher].dataset != arm.dataset or arms[teacher].noise != arm.noise:
            raise UserError(
                f"{key}.teacher is {teacher!r}, whose dataset or noise differs: a teacher must"
                " have seen the same images and labels as its student"
            )
        seen.append(teacher)
        arm = arms[teacher]
