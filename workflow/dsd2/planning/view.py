"""A study as figures, tables, pages and exports see it, and the files that it is run for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, fields, replace
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

from dsd2 import paths
from dsd2.analysis.classes import USED, arms_by_class, majority_said
from dsd2.analysis.registered import FIGURES, Figure, Page
from dsd2.analysis.view import StudyView
from dsd2.config.arms import ONLY_PANEL, Arm
from dsd2.config.export_options import exported_networks
from dsd2.config.study import Study
from dsd2.config.validation import SECTIONS
from dsd2.errors import UserError
from dsd2.escaping import one_line
from dsd2.planning.twins import twins
from dsd2.recipe import to_json
from dsd2.typed import Choice

EXPORTED = (
    paths.EXPORTED_NETWORK,
    paths.EXPORTED_ONNX,
    paths.EXPORTED_LOADER,
    paths.EXPORTED_PREPROCESSING,
    paths.EXPORTED_READER,
    paths.EXPORTED_CLASSIFIER,
    paths.EXPORTED_CARD,
    paths.EXPORTED_SUMS,
)
"""What exporting a network leaves."""

INT8 = (paths.EXPORTED_INT8, paths.EXPORTED_INT8_CARD)
"""What else it leaves where 8-bit integers are asked for."""

ISSUE_FORMATS = ("parquet", "csv", "html")
"""What label issues are written as."""


def study_view(study: Study, placed: Callable[[str], str] = str) -> StudyView:
    """The view of a study.

    Args:
        study: it.
        placed: where a file lies, given the path that rules have for it.
    """
    arms = study.arms.values()
    return StudyView(
        title=one_line(study.title),
        panels={name: one_line(label) for name, label in study.panels.items()},
        labels={arm.name: one_line(arm.label) for arm in arms},
        drawn=[(arm.name, arm.panel, arm.grid) for arm in arms if arm.show],
        arms=[
            {
                "panel": arm.panel,
                "name": arm.name,
                "show": arm.show,
                "model": to_json(arm.model),
                "dataset": to_json(arm.dataset),
                "filters": arm.filters,
            }
            for arm in arms
        ],
        settings=[
            {"panel": arm.panel, "name": arm.name, "settings": dict(_settings(arm))} for arm in arms
        ],
        twins=twins([*arms]),
        analysis=asdict(study.analysis),
        plot=asdict(study.plot),
        paper=[asdict(printed) for printed in study.paper],
        budget=study.budget,
        export=_export_of(study),
        exports={
            name: asdict(network)
            for name, network in exported_networks(study.export, study.arms).items()
        },
        datasets=[(arm.panel, arm.name, placed(dataset_of(arm))) for arm in compared_arms(study)],
        seed=study.seeds[0],
    )


def _settings(arm: Arm) -> Iterator[tuple[str, Any]]:
    """The settings of an arm by key, as ``training.epochs``.

    What an arm does not make use of is left out: fields at a default that means *absent*.
    """
    for section in SECTIONS:
        recipe = getattr(arm, section)
        if isinstance(recipe, Choice):
            yield f"{section}.{recipe.selector}", recipe.choice
        for field in () if recipe is None else fields(recipe):
            value = getattr(recipe, field.name)
            if value not in (None, field.default) and field.name != "corrections":
                yield f"{section}.{field.name}", value
    if (said := corrections_said(arm)) is not None:
        yield "dataset.corrections", said


def corrections_said(arm: Arm) -> str | None:
    """Who corrects an arm's labels, in words; None where nobody does."""
    if arm.corrections is not None:
        done = {"drop": "are dropped", "relabel": "are relabelled"}[arm.corrections.action]
        return f"what looks wrong to the networks of {arm.corrections.arm} {done}"
    given = arm.noise.corrections
    return None if given is None else f"as {one_line(Path(str(given.file)).name)} says"


def dataset_of(arm: Arm) -> str:
    """The dataset of an arm."""
    return paths.DATASET.format(dataset=paths.dataset_name(arm.dataset))


def compared_arms(study: Study) -> list[Arm]:
    """The arms whose networks are compared: drawn or exported."""
    return [arm for arm in study.arms.values() if arm.show or arm.name in (study.export.arms or ())]


def exported_arm(study: Study, network: str) -> Arm:
    """Whose network is exported under a name.

    Raises:
        UserError: none is.
    """
    exports = exported_networks(study.export, study.arms)
    if network not in exports:
        raise UserError(
            f"{paths.EXPORTS.format(study=study.folder)} has no {network}; it may have"
            f" {', '.join(exports)}"
        )
    return study.arms[exports[network].panel, exports[network].arm]


def card_facts(study: Study, network: str) -> dict[str, Any]:
    """What the card of an exported network says of its arm; raises as :func:`exported_arm`."""
    arm = exported_arm(study, network)
    return {
        "label": _named(study, arm),
        "noise": arm.noise.kind,
        "own": arm.dataset.path is not None,
        "stand_in": arm.noise.stand_in or arm.dataset.stand_in,
        "tested": arm.dataset.validation == "test",
        "corrections": corrections_said(arm),
    }


def figures_by_file(*, pages: bool) -> dict[str, str]:
    """The names of all figures, pages or drawings, by the name of their files before the dot."""
    return {
        figure.file or name: name
        for name, figure in FIGURES.items()
        if issubclass(figure, Page) == pages
    }


