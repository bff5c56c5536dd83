from snakemake.utils import min_version

min_version("9.19")


include: "workflow/rules/configuration.smk"


# What --configfile or --config gives stands alone; it is not laid over the default study.
if default_study():

    configfile: plain_file(default_study())


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/gate.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/label_issues.smk"
include: "workflow/rules/export.smk"


rule all:
    input:
        [path for study in STUDIES.values() for path in view.study_results(study)],
    localrule: True


PROGRESS = ProgressReporter(PLAN, EVENTS, SCREEN)


onstart:
    compat.drop_default_rate_limit(workflow)
    if compat.runs_jobs_here(workflow):
        fork_client.set_folder()
    PROGRESS.start(log)


onsuccess:
    fork_client.remove_folder()
    took = PROGRESS.stop()
    EVENTS.forget()
    for study in STUDIES.values():
        asked = [*view.export_results(study), *view.issue_results(study)]
        results = dict.fromkeys([*view.study_results(study), *asked])
        if made := [path for path in results if Path(path).exists()]:
            listed = [f"  {line}" for line in view.by_stem(made)]
            say(*fitted(view.outcome(study)), f"The study {study.folder} is in:", *listed)
    say(*fitted(CLAIMS.outcome(SCORECARD["claims"])))
    if EVENTS.calm:
        say(f"Done after {took}.")


onerror:
    fork_client.remove_folder()
    PROGRESS.stop()
    EVENTS.tell(log)
