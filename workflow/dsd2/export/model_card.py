"""The model card of an exported network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dsd2.analysis.classes import is_counted, proportion_interval
from dsd2.analysis.phases import phases
from dsd2.analysis.table_format import percent, unit
from dsd2.escaping import escape_markdown
from dsd2.export.agreement import Agreement
from dsd2.export.card_classes import baseline_line, classes_section
from dsd2.export.choice import LEAST, Row
from dsd2.export.loading import using
from dsd2.recipe import NOISES
from dsd2.stopping import ENDS

BY_CLASS = (
    ("balanced test accuracy", "test_balanced_accuracy"),
    ("macro-F1 on the test images", "test_macro_f1"),
    ("majority baseline on the test images", "test_majority_accuracy"),
)
"""Lines of the first table that networks have which were measured by class."""


@dataclass(frozen=True)
class CardData:
    """What the card says of the network and its files that the study's table does not.

    Attributes:
        label: of the arm.
        noise: what was done to the labels, as :func:`label_noise` has it.
        corrections: who corrected them, in words; None where nobody did.
        issues: where the study lists labels that look wrong, and sentences on how many do; None
            where nobody has looked.
        tested: whether the test images are the validation images, which choose.
        licence: of the weights.
        choice: how it was chosen, best or smallest.
        tolerance: that the choice allowed.
        standard_error_of: validation images, where their number decides on the tolerance.
        confidence: of the accuracy's interval.
        flat_tolerance: accuracy difference that is no drop, when phases are told apart.
        test_images: how many.
        image: (C, H, W).
        reading: what ``preprocessing.json`` holds.
        precision: that the small file's numbers are stored with.
        parts: name, parameters and multiply-accumulates after each part of the compression; the
            first is the dense network.
        nonzero: numbers of the compressed network that are not zero.
        file_bytes: of the small file, of the ONNX file, and of the dense network's numbers.
        agreements: of the small file and of the ONNX file.
        start: what it started from, where that was pretrained weights.
        whole: why it is exported in its dense shapes; None where channels could be removed.
    """

    label: str
    noise: str
    corrections: str | None
    issues: tuple[str, list[str]] | None
    tested: bool
    licence: str | None
    choice: str
    tolerance: float
    standard_error_of: int | None
    confidence: float
    flat_tolerance: float
    test_images: int
    image: tuple[int, int, int]
    reading: Mapping[str, Any]
    precision: str
    parts: Sequence[tuple[str, int, int]]
    nonzero: int
    file_bytes: tuple[int, int, int]
    agreements: tuple[Agreement, Agreement]
    start: str | None = None
    whole: str | None = None


def card(chosen: Row, study: Sequence[Row], data: CardData) -> str:
    """The model card of an exported network, in Markdown.

    Args:
        chosen: its row.
        study: every row of the study.
        data: about it.
    """
    rows = [row for row in study if (row["panel"], row["arm"]) == (chosen["panel"], chosen["arm"])]
    run = sorted((r for r in rows if r["seed"] == chosen["seed"]), key=lambda r: r["iteration"])
    dense, last = run[0], run[-1]
    best = max(rows, key=lambda row: row["validation_accuracy"])
    interval = proportion_interval(chosen["test_accuracy"], data.test_images, data.confidence)
    low, high = (100 * end for end in interval)

    def line(name: str, key: str) -> str:
        values = (percent(row[key]) for row in (chosen, best, dense))
        cells = (value if value == "–" else f"{value} %" for value in values)
        return f"| {name} | {' | '.join(cells)} |"

    return "\n".join(
        [
            f"# A compressed network: {escape_markdown(data.label)}",
            "",
            _chosen_as(chosen, data),
            "",
            "| | this network | best by validation | dense |",
            "| --- | --- | --- | --- |",
            line("test accuracy", "test_accuracy"),
            *(line(*named) for named in BY_CLASS if is_counted(chosen)),
            line("validation accuracy", "validation_accuracy"),
            line("sparsity", "sparsity"),
            line("accuracy on the training labels", "train_accuracy"),
            "",
            f"- **Accuracy**: {100 * chosen['test_accuracy']:.2f} % of {data.test_images:,} test"
            f" images. The {100 * data.confidence:g} % interval is {low:.2f} to {high:.2f} %"
            " (Wilson's, over images). The training seed adds to it.",
            baseline_line(chosen),
            f"- **Phase** of the curve over sparsity that it lies in:"
            f" {phase_of(chosen, study, data.flat_tolerance)}.",
            f"- **Trained on**: {escape_markdown(chosen['origin'])},"
            f" {chosen['train_images']:,} images of {'×'.join(map(str, data.image))}.",
            *([f"- **Started from**: {escape_markdown(data.start)}."] if data.start else []),
            f"- **Label noise**: {data.noise}",
            *_corrected(chosen, data.corrections),
            f"- **Label issues**: {_issues(data.issues)}",
            f"- **Teacher**: {_teacher(chosen)}.",
            f"- **Pruned** in {chosen['iteration']} rounds; the chain ended because:"
            f" {last['stop_reason']}.",
            *_costs(run, study, chosen),
            f"- **Licence**: {_licence(data.licence)}.",
            "",
            *classes_section(chosen, data.confidence),
            *_sizes(data),
            "",
            using(data.reading, whole=data.whole is not None),
        ]
    )


def phase_of(chosen: Row, study: Sequence[Row], tolerance: float) -> str:
    """The phase that a network lies in, in words.

    It is judged on the longest curve of its run in the study. Where a gate has cut that curve too,
    it is undecided: a network that looks collapsed may lie in a valley.

    Args:
        chosen: its row.
        study: every row of the study.
        tolerance: accuracy difference that is no drop.
    """
    curves: dict[tuple[str, str], list[Row]] = {}
    for row in study:
        if row["run"] == chosen["run"]:
            curves.setdefault((row["panel"], row["arm"]), []).append(row)

    def is_whole(curve: Sequence[Row]) -> bool:
        return any(row["stopping"] == "none" or row["stop_reason"] in ENDS for row in curve)

    longest = max(curves.values(), key=lambda curve: (len(curve), is_whole(curve)))
    if not is_whole(longest):
        return (
            "undecided, since the chain was stopped before the accuracy had collapsed or recovered"
        )
    longest = sorted(longest, key=lambda row: row["iteration"])
    found = phases([row["test_accuracy"] for row in longest], tolerance)
    return next(
        p for p, r in zip(found, longest, strict=True) if r["iteration"] == chosen["iteration"]
    )


def label_noise(kind: str, rate: float, *, own: bool, stand_in: bool) -> str:
    """What was done to the training labels, in sentences.

    How many labels are wrong is known of none that came with a dataset.

    Args:
        kind: of the noise.
        rate: share of the training labels that are not those of the dataset.
        own: whether the labels are a user's own.
        stand_in: whether labels that people gave were missing, and others stand in for them.
    """
    unknown = "How many of the dataset's own labels are wrong is not known."
    share = f"{100 * rate:.1f} % of the training labels"
    described = NOISES[kind].described(share, stand_in=stand_in)
    # Where none was added, nothing at all is known of wrong labels.
    return f"{described} {unknown}" if own or rate == 0 else described


def _corrected(chosen: Row, corrections: str | None) -> list[str]:
    """How many training labels were corrected, and who says so."""
    if corrections is None or chosen["dropped"] is None:
        return []
    return [
        f"- **Labels corrected**: {chosen['dropped']:,} training images left out,"
        f" {chosen['relabelled']:,} relabelled ({escape_markdown(corrections)})."
    ]


def _issues(issues: tuple[str, list[str]] | None) -> str:
    """Where to find the labels that look wrong."""
    if issues is None:
        return "not looked for; `snakemake label_issues` lists the labels that look wrong."
    page, said = issues
    return f"{' '.join(map(escape_markdown, said))} The study lists them: {escape_markdown(page)}."


def _licence(given: str | None) -> str:
    return escape_markdown(given) if given else "not stated (configuration key export.licence)"


def _chosen_as(chosen: Row, data: CardData) -> str:
    reason = (
        "It has the best validation accuracy of the iterations that its arm's stopping policy"
        " allowed."
    )
    if data.choice == "smallest":
        reason = (
            f"It is the sparsest network whose validation accuracy is at most"
            f" {100 * data.tolerance:.3g} % (of all images) below the best."
        )
        if data.standard_error_of is not None and data.tolerance > LEAST:
            reason += (
                f" With {data.standard_error_of} validation images that is the standard error of"
                " the best: so few cannot tell a smaller difference."
            )
        if chosen["validation_balanced_accuracy"] is not None:
            reason += (
                " Its balanced accuracy is above a guess by at least half as much as that of the"
                " best."
            )
    source = f"Iteration {chosen['iteration']} of the run `{chosen['run']}`."
    part = "The test accuracy played no part in the choice."
    if data.tested:
        part = (
            "The validation images are the test images (dataset.validation is test). So the test"
            " accuracy made the choice, and is too high an estimate."
        )
    return f"{source} {reason} {part}"


def _teacher(chosen: Row) -> str:
    if chosen["teacher_run"] is None:
        return "none"
    return f"iteration {chosen['teacher_iteration']} of `{chosen['teacher_run']}`"


def _costs(run: Sequence[Row], study: Sequence[Row], chosen: Row) -> list[str]:
    last = run[-1]
    cost = {c: last[f"total_flops_{c}"] + last[f"teacher_flops_{c}"] for c in ("dense", "paper")}
    dense, paper = (f"{total / unit(total)[0]:.3g} {unit(total)[1]}" for total in cost.values())
    seconds = {(row["run"], row["iteration"]): row["seconds"] for row in study}
    teachers = "" if chosen["teacher_run"] is None else " and for its teacher's"
    devices = " and ".join(sorted({row["device"] for row in study}))
    return [
        f"- **Cost**: {dense} (one multiply-accumulate is one operation) for the {len(run)}"
        f" trainings of its run{teachers}, {paper} as the paper counts.",
        f"- **Time**: {sum(seconds.values()) / 60:.1f} min in all {len(seconds)} trainings of the"
        f" study, one after another, on {devices}.",
    ]


def _dense_shapes(reason: str | None) -> list[str]:
    """What is said of a network that is exported whole."""
    if reason is None:
        return []
    return [
        "",
        f"**Its shapes are the dense ones**: {escape_markdown(reason)}. So no channel was removed."
        " The small file leaves zeros out; the ONNX file, by torch's exporter, has them all.",
    ]


def _sizes(data: CardData) -> list[str]:
    small, onnx, dense = data.file_bytes
    names = ("`network.safetensors`", "`network.onnx`")
    sizes = dict(zip(names, (small, onnx), strict=True))
    return [
        "## Size, and what each part of the compression does",
        "",
        "| after | parameters | multiply-accumulates an image |",
        "| --- | --- | --- |",
        *(f"| {name} | {parameters:,} | {macs:,} |" for name, parameters, macs in data.parts),
        "",
        f"{data.nonzero:,} of the last parameters are not zero. Compression does not change"
        " what the network computes, up to rounding.",
        *_dense_shapes(data.whole),
        "",
        "| file | bytes | of the dense weights' | test accuracy | other class than the trained"
        " network | largest difference of logits |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {name} | {sizes[name]:,} | {100 * sizes[name] / dense:.1f} % |"
            f" {100 * a.accuracy:.2f} % | {a.differing} of {data.test_images:,} images |"
            f" {a.difference:.1e} of {a.scale:.3g} |"
            for name, a in zip(names, data.agreements, strict=True)
        ),
        "",
        f"`network.safetensors` stores numbers as {data.precision}. Both files compute in fp32.",
    ]
