"""Failed runs say why, whatever Snakemake is asked to keep to itself."""

import os
import re
import signal
from pathlib import Path

import pytest
from project import wait_until

OTHERS = ("rules", "progress host reason")
QUIET = ["all", *(pytest.param(quiet, marks=pytest.mark.long) for quiet in OTHERS)]

SUMMARY = "These failed; the same command makes them, once the cause is mended:"


def reasons(text):
    """Rule and reason of the failures that a run listed at its end."""
    listed = re.findall(r"^  (\w+)(?: [^:]+)?: (.+)$", text.partition(SUMMARY)[2], re.MULTILINE)
    return sorted(listed)


@pytest.mark.parametrize("quiet", QUIET)
def test_a_failed_training_is_named_whatever_is_quiet(fresh, quiet):
    arms = {"wild": {"training": {"learning_rate": 1.0e20}}}
    fresh.configure(arms=arms, pruning={"fraction": 0.6, "target_sparsity": 0.7})
    text = fresh.snakemake("--quiet", *quiet.split(), "--retries", "1", status=1)
    ((rule, reason),) = reasons(text)
    assert rule == "train"
    assert reason.startswith("the training diverged in epoch 1 of 2")


def break_script(project, name):
    """Have a script end with an error of its own."""
    script = project.folder / "workflow" / "scripts" / name
    broken = 'def main(smk):\n    raise RuntimeError("a hole in the paper")\n\n\nif __name__'
    script.write_text(script.read_text().replace("if __name__", broken, 1))


def test_failed_scripts_and_checkpoints_are_named_and_a_good_run_is_not(finished):
    break_script(finished, "figure.py")
    break_script(finished, "table.py")
    gates = sorted(finished.folder.glob("results/runs/*/stopping/*/iter-01.json"))
    study = finished.folder / "results/studies/tiny/metrics.parquet"
    for made in (gates[0], *gates[0].parent.glob("*.parquet"), study):
        made.unlink()
    metrics = gates[0].parents[2] / "iter-01" / "metrics.parquet"
    stamp, whole = metrics.stat(), metrics.read_bytes()
    metrics.write_bytes(whole[:100])
    os.utime(metrics, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    text = finished.snakemake("--quiet", "all", "--forcerun", "figure", "table", status=1)
    found = reasons(text)
    assert ("gate", f"{metrics.relative_to(finished.folder)}: is damaged") in [
        (rule, reason.partition(";")[0]) for rule, reason in found
    ]
    metrics.write_bytes(whole)
    os.utime(metrics, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    text = finished.snakemake("--quiet", "all", "--forcerun", "figure", "table", status=1)
    rules = [
        rule for rule, reason in reasons(text) if reason == "RuntimeError: a hole in the paper"
    ]
    assert sorted({*rules}) == ["figure", "page", "table"]


def test_a_bad_configuration_is_named_though_all_is_quiet(fresh):
    fresh.configure(trainning={})
    text = fresh.snakemake("--quiet", "all", status=1)
    assert text.count("config key trainning is unknown: did you mean training?") == 1


@pytest.mark.long
def test_a_success_after_a_failure_says_nothing_of_it(fresh):
    fresh.configure(arms={"vanilla": None}, pruning={"fraction": 0.6, "target_sparsity": 0.5})
    marker = fresh.folder / "failed-once"
    stages = fresh.folder / "workflow" / "dsd2" / "stages" / "train.py"
    stages.write_text(
        f"from pathlib import Path as _P\nif not _P({str(marker)!r}).exists():\n"
        f"    _P({str(marker)!r}).touch()\n    raise SystemExit('once')\n"
        + stages.read_text().replace("from __future__ import annotations\n", "")
    )
    text = fresh.snakemake("--quiet", "all", "--retries", "2")
    assert marker.exists()
    assert SUMMARY not in text
    assert "Error" not in text


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs Linux's /proc")
def test_light_jobs_end_with_snakemake_that_is_killed(finished):
    script = finished.folder / "workflow" / "scripts" / "figure.py"
    pid = finished.folder / "pid"
    lasting = (
        "def main(smk):\n    import os, time\n"
        f"    open({str(pid)!r}, 'w').write(str(os.getpid()))\n    time.sleep(600)\n\n\n"
    )
    script.write_text(script.read_text().replace("if __name__", f"{lasting}if __name__", 1))
    # A shell that stays, as old ones do, keeps the kernel from telling.
    common = finished.folder / "workflow" / "rules" / "report.smk"
    common.write_text("shell.suffix('; status=$?; exit $status')\n" + common.read_text())
    process = finished.start("--forcerun", "figure")
    try:
        assert wait_until(lambda: pid.exists() and pid.read_text(), 120)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    number = int(pid.read_text())
    assert wait_until(lambda: not Path(f"/proc/{number}").exists(), 60)
