from snakemake.utils import min_version

min_version("9.19")


# A study given by --configfile stands alone; it is not laid over the default one.
if "study" not in config:

    configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/gate.smk"
include: "workflow/rules/report.smk"


localrules:
    all,
    gate,
    collect,
    select_teacher,
    study_metrics,
    figure,
    tables,


rule all:
    input:
        study_results(),


PROGRESS = ProgressReporter(PLAN.stages)


onstart:
    PROGRESS.start()


onsuccess:
    PROGRESS.stop()
    print("The study is in:", *study_results(), sep="\n  ")


onerror:
    PROGRESS.stop()
