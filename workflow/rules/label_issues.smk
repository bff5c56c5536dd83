"""Which labels look wrong, by networks that are there: nothing here trains."""

from dsd2.recipe import LABEL_ISSUES_REVISION


rule label_scores:
    input:
        unpack(
            lasting(
                "label_scores", ISSUES.scores, "run", "stop", "last", outputs=[paths.LABEL_SCORES]
            )
        ),
    output:
        paths.LABEL_SCORES,
    log:
        paths.LABEL_SCORES_LOG,
    conda:
        "../../envs/environment.yaml"
    threads: by(PLAN.threads, "run")
    resources:
        mem_mb=requested(ALLOCATION.label_scores, "run", "mem_mb"),
        runtime=requested(ALLOCATION.label_scores, "run", "minutes"),
        gpu=requested(ALLOCATION.label_scores, "run", "gpus"),
        gpu_share=requested(ALLOCATION.label_scores, "run", "gpus"),
        gpu_mem_mb=requested(ALLOCATION.label_scores, "run", "gpu_mem_mb"),
    params:
        recipe=uncompared(PLAN.recipe_json, "run"),
        policy=by(INPUTS.policy_json, "run", "stop"),
        resume=PLAN.placed(paths.LABEL_SCORES_SO_FAR),
        revision=LABEL_ISSUES_REVISION,
    shell:
        "exec python -m dsd2 --die-with-parent label-scores --run {wildcards.run:q}"
        " --policy {params.policy:q} --last {wildcards.last} --recipe {params.recipe:q}"
        " --threads {threads} --gpus {resources.gpu} --dataset {input.dataset:q} --labels {input.labels:q}"
        " --chain {input.chain:q} --resume {params.resume:q} --output {output:q} > {log:q} 2>&1"


rule find_label_issues:
    input:
        unpack(by(ISSUES.issues, "study", "listed")),
    output:
        parquet=partly(paths.LABEL_ISSUES, format="parquet"),
        csv=partly(paths.LABEL_ISSUES, format="csv"),
        page=report(
            partly(paths.LABEL_ISSUES, format="html"),
            caption="../report/label_issues.rst",
            **in_report("Label issues, by {listed}"),
        ),
    log:
        partly(paths.STUDY_LOG, name="label-issues-{listed}"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        study=seen("title"),
        revision=LABEL_ISSUES_REVISION,
        entries=lambda wildcards: script_json(by(ISSUES.entries, "study", "listed")(wildcards)),
        title_in_rst=title_in_rst,
    script:
        "../scripts/label_issues.py"


# A target to ask for by name. It has no output, so that it is done whenever it is asked for.
rule label_issues:
    input:
        lambda wildcards: checked(ISSUES.results),
    localrule: True
