"""Arms with all their settings resolved: inheritance, grids, panels, defaults, overrides."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsd2.config import table4
from dsd2.config.autoconfig import suggestions
from dsd2.config.chain_length import chains_end
from dsd2.config.corrections import check_corrections, corrected
from dsd2.config.distillation import caches_logits
from dsd2.config.grids import Entry, Point, expand, written_out
from dsd2.config.layers import inherited, merged_sections, overridden
from dsd2.config.pinned import pinned
from dsd2.config.resolve import (
    chosen,
    dataset_recipe,
    noise_recipe,
    perturbation_recipe,
    pruning_recipe,
    stopping_recipe,
    training_recipe,
)
from dsd2.config.sanitize import shown
from dsd2.config.sections import ONLY_PANEL, Distillation
from dsd2.config.validation import Section, complete_section, top_level, value_of
from dsd2.data.locate import with_stand_ins
from dsd2.data.manifest import Known, with_manifests
from dsd2.data_recipe import ArmCorrections
from dsd2.errors import UserError
from dsd2.recipe import (
    DatasetRecipe,
    ModelRecipe,
    NoiseRecipe,
    PerturbationRecipe,
    PruningRecipe,
    TrainingRecipe,
    to_json,
)
from dsd2.stopping import Stopping

__all__ = ["ONLY_PANEL", "Arm", "resolve_arms"]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One curve of one panel, all its settings resolved.

    Attributes:
        show: whether figures draw it.
        grid: where it stands in the grid that it comes from; empty for an arm of its own.
        corrections: of its labels by another arm's networks.
        last: its last iteration before the target sparsity.
        exhausted: whether it ends there because a further round would remove nothing.
    """

    panel: str
    name: str
    label: str
    show: bool
    grid: Point
    dataset: DatasetRecipe
    noise: NoiseRecipe
    model: ModelRecipe
    training: TrainingRecipe
    pruning: PruningRecipe
    perturbation: PerturbationRecipe
    distillation: Distillation | None
    corrections: ArmCorrections | None
    stopping: Stopping
    last: int
    exhausted: bool

    @property
    def filters(self) -> int | None:
        """Filters of the first convolution where filters are pruned instead of weights."""
        if self.pruning.structure == "weights" or self.model.filters is None:
            return None
        return self.model.filters[0]


@dataclass(frozen=True)
class _Candidate:
    """An arm's entry, what it inherits laid under it, before a panel makes an arm of it."""

    family: str
    entry: Entry
    point: Point


@dataclass(frozen=True)
class _Context:
    """What every arm is resolved from.

    Attributes:
        layers: sections that lie below those of panels and arms, the lowest first.
        override: sections that lie above them.
        candidates: every arm's entry by name.
        roots: folders that may hold a named dataset.
        stand_in: where missing data gets a stand-in, whether it may be downloaded; None where it
            is an error.
        manifests: of the user's own data, as they are made.
        code: Python files that networks may be built from; None for any.
        download: whether what is missing may be downloaded.
    """

    layers: tuple[Entry, ...]
    override: Entry
    candidates: dict[str, _Candidate]
    roots: list[Path]
    stand_in: bool | None
    manifests: Known
    code: tuple[str, ...] | None
    download: bool


def resolve_arms(config: dict[str, Any]) -> tuple[dict[str, str], dict[tuple[str, str], Arm]]:
    """The label of each panel, and the arms by panel and name, in the order of the configuration.

    Args:
        config: checked against the schema.

    Raises:
        UserError: an arm, a teacher or a grid is not what it must be.
    """
    families = {
        name: expand("arms", name, inherited(config["arms"], name)) for name in config["arms"]
    }
    members = written_out("arms", families)
    candidates = {
        member: _Candidate(family, members[member], point)
        for family, points in families.items()
        for member, (_, point) in points.items()
    }
    stand_in = top_level(config, "missing_data") == "stand-in"
    context = _Context(
        layers=(suggestions(config["data"], config) if "data" in config else {}, config),
        override=config.get("override", {}),
        candidates=candidates,
        roots=[Path(root) for root in top_level(config, "data_roots")],
        stand_in=top_level(config, "download") if stand_in else None,
        manifests={},
        code=config.get("code"),
        download=top_level(config, "download"),
    )
    entries = config.get("panels", {ONLY_PANEL: {}})
    grids = {name: expand("panels", name, entry) for name, entry in entries.items()}
    panels = written_out("panels", grids)
    arms = {
        (panel, name): arm
        for panel, entry in panels.items()
        for name, arm in _panel_arms(context, panel, entry).items()
    }
    return {name: entry.get("label", name) for name, entry in panels.items()}, arms


