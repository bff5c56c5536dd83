from snakemake.utils import min_version

min_version("9.19")


# What --configfile or --config gives stands alone; it is not laid over the default study.
if "study" not in config and "studies" not in config:

    configfile: "config/own-data.yaml" if "data" in config else "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/gate.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/export.smk"


localrules:
    all,
    labels,
    gate,
    collect,
    select_teacher,
    study_metrics,
    figure,
    explore,
    layers,
    table,
    provenance,
    export,
    export_network,
    export_networks,
    export_latencies,
    export_comparison,
    plan,


rule all:
    input:
        all_results(),


PROGRESS = ProgressReporter(lambda: overview.stages(PLAN), lambda: states.arm_states(PLAN))


onstart:
    drop_default_rate_limit()
    PROGRESS.start()


onsuccess:
    PROGRESS.stop()
    FAILURES.forget()
    for study in STUDIES.values():
        results = dict.fromkeys([*study_results(study), *export_results(study)])
        if made := [path for path in results if Path(path).exists()]:
            listed = [f"  {path}" for path in made]
            say(*outcome(study), f"The study {study.folder} is in:", *listed)


onerror:
    PROGRESS.stop()
    FAILURES.tell(log)
