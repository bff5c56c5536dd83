"""Write a study's metrics for a program that shows experiments."""

import os
import shutil
from pathlib import Path

from dsd2.files.records import STUDY, read_table
from dsd2.script import logged, view_of
from dsd2.trackers.registered import TRACKERS
from dsd2.trackers.runs import tracked_runs


def main(smk) -> None:
    """Write the folder: beside its place, until it is whole."""
    study, folder = smk.wildcards.study, Path(smk.output[0])
    rows = read_table(Path(smk.input[0]), STUDY, {"study": study}).to_pylist()
    runs = tracked_runs(rows, view_of(smk.params).settings)
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    unfinished.mkdir(parents=True)
    try:
        TRACKERS[smk.wildcards.tracker]().write(study, runs, unfinished)
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
