"""Images and labels: made once, shared by every run that uses them."""


# Every image of a user's own is decoded once, before anything is made of them.
rule dataset_report:
    output:
        images=paths.IMAGES,
        text=paths.DATA_REPORT,
        page=report(paths.DATA_PAGE, category="Data", labels={"result": "{dataset}"}),
    log:
        paths.DATA_REPORT_LOG,
    conda:
        "../../envs/environment.yaml"
    threads: 4
    resources:
        mem_mb=requested(ALLOCATION.dataset, "dataset", "mem_mb"),
        runtime=requested(ALLOCATION.dataset, "dataset", "minutes"),
    params:
        recipe=by(INPUTS.reported_json, "dataset"),
        chosen=uncompared(INPUTS.chosen_json, "dataset"),
        undecodable=uncompared(INPUTS.undecodable, "dataset"),
    shell:
        "exec python -m dsd2 --die-with-parent data-report --recipe {params.recipe:q}"
        " --chosen {params.chosen:q} --threads {threads} --output {output.images:q}"
        " --text {output.text:q} --page {output.page:q} --undecodable {params.undecodable:q}"
        " > {log:q} 2>&1"


# A target to ask for by name. It has no output, so that it is done whenever it is asked for.
rule data_report:
    input:
        by(INPUTS.data_reports),
    localrule: True


rule dataset:
    input:
        unpack(lasting("dataset", INPUTS.dataset, "dataset", outputs=[paths.DATASET])),
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
        inputs=as_options,
    shell:
        "exec python -m dsd2 --die-with-parent dataset {params.inputs} --recipe {params.recipe:q}"
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