def _panel_arms(context: _Context, panel: str, overlay: Entry) -> dict[str, Arm]:
    """The arms that a panel lists, by name or by their grid's; hidden, those that teach them."""
    candidates, listed = context.candidates, overlay.get("arms")
    families = dict.fromkeys(candidate.family for candidate in candidates.values())
    for name in listed or ():
        if name not in candidates and name not in families:
            raise UserError(
                f"config key panels.{panel}.arms has {shown(name)} but must list some of the arms"
                f" {', '.join(dict.fromkeys([*families, *candidates]))}"
            )

    def is_listed(name: str) -> bool:
        return listed is None or bool({name, candidates[name].family} & set(listed))

    made: dict[str, Arm] = {}
    wanted = [name for name in candidates if is_listed(name)]
    while wanted:
        name = wanted.pop(0)
        if name in made:
            continue
        made[name] = arm = _arm(context, panel, overlay, name, is_listed(name))
        if arm.distillation is not None and arm.distillation.teacher in candidates:
            wanted.append(arm.distillation.teacher)
        if arm.corrections is not None and arm.corrections.arm in candidates:
            wanted.append(arm.corrections.arm)
    arms = {name: made[name] for name in candidates if name in made}
    for name, arm in arms.items():
        _check_teacher(arms, name, arm)
        check_corrections(arms, arm)
    return arms


def _arm(context: _Context, panel: str, overlay: Entry, name: str, listed: bool) -> Arm:
    own = context.candidates[name].entry
    merged: Entry = {}
    for layer in (*context.layers, overlay, own):
        merged = merged_sections(merged, layer)
    merged = overridden(merged, context.override)
    where = f"arm {name}" if panel == ONLY_PANEL else f"arm {name} in panel {panel}"
    model, dataset = (value_of(k, "name", merged.get(k, {})) for k in ("model", "dataset"))

    def section(key: str) -> Section:
        paper = table4.defaults(key, model, dataset)
        if key == "training" and value_of(key, "optimiser", merged.get(key) or {}) == "adamw":
            paper |= table4.ADAMW
        return complete_section(key, merged.get(key) or {}, paper, where)

    roots, pruned = context.roots, section("pruning")
    target = pruned.pop("target_sparsity")
    network = chosen(ModelRecipe, "model", section("model"), where)
    network = pinned(network, context.code, context.download)
    seen = section("dataset")
    wanted = seen.pop("corrections")
    images = dataset_recipe(seen, where)
    noise, corrections = corrected(wanted, noise_recipe(section("noise"), images, where), where)
    if context.stand_in is not None:
        images, noise = with_stand_ins(images, noise, roots, context.stand_in)
    images, noise = with_manifests(images, noise, roots, context.manifests)
    training = training_recipe(section("training"), images, where)
    pruning = pruning_recipe(pruned, where)
    perturbation = perturbation_recipe(section("perturbation"), training, images, roots, where)
    last, exhausted = chains_end(pruning, target, network, images, roots, where)
    distilled = None
    if merged.get("distillation") is not None:
        keys = section("distillation")
        keys["teacher"] = _teacher(keys["teacher"], name, context.candidates)
        cached = caches_logits(keys["cache_logits"], training, images, roots, where)
        distilled = Distillation(**keys, table=cached)
    return Arm(
        panel=panel,
        name=name,
        label=own.get("label", name),
        show=own.get("show", True) and listed,
        grid=context.candidates[name].point,
        dataset=images,
        noise=noise,
        model=network,
        training=training,
        pruning=pruning,
        perturbation=perturbation,
        distillation=distilled,
        corrections=corrections,
        stopping=stopping_recipe(section("stopping"), network, images, roots, where),
        last=last,
        exhausted=exhausted,
    )


def _teacher(teacher: str, name: str, candidates: dict[str, _Candidate]) -> str:
    """A grid's member is taught by the member at its own point, where the teacher is a grid too."""
    if teacher in candidates:
        return teacher
    point = candidates[name].point
    same = (n for n, c in candidates.items() if c.family == teacher and c.point == point)
    return next(same, teacher)


def _check_teacher(arms: dict[str, Arm], name: str, arm: Arm) -> None:
    seen = [name]
    while arm.distillation is not None:
        teacher, key = arm.distillation.teacher, f"config key arms.{arm.name}.distillation"
        if teacher not in arms:
            raise UserError(
                f"{key}.teacher is {shown(teacher)} but must be one of the arms {', '.join(arms)}"
            )
        if teacher in seen:
            raise UserError(
                f"{key}.teacher goes in a circle: {' is taught by '.join([*seen, teacher])}"
            )
        last = arms[teacher].last
        if isinstance(arm.distillation.select, int) and arm.distillation.select > last:
            raise UserError(
                f"{key}.select is {arm.distillation.select} but must be at most {last}, the last"
                f" iteration of {teacher}"
            )
        if _data(arms[teacher]) != _data(arm):
            raise UserError(
                f"{key}.teacher is {teacher!r}, whose dataset or noise differs: a teacher must"
                " have seen the same images and labels as its student"
            )
        if arms[teacher].model.constants != arm.model.constants:
            raise UserError(
                f"{key}.teacher is {teacher!r}, whose images are normalised by other constants"
                " than the student's: give both the same config key model.normalise"
            )
        seen.append(teacher)
        arm = arms[teacher]


def _data(arm: Arm) -> tuple[str, str, ArmCorrections | None]:
    """What an arm's images and labels are, wherever they lie."""
    return to_json(arm.dataset), to_json(arm.noise), arm.corrections
