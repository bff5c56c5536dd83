"""Snakemake as it is, but for how often the Slurm executor asks how jobs are: every second.

The executor itself waits ten seconds longer each time that nothing has ended, and no option says
otherwise; a test of a dozen short jobs would wait for minutes.
"""

import sys

import snakemake_executor_plugin_slurm
from snakemake.cli import main

snakemake_executor_plugin_slurm.Executor.next_seconds_between_status_checks = property(
    lambda _executor: 1, lambda _executor, _seconds: None
)
sys.exit(main())
