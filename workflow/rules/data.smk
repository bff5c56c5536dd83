"""Images and labels: made once, shared by every run that uses them."""


rule dataset:
    output:
        paths.DATASET,
    log:
        paths.DATASET_LOG,
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=dataset_mem_mb,
        runtime=dataset_minutes,
    params:
        recipe=dataset_recipe,
    shell:
        "exec python -m dsd2 --die-with-parent dataset --recipe {params.recipe:q}"
        " --output {output:q} > {log:q} 2>&1"


rule labels:
    input:
        unpack(labels_inputs),
    output:
        paths.LABELS,
    log:
        paths.LABELS_LOG,
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        recipe=labels_recipe,
        noise=labels_noise,
        inputs=as_options,
    shell:
        "exec python -m dsd2 --die-with-parent labels {params.inputs} --recipe {params.recipe:q}"
        " --noise {params.noise:q} --output {output:q} > {log:q} 2>&1"
