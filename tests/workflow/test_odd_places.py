"""The workflow in odd surroundings: other processes, paths, terminals, and damaged records."""

import shutil
import subprocess
import sys

import pytest
from project import Project, new_project

SMALL = {"arms": {"vanilla": None}, "pruning": {"fraction": 0.6, "target_sparsity": 0.5}}


class AsProcess1(Project):
    """Runs Snakemake as process 1 of a namespace, as a container does."""

    def command(self, *arguments, cores=2):
        return [*NAMESPACE, *super().command(*arguments, cores=cores)]


NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc"]


@pytest.mark.long
def test_snakemake_may_be_process_1(fresh):
    permitted = (
        shutil.which("unshare")
        and not subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode
    )
    if not permitted:
        pytest.skip("new process namespaces are not permitted here")
    fresh.configure(**SMALL)
    AsProcess1(fresh.folder).snakemake()
    assert len(fresh.checkpoints()) == 1


@pytest.mark.long
def test_a_clone_of_an_odd_path_and_a_terminal_of_few_letters(tmp_path, monkeypatch):
    project = new_project(tmp_path / "a:b 'c' \"d\" $HOME %s;&" / "clone")
    project.configure(**SMALL)
    monkeypatch.setenv("PYTHONIOENCODING", "ascii:strict")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "absent"))
    monkeypatch.delenv("HOME")
    text = project.snakemake()
    assert "\\u03b6" in text, "the table of verdicts has a ζ"
    assert len(project.checkpoints()) == 1
    text = project.snakemake("plan")
    assert "ms an image" in text


def test_a_clone_below_braces_is_one_sentence(tmp_path):
    project = new_project(tmp_path / "{study}" / "clone")
    text = project.snakemake("--dry-run", status=1)
    assert "workflow: has braces in its path, which Snakemake takes for a wildcard" in text
    assert "Traceback" not in text


def test_nobody_who_reads_the_results_ends_no_finished_run(finished):
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--forcerun", "provenance"]
    shell = 'set -o pipefail; "$@" 2> snakemake.log | true'
    done = subprocess.run(["bash", "-c", shell, "bash", *command], cwd=finished.folder, check=False)
    assert done.returncode == 0, (finished.folder / "snakemake.log").read_text()


def test_without_snakemakes_records_nothing_is_made_anew(finished):
    records = finished.folder / ".snakemake" / "metadata"
    for record in records.rglob("*"):
        if record.is_file():
            record.write_bytes(b"\xff" + record.read_bytes()[1:])
    text = finished.snakemake("--dry-run", status=1)
    assert "of Snakemake's own records; delete the folder .snakemake: no result is made" in text
    shutil.rmtree(finished.folder / ".snakemake")
    assert finished.planned() == {}
