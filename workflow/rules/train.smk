"""One iteration of any run, teacher or student: prune, perturb, retrain, evaluate, measure."""


# The logits of a teacher for every view of every image, which its students look up.
rule teacher_logits:
    input:
        unpack(
            lasting(
                "teacher_logits",
                INPUTS.teacher_logits,
                "run",
                "i",
                outputs=[paths.TEACHER_TABLE],
            )
        ),
    output:
        paths.TEACHER_TABLE,
    log:
        paths.TEACHER_TABLE_LOG,
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=requested(ALLOCATION.teacher_logits, "run", "mem_mb"),
        runtime=requested(ALLOCATION.teacher_logits, "run", "minutes"),
        gpu=requested(ALLOCATION.teacher_logits, "run", "gpus"),
        gpu_share=requested(ALLOCATION.teacher_logits, "run", "gpus"),
        gpu_mem_mb=requested(ALLOCATION.teacher_logits, "run", "gpu_mem_mb"),
    params:
        recipe=uncompared(INPUTS.dataset_of_run_json, "run"),
        inputs=as_options,
    shell:
        "exec python -m dsd2 --die-with-parent teacher-logits --run {wildcards.run:q}"
        " --iteration {wildcards.i} --recipe {params.recipe:q} --threads {threads} --gpus {resources.gpu} {params.inputs} --output {output:q}"
        " > {log:q} 2>&1"


rule train:
    input:
        unpack(lasting("train", INPUTS.training, "run", "i", outputs=paths.TRAINED)),
    output:
        checkpoint=paths.CHECKPOINT,
        history=paths.HISTORY,
        metrics=paths.METRICS,
    log:
        paths.TRAINING_LOG,
    wildcard_constraints:
        run=f"(?!{MEASURED_AGAIN})[^/]+",
    retries: training_retries()
    group:
        by(ALLOCATION.block, "run", "i")
    conda:
        "../../envs/environment.yaml"
    threads: by(PLAN.threads, "run")
    resources:
        mem_mb=requested(ALLOCATION.training_mem_mb, "run"),
        runtime=requested(ALLOCATION.training_minutes, "run"),
        gpu=requested(ALLOCATION.training, "run", "gpus"),
        gpu_share=requested(ALLOCATION.training, "run", "gpus"),
        gpu_mem_mb=requested(ALLOCATION.training, "run", "gpu_mem_mb"),
    params:
        recipe=by(PLAN.recipe_json, "run"),
        inputs=as_options,
        resume=PLAN.placed(paths.RESUME),
    shell:
        "exec python -m dsd2 --die-with-parent train --run {wildcards.run:q}"
        " --iteration {wildcards.i} --recipe {params.recipe:q} --threads {threads} --gpus {resources.gpu}"
        " {params.inputs} --resume {params.resume:q} --checkpoint {output.checkpoint:q}"
        " --history {output.history:q} --metrics {output.metrics:q} > {log:q} 2>&1"


# Where metrics are gone and the network is not.
rule evaluate:
    input:
        unpack(of_any_time(INPUTS.evaluation, "run", "i")),
    output:
        metrics=paths.METRICS,
    log:
        paths.EVALUATION_LOG,
    wildcard_constraints:
        # What follows the run's name is looked at, too.
        run=f"(?={MEASURED_AGAIN})[^/]+",
    conda:
        "../../envs/environment.yaml"
    threads: by(PLAN.threads, "run")
    resources:
        mem_mb=requested(ALLOCATION.training_mem_mb, "run"),
        runtime=requested(ALLOCATION.training_minutes, "run"),
        gpu=requested(ALLOCATION.training, "run", "gpus"),
        gpu_share=requested(ALLOCATION.training, "run", "gpus"),
        gpu_mem_mb=requested(ALLOCATION.training, "run", "gpu_mem_mb"),
    params:
        recipe=by(PLAN.recipe_json, "run"),
        inputs=as_options,
        # The file's parameters must be those of the rule that trains, which it is compared with.
        resume=PLAN.placed(paths.RESUME),
    shell:
        "exec python -m dsd2 --die-with-parent evaluate --run {wildcards.run:q}"
        " --iteration {wildcards.i} --recipe {params.recipe:q} --threads {threads} --gpus {resources.gpu}"
        " {params.inputs} --metrics {output.metrics:q} > {log:q} 2>&1"
