"""Images and labels: made once, shared by every run that uses them."""


rule dataset:
    output:
        paths.DATASET,
    log:
        paths.DATASET_LOG,
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=requested(ALLOCATION.dataset, "dataset", "mem_mb"),
        runtime=requested(ALLOCATION.dataset, "dataset", "minutes"),
    params:
        recipe=by(INPUTS.dataset_json, "dataset"),
    shell:
        "exec python -m dsd2 --die-with-parent dataset --recipe {params.recipe:q}"
        " --output {output:q} > {log:q} 2>&1"


rule labels:
    input:
        unpack(lasting("labels", INPUTS.labels, "labels", outputs=[paths.LABELS])),
    output:
        paths.LABELS,
    log:
        paths.LABELS_LOG,
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        recipe=by(INPUTS.labels_json, "labels"),
        noise=by(INPUTS.noise_json, "labels"),
        inputs=as_options,
    shell:
        "exec python -m dsd2 --die-with-parent labels {params.inputs} --recipe {params.recipe:q}"
        " --noise {params.noise:q} --output {output:q} > {log:q} 2>&1"
