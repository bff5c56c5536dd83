"""What a model card says of single classes."""

from __future__ import annotations

from dsd2.analysis.classes import (
    BASELINE,
    NOT_COUNTED,
    SHOWN,
    beats_majority,
    is_counted,
    proportion_interval,
    shown_classes,
)
from dsd2.analysis.table_format import percent
from dsd2.escaping import escape_markdown
from dsd2.export.choice import Row


def baseline_line(chosen: Row) -> str:
    """How the accuracy of the card's network compares with the majority baseline, as an entry.

    Args:
        chosen: the network's row of the study's table.
    """
    if not is_counted(chosen):
        return f"- **Majority baseline**: not known for this network; {NOT_COUNTED}."
    baseline = f"{BASELINE} is right for {percent(chosen['test_majority_accuracy'])} %"
    if beats_majority(chosen):
        return f"- **Majority baseline**: {baseline} of the test images."
    return (
        f"- **Not above the majority baseline**: the accuracy of this network is no higher than"
        f" that of a constant answer; {baseline} of the test images."
    )


def classes_section(chosen: Row, confidence: float) -> list[str]:
    """The lines of the section that has a row a class; none where classes were not counted.

    Args:
        chosen: the network's row of the study's table.
        confidence: of the intervals.
    """
    if not is_counted(chosen):
        return []
    names, images, recall = (chosen[key] for key in ("classes", "class_images", "class_recall"))
    shown = shown_classes(recall)
    some = f" Of {len(names)} classes the {len(shown)} with the lowest recall are listed."
    return [
        "## Classes",
        "",
        "Recall is the share of a class's test images that the network takes for it."
        f"{some if len(names) > SHOWN else ''}",
        "",
        f"| class | test images | recall | {100 * confidence:g} % interval (Wilson's) |",
        "| --- | --- | --- | --- |",
        *(_row(names[i], images[i], recall[i], confidence) for i in shown),
        "",
    ]


def _row(name: str, images: int, recall: float | None, confidence: float) -> str:
    cells = "– | –"
    if recall is not None:
        low, high = proportion_interval(recall, images, confidence)
        cells = f"{percent(recall)} % | {percent(low)} to {percent(high)} %"
    return f"| {escape_markdown(name)} | {images:,} | {cells} |"
