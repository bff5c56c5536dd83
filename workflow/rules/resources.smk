"""What stages ask a scheduler for, which follows from the study."""

from dsd2.devices import gpu_limits, memory_of_gpus
from dsd2.environment import data_roots, set_time_limit
from dsd2.planning.requests import Allocation

# `--resources max_runtime=2880` says that no job may ask for more minutes.
MAX_RUNTIME = compat.resource_limit(workflow, "max_runtime")
if MAX_RUNTIME == 0:
    raise WorkflowError("--resources max_runtime=0: must be at least 1 minute")
set_time_limit(MAX_RUNTIME, in_job=not workflow.is_main_process)

# Without a limit Snakemake would start a training on every core, and all but one a GPU would wait.
# `--resources gpu_share=N` says that N may share the cards, and gpu_mem_mb that as many may as fit.
if compat.runs_jobs_here(workflow):
    for resource, limit in gpu_limits(
        memory_of_gpus(os.environ), partial(compat.resource_limit, workflow)
    ).items():
        compat.limit_resource(workflow, resource, limit)

# `--resources gpu=0` says that there are none; nothing said, that there may be.
GPUS = compat.resource_limit(workflow, "gpu") != 0
ALLOCATION = Allocation(PLAN, data_roots(), GPUS, MAX_RUNTIME)


def requested(function, name, quantity=None):
    """A resource that a stage of a run or dataset asks for.

    The function gives it by attempt; or it gives all needs of the stage, of which this is one.
    """

    def of(wildcards, attempt):
        if quantity is None:
            return checked(function, wildcards[name], attempt)
        found = getattr(checked(function, wildcards[name]), quantity)
        return found(attempt, MAX_RUNTIME) if callable(found) else found

    return of


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
