"""What stages ask a scheduler for, which follows from the study; and how often it looks."""

from dsd2.planning.requests import Allocation
from dsd2.environment import data_roots, set_time_limit

# `--resources max_runtime=2880` says that no job may ask for more minutes.
MAX_RUNTIME = resource_limit("max_runtime")
if MAX_RUNTIME == 0:
    raise WorkflowError("--resources max_runtime=0: must be at least 1 minute")
set_time_limit(MAX_RUNTIME, in_job=not workflow.is_main_process)

# `--resources gpu=0` says that there are none; nothing said, that there may be.
ALLOCATION = Allocation(PLAN, data_roots(), resource_limit("gpu") != 0, MAX_RUNTIME)


def training_mem_mb(wildcards, attempt):
    """Megabytes of a training and of the Snakemake around it."""
    return checked(ALLOCATION.training_mem_mb, wildcards.run, attempt)


def training_minutes(wildcards, attempt):
    """Minutes until a training is surely done, or as many as a job may ask for."""
    return checked(ALLOCATION.training_minutes, wildcards.run, attempt)


def training_gpus(wildcards):
    """Whether a training is worth a GPU: 0 or 1."""
    return checked(ALLOCATION.training, wildcards.run).gpus


def training_block(wildcards):
    """The iterations of a run that are trained in one allocation."""
    return checked(ALLOCATION.block, wildcards.run, int(wildcards.i))


def training_retries():
    """Further attempts of a training that takes several jobs; None leaves it to ``--retries``.

    Within a job none is made: the time that is over there is the job's.
    """
    if MAX_RUNTIME is None or not workflow.is_main_process:
        return None
    try:
        return ALLOCATION.retries()
    except UserError:
        return None  # The jobs that ask for resources come upon it too, and say so.


def table_mem_mb(wildcards, attempt):
    """Megabytes of tabulating a teacher's answers."""
    return checked(ALLOCATION.table, wildcards.run).mem_mb(attempt)


def table_minutes(wildcards, attempt):
    """Minutes until a teacher's answers are surely tabulated."""
    return checked(ALLOCATION.table, wildcards.run).minutes(attempt, MAX_RUNTIME)


def table_gpus(wildcards):
    """Whether tabulating is worth a GPU: 0 or 1."""
    return checked(ALLOCATION.table, wildcards.run).gpus


def dataset_mem_mb(wildcards, attempt):
    """Megabytes of decoding and splitting a dataset."""
    return checked(ALLOCATION.dataset, wildcards.dataset).mem_mb(attempt)


def dataset_minutes(wildcards, attempt):
    """Minutes until a dataset is surely decoded."""
    return checked(ALLOCATION.dataset, wildcards.dataset).minutes(attempt, MAX_RUNTIME)


def drop_default_rate_limit():
    """Have Snakemake look for jobs to start when one has ended, and not in between.

    For its default limit of 100 jobs a second, every look while jobs wait sets an alarm for the
    next one a second later. So each job that ends adds a look a second for the rest of the run: a
    long one gives ever more of a core to looking. A limit that is asked for stays.
    """
    limiter = workflow.scheduler.job_rate_limiter
    if limiter and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None
