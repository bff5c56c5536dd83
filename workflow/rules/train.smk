"""One iteration of any run, teacher or student: prune, perturb, retrain, evaluate, measure."""


def training_inputs(wildcards):
    """Data, the iteration before, and a student's teacher; never a gate."""
    return planned(PLAN.training_inputs, wildcards.run, int(wildcards.i))


def run_recipe(wildcards):
    """Everything the run's weights depend on, as JSON."""
    return to_json(planned(PLAN.recipe, wildcards.run))


rule train:
    input:
        unpack(training_inputs),
    output:
        checkpoint=layout.CHECKPOINT,
        history=layout.HISTORY,
        metrics=layout.METRICS,
    params:
        recipe=run_recipe,
        inputs=as_options,
        resume=layout.RESUME,
    log:
        layout.RUN + "/logs/iter-{i}.log",
    conda:
        "../../envs/environment.yaml"
    threads: 1
    shell:
        "exec python -m dsd2 --die-with-parent train --run {wildcards.run:q}"
        " --iteration {wildcards.i} --recipe {params.recipe:q} --threads {threads}"
        " {params.inputs} --resume {params.resume:q} --checkpoint {output.checkpoint:q}"
        " --history {output.history:q} --metrics {output.metrics:q} > {log:q} 2>&1"
