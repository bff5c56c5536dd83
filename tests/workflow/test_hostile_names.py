"""Names and paths that a shell, a wildcard or a file system could take for something else."""

import re
import resource

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from project import TINY

from dsd2 import paths
from dsd2.config.studies import load_studies
from dsd2.planning.chains import Plan

HOSTILE = "--a b'\" $(touch ran) `touch ran`; touch ran\n[1-9]* \\ ü %s ~ # &"


def files_of(project):
    """All that lies in a project, but what runs are allowed to write."""
    skipped = ("results", ".snakemake", "__pycache__", "snakemake.log", ".cache")
    inside = (path.relative_to(project.folder) for path in project.folder.rglob("*"))
    return {path for path in inside if not set(path.parts) & set(skipped)}


def write_images(folder):
    for name in ("a", HOSTILE):
        (folder / name).mkdir(parents=True)
        for i in range(12):
            Image.new("L", (8, 8), i).save(folder / name / f"{i}{HOSTILE}.png")


@pytest.mark.long
def test_data_of_any_name_is_read_and_nothing_else_happens(fresh, monkeypatch):
    """The dataset and the labels job, on a folder, a data root, a file and a column so named."""
    write_images(fresh.folder / HOSTILE)
    root = fresh.folder / f"root:{HOSTILE}"
    root.mkdir()
    labels = pa.table({HOSTILE: [0] * 24})
    pq.write_table(labels, root / f"{HOSTILE}.parquet")
    settings = {
        "dataset": {"name": "imagefolder", "path": HOSTILE, "image_size": 8},
        "noise": {"kind": "human", "file": f"{HOSTILE}.parquet", "column": HOSTILE},
        "data_roots": ["elsewhere", root.name],
        "arms": {"vanilla": None},
    }
    fresh.configure(**settings)
    before = files_of(fresh)
    assert fresh.planned()["dataset"] == 1
    monkeypatch.chdir(fresh.folder)

    def labels_file():
        (name,) = Plan(*load_studies({**TINY, **settings})).labels
        return paths.LABELS.format(labels=name)

    made = labels_file()
    jobs = {"dataset": 1, "dataset_report": 1, "labels": 1}
    assert fresh.done(fresh.snakemake(made)) == jobs
    assert files_of(fresh) == before
    assert "Nothing to be done" in fresh.snakemake(made)
    # A change of the files is noticed, whatever they are called.
    Image.new("L", (8, 8), 200).save(fresh.folder / HOSTILE / "a" / "new.png")
    labels = pa.table({HOSTILE: [0] * 25})
    pq.write_table(labels, root / f"{HOSTILE}.parquet")
    again = labels_file()
    assert again != made
    assert fresh.done(fresh.snakemake(again)) == jobs
    assert f"{made}: is not of this study" in fresh.snakemake(made, "--force", status=1)


BROKEN = {
    "study: ../x": "config key study is '../x' but must match",
    "budget: $(touch ran)": "config key budget is '$(touch ran)' but must match",
    "arms: {../x: null}": "config key arms.../x is no valid name",
    "tables: ['{x}']": "config key tables.0 is '{x}' but must be one of baselines, classes",
    "noise: {kind: symmetric, rate: .nan}": "config key noise.rate is nan but a number must be",
    "training: {epochs: 2024-02-20}": "training.epochs is datetime.date(2024, 2, 20) but must be",
    "1: 2": "config key 1 is of type int but a key must be text",
}


def test_broken_configurations_end_with_one_sentence_before_anything_is_written(fresh, capsys):
    """Through Snakemake itself; tests/unit/test_fuzzed_configs.py has thousands of them."""
    original = (fresh.folder / "config/config.yaml").read_text()
    before, seconds = files_of(fresh), []
    for line, sentence in BROKEN.items():
        key = line.partition(":")[0]
        kept = re.sub(rf"^{re.escape(key)}:.*\n(  .*\n|- .*\n)*", "", original, flags=re.M)
        (fresh.folder / "config/config.yaml").write_text(f"{kept}{line}\n")
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        text = fresh.snakemake("--dry-run", status=1)
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime)
        (said,) = [part for part in text.splitlines() if "config key" in part]
        assert sentence in said
        assert "Traceback" not in text
    assert not (fresh.folder / "results").exists()
    assert files_of(fresh) == before
    print(f"a broken configuration took {min(seconds):.2f} to {max(seconds):.2f} s of CPU time")


def test_own_data_may_have_any_name(fresh):
    text = fresh.snakemake("--dry-run", "--config", "data=../$(touch ran)", status=1)
    assert "config key data is '../$(touch ran)', which is no folder" in text
    odd = fresh.folder / "x {dataset} <results> $(touch ran)"
    write_images(odd)
    done = fresh.done(fresh.snakemake("--config", f"data={odd}", "--until", "labels"))
    assert done == {"dataset_report": 1, "dataset": 1, "labels": 1}
    assert not (fresh.folder / "ran").exists()
