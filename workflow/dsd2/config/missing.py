"""Which data a study lacks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsd2.config.arms import Arm
from dsd2.config.validation import top_level


def lacks(config: dict[str, Any], arms: Mapping[tuple[str, str], Arm]) -> str | None:
    """What is neither there nor will be downloaded, in words; None where nothing is missing.

    Args:
        config: of the study, checked.
        arms: of the study.
    """
    roots = [Path(root) for root in top_level(config, "data_roots")]
    where = f"none of the folders of data_roots ({', '.join(map(str, roots))})"
    for arm in arms.values():
        if not arm.dataset.is_there(roots, top_level(config, "download")):
            return f"{where} has {arm.dataset.name}"
        if arm.noise.with_stand_in(arm.dataset, roots).stand_in:
            return f"{where} has the labels that people gave to {arm.dataset.name}"
    return None
