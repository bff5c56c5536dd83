"""Several studies in one DAG."""

import html
import os

import pytest
import yaml
from project import TINY

FILE = "`x <http:example>`_ |y| .. image:: <script>alert(1).yaml"
OTHER = {"alone": None, "second": {"distillation": {"teacher": "alone", "select": "dense"}}}


@pytest.mark.long
def test_studies_from_their_own_files_share_what_they_have_in_common(finished):
    before = finished.modified("results/runs/*/iter-*/checkpoint.safetensors")
    for file, changes in (("tiny.yaml", {}), (FILE, {"study": "other", "arms": OTHER})):
        (finished.folder / file).write_text(yaml.safe_dump({**TINY, **changes}))
    studies = ["--config", f'studies=[tiny.yaml, "{FILE}"]']
    text = finished.snakemake(*studies)
    # The other's second arm is the gated arm's run, to the wall.
    assert finished.done(text).get("train", 0) == 8 + 4 - len(before)
    assert before.items() <= finished.modified("results/runs/*/iter-*/check*").items()
    for name in ("tiny", "other"):
        assert f"results/studies/{name}/figures/sdd.png" in text
        assert (finished.folder / f"results/studies/{name}/tables/stopping.md").exists()
    assert "Nothing to be done" in finished.snakemake(*studies)

    finished.snakemake("--report", "report.html", *studies)
    report = (finished.folder / "report.html").read_text()
    assert f"tiny.yaml, {html.escape(FILE)}" in report, "as it is"
    for name in ("tiny", "other"):
        assert f"<strong>{name}</strong>" in report, "each has its findings on the first page"


def test_one_study_of_several_can_be_asked_for(fresh):
    (fresh.folder / "a.yaml").write_text(yaml.safe_dump(TINY))
    (fresh.folder / "b.yaml").write_text(yaml.safe_dump({**TINY, "study": "b"}))
    options = ["--config", "studies=?.yaml"]
    planned = fresh.planned("results/studies/b/metrics.parquet", *options)
    assert planned["study_metrics"] == 1
    assert planned["train"] == 4 + 4 + 1
    both = fresh.planned(*options)
    assert both["study_metrics"] == 2
    assert both["train"] == 4 + 4 + 1
    text = fresh.snakemake("results/studies/c/metrics.parquet", *options, status=1)
    assert "results/studies/c: is no study of this invocation, which has tiny, b" in text


# Takes the place of the estimate, which measures: here only what it is given matters.
ESTIMATE = """
import json, sys
from pathlib import Path
if __name__ == "__main__":
    verb, _, file, _, cores = sys.argv[1:]
    runs = json.loads(Path(file).read_text())
    print(f"{verb}: {sum(run['iterations'] for run in runs)} trainings on {cores} cores")
"""


def test_plan_prints_the_cost_of_all_studies_each_time_and_trains_nothing(fresh):
    (fresh.folder / "workflow/dsd2/__main__.py").write_text(ESTIMATE)
    for cores in (3, None):
        text = fresh.snakemake("plan", cores=cores)
        assert f"plan: 12 trainings on {cores or len(os.sched_getaffinity(0))} cores" in text
        assert fresh.done(text) == {"plan": 1}
    assert not list(fresh.folder.glob("results/*.json"))
    assert not (fresh.folder / "results/runs").exists()
