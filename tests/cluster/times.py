"""Prints how long the jobs of a project waited and ran, and what they took beside training.

    python tests/cluster/times.py FOLDER

While Slurm remembers the jobs.
"""

import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests" / "workflow")]

from cluster import ClusterProject  # noqa: E402
from dsd2.files.records import METRICS, read_rows  # noqa: E402


def main(folder: Path) -> None:
    """Measure and print."""
    jobs = [job for job in ClusterProject(folder).jobs() if job.state == "COMPLETED"][1:]
    rows = [read_rows(file, METRICS)[0] for file in folder.glob("results/runs/*/*/metrics.parquet")]
    trained = sum(row["seconds"] for row in rows)
    ran = sum(job.ran for job in jobs)
    print(f"{len(rows)} iterations in {len(jobs)} jobs, the dataset's aside")
    print(f"queued {statistics.median(job.queued for job in jobs):.1f} s (median)")
    print(f"ran {statistics.median(job.ran for job in jobs):.1f} s (median), {ran:.0f} s in all")
    print(f"stages {trained / len(rows):.1f} s an iteration")
    print(f"beside them {(ran - trained) / len(rows):.1f} s an iteration")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