def listed_arms(study: Study) -> dict[str, Arm]:
    """The arms whose label issues are looked for, by the name of their files.

    An arm that a panel hides is among them where it is named, and no panel shows it.
    """
    if not study.trains:
        return {}
    shown, named = {arm.name for arm in study.arms.values() if arm.show}, study.label_issues.arms
    return {
        f"{'' if arm.panel == ONLY_PANEL else f'{arm.panel}.'}{arm.name}": arm
        for arm in study.arms.values()
        if (named is None or arm.name in named) and (arm.show or (named and arm.name not in shown))
    }


def issue_results(study: Study) -> list[str]:
    """The files that a study's label issues are in."""
    listed = _each(paths.LABEL_ISSUES, listed=listed_arms(study), format=ISSUE_FORMATS)
    return paths.fill(listed, study=study.folder)


def study_results(study: Study) -> list[str]:
    """The files that a study is run for."""
    results = [paths.STUDY_METRICS, paths.PROVENANCE] if study.trains else []
    for name in study.figures if study.figure else ():
        file, formats = FIGURES[name].file or name, FIGURES[name].formats
        results += _each(paths.FIGURE, figure=[file], format=formats)
    results += _each(paths.TABLE, table=study.tables, format=("md", "csv", "tex", "html"))
    results += _each(paths.TRACKED, tracker=study.trackers if study.trains else ())
    exports = export_results(study) if study.export.always else []
    issues = issue_results(study) if study.label_issues.always else []
    return [*paths.fill(results, study=study.folder), *exports, *issues]


def _export_of(study: Study) -> dict[str, Any]:
    """How networks are exported, without what has rules of its own."""
    options = asdict(replace(study.export, seconds=0, always=False))
    del options["int8"]
    return options


def export_results(study: Study) -> list[str]:
    """The files that exporting a study's networks leaves."""
    if not study.trains:
        return []
    networks = exported_networks(study.export, study.arms)
    files = (*EXPORTED, *(INT8 if study.export.int8 else ()))
    results = [path for file in files for path in _each(file, network=networks)]
    results += _each(paths.EXPORT_TABLE, format=("md", "csv"))
    results += _each(paths.EXPORT_FIGURE, format=Figure.formats)
    return paths.fill(results, study=study.folder)


def _each(pattern: str, **values: Iterable[str]) -> list[str]:
    """A pattern with every combination of some names filled in; the study's is left."""
    combinations = product(*values.values())
    return [
        pattern.format(study="{study}", **dict(zip(values, c, strict=True))) for c in combinations
    ]


def by_stem(files: Iterable[str]) -> list[str]:
    """Files, those that differ in what follows the last dot in one line: ``a.md .csv``."""
    stems: dict[str, list[str]] = {}
    for file in files:
        stems.setdefault(str(Path(file).with_suffix("")), []).append(Path(file).suffix)
    return [stem + " ".join(endings) for stem, endings in stems.items()]


def outcome(study: Study) -> list[str]:
    """For the terminal, the table of verdicts, or the first that the study has.

    Below it stands what the accuracy of an arm hides: that it is not above the baseline, or that
    classes are of unequal size.
    """
    return [*_verdicts(study), *_baselines(study), *_issues(study)]


def _issues(study: Study) -> list[str]:
    """What was found in labels, where it was looked for."""
    from dsd2.files.issue_records import LABEL_ISSUES
    from dsd2.files.records import identity_of, read_table

    lines = []
    for listed, arm in listed_arms(study).items():
        names = {"study": study.folder, "listed": listed}
        path = Path(paths.LABEL_ISSUES.format(**names, format="parquet"))
        if not path.exists():
            continue
        try:
            said = identity_of(read_table(path, LABEL_ISSUES, names))["findings"]
            lines.append(f"What looks wrong to the networks of {one_line(_named(study, arm))}:")
            lines += [f"  {sentence}" for sentence in said]
        except UserError as error:
            lines.append(str(error))
    return lines


def _verdicts(study: Study) -> list[str]:
    tables = sorted(study.tables, key=lambda table: table != "phases")
    for table in tables[:1]:
        path = Path(paths.TABLE.format(study=study.folder, table=table, format="md"))
        if path.exists():
            lines = path.read_text(encoding="utf-8").splitlines()
            return [line for line in lines if line.startswith("|")]
    return []


def _baselines(study: Study) -> list[str]:
    from dsd2.files.records import STUDY, read_table

    path = Path(paths.STUDY_METRICS.format(study=study.folder))
    if not path.exists():
        return []
    try:
        table = read_table(path, STUDY, {"study": study.folder})
    except UserError as error:
        return [str(error)]
    lines = []
    for row in arms_by_class(table.select(USED).to_pylist()):
        arm = study.arms.get((row["panel"], row["arm"]))
        if arm is not None and (said := majority_said(row)):
            warning = "WARNING: " if row["seeds not above majority"] else ""
            lines.append(f"{warning}{one_line(_named(study, arm))} {said}")
    columns = ["panel", "arm", "returned", "dropped", "relabelled"]
    returned = [row for row in table.select(columns).to_pylist() if row["returned"]]
    for key, arm in study.arms.items():
        own = [row for row in returned if (row["panel"], row["arm"]) == key]
        if own and own[0]["dropped"] is not None:
            dropped, changed = (fmean(r[c] for r in own) for c in ("dropped", "relabelled"))
            lines.append(
                f"{one_line(_named(study, arm))}: corrections leave out {dropped:,.4g} training"
                f" images and change {changed:,.4g} labels ({corrections_said(arm)})"
            )
    return lines


def _named(study: Study, arm: Arm) -> str:
    """An arm's label, with its panel's where there are several."""
    return f"{arm.label} ({study.panels[arm.panel]})" if len(study.panels) > 1 else arm.label
