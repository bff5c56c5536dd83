"""Put the network that a study is run for into the study's folder, with a report."""

from __future__ import annotations

import shutil
from pathlib import Path

from dsd2.analysis.delivery import choose, report
from dsd2.config import layout
from dsd2.config.study import Deliver
from dsd2.errors import UserError
from dsd2.files.atomic import replacing, write_text
from dsd2.files.records import STUDY, read_rows


def run_deliver(metrics: Path, deliver: Deliver, label: str, model: Path, text: Path) -> None:
    """Choose a network from a study's table, copy its checkpoint and write the report.

    Args:
        metrics: the study's table.
        deliver: from which arm, and how to choose.
        label: of that arm.
        model: where the network goes.
        text: where the report goes.

    Raises:
        UserError: the checkpoint is gone.
    """
    study = read_rows(metrics, STUDY)
    chosen = choose([row for row in study if row["arm"] == deliver.arm], deliver.tolerance)
    number = layout.number(chosen["iteration"])
    checkpoint = Path(layout.CHECKPOINT.format(run=chosen["run"], i=number))
    try:
        with replacing(model) as temporary:
            shutil.copyfile(checkpoint, temporary)
    except FileNotFoundError as error:
        raise UserError(
            f"{checkpoint}: there is no such file; make it anew by giving it to the same command,"
            " and then run the command again"
        ) from error
    write_text(text, report(chosen, study, label, deliver.tolerance))
