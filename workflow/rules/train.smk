"""One iteration of any run, teacher or student: prune, perturb, retrain, evaluate, measure."""


# What a teacher says to every view of every image: its students look it up.
rule tabulate:
    input:
        unpack(table_inputs_of_teacher),
    output:
        paths.TEACHER_TABLE,
    log:
        paths.TEACHER_TABLE_LOG,
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=table_mem_mb,
        runtime=table_minutes,
        gpu=table_gpus,
        gpu_share=1,
    params:
        recipe=teachers_dataset,
        inputs=as_options,
    shell:
        "exec python -m dsd2 --die-with-parent tabulate --run {wildcards.run:q}"
        " --iteration {wildcards.i} --recipe {params.recipe:q} --threads {threads} {params.inputs} --output {output:q}"
        " > {log:q} 2>&1"


rule train:
    input:
        unpack(training_inputs),
    output:
        checkpoint=paths.CHECKPOINT,
        history=paths.HISTORY,
        metrics=paths.METRICS,
    log:
        paths.TRAINING_LOG,
    wildcard_constraints:
        run=f"(?!{EVALUATED_AGAIN})[^/]+",
    retries: training_retries()
    group:
        training_block
    conda:
        "../../envs/environment.yaml"
    threads: training_threads
    resources:
        mem_mb=training_mem_mb,
        runtime=training_minutes,
        gpu=training_gpus,
        gpu_share=1,
    params:
        recipe=run_recipe,
        inputs=as_options,
        resume=placed(paths.RESUME),
    shell:
        "exec python -m dsd2 --die-with-parent train --run {wildcards.run:q}"
        " --iteration {wildcards.i} --recipe {params.recipe:q} --threads {threads}"
        " {params.inputs} --resume {params.resume:q} --checkpoint {output.checkpoint:q}"
        " --history {output.history:q} --metrics {output.metrics:q} > {log:q} 2>&1"


# Where metrics are gone and the network is not.
rule evaluate:
    input:
        unpack(evaluation_inputs),
    output:
        metrics=paths.METRICS,
    log:
        paths.EVALUATION_LOG,
    wildcard_constraints:
        # What follows the run's name is looked at, too.
        run=f"(?={EVALUATED_AGAIN})[^/]+",
    conda:
        "../../envs/environment.yaml"
    threads: training_threads
    resources:
        mem_mb=training_mem_mb,
        runtime=training_minutes,
        gpu=training_gpus,
        gpu_share=1,
    params:
        recipe=run_recipe,
        inputs=as_options,
        # The file's parameters must be those of the rule that trains, which it is compared with.
        resume=placed(paths.RESUME),
    shell:
        "exec python -m dsd2 --die-with-parent evaluate --run {wildcards.run:q}"
        " --iteration {wildcards.i} --recipe {params.recipe:q} --threads {threads}"
        " {params.inputs} --metrics {output.metrics:q} > {log:q} 2>&1"
