"""Networks compressed for use elsewhere: their files and cards, and what they are worth."""


rule export:
    input:
        [path for study in STUDIES.values() for path in view.export_results(study)],
    localrule: True


rule export_network:
    input:
        metrics=paths.STUDY_METRICS,
        dataset=by(INPUTS.exported_dataset, "study", "network"),
        issues=by(ISSUES.exported, "study", "network"),
    output:
        network=paths.EXPORTED_NETWORK,
        onnx=paths.EXPORTED_ONNX,
        loader=paths.EXPORTED_LOADER,
        preprocessing=paths.EXPORTED_PREPROCESSING,
        reader=paths.EXPORTED_READER,
        classifier=paths.EXPORTED_CLASSIFIER,
        sums=paths.EXPORTED_SUMS,
        card=report(
            paths.EXPORTED_CARD,
            caption="../report/export.rst",
            **in_report("Network {network}: its card, to download"),
        ),
    log:
        partly(paths.STUDY_LOG, name="export-{network}"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        study=by(INPUTS.exported_json, "study", "network"),
        title_in_rst=title_in_rst,
    script:
        "../scripts/export_network.py"


# It takes all cores, so that nothing of this workflow runs beside what is timed.
rule export_int8:
    input:
        onnx=paths.EXPORTED_ONNX,
        dataset=by(INPUTS.exported_dataset, "study", "network"),
    output:
        onnx=paths.EXPORTED_INT8,
        card=report(
            paths.EXPORTED_INT8_CARD,
            caption="../report/export.rst",
            **in_report("Network {network} with 8-bit integers: what it costs and gains"),
        ),
    log:
        partly(paths.STUDY_LOG, name="export-int8-{network}"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    threads: workflow.cores
    params:
        seconds=lambda wildcards: STUDIES[wildcards.study].export.seconds,
    script:
        "../scripts/quantise_network.py"


rule export_networks:
    input:
        metrics=paths.STUDY_METRICS,
        datasets=by(INPUTS.compared_datasets, "study"),
    output:
        paths.EXPORT_NETWORKS,
    log:
        partly(paths.STUDY_LOG, name="export-networks"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        study=seen("datasets", "exports", "export", "seed"),
    script:
        "../scripts/compress_networks.py"


# It takes all cores, so that nothing of this workflow runs beside what is timed.
rule export_latencies:
    input:
        paths.EXPORT_NETWORKS,
    output:
        paths.EXPORT_LATENCIES,
    log:
        partly(paths.STUDY_LOG, name="export-latencies"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    threads: workflow.cores
    params:
        seconds=lambda wildcards: STUDIES[wildcards.study].export.seconds,
    script:
        "../scripts/time_networks.py"


rule export_comparison:
    input:
        networks=paths.EXPORT_NETWORKS,
        latencies=paths.EXPORT_LATENCIES,
    output:
        md=partly(paths.EXPORT_TABLE, format="md"),
        csv=report(
            partly(paths.EXPORT_TABLE, format="csv"),
            caption="../report/export.rst",
            **in_report("Networks compared, to download"),
        ),
        png=report(
            partly(paths.EXPORT_FIGURE, format="png"),
            caption="../report/export.rst",
            **in_report("Networks compared: accuracy against latency and size"),
        ),
        svg=partly(paths.EXPORT_FIGURE, format="svg"),
    log:
        partly(paths.STUDY_LOG, name="export-comparison"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        study=seen("title", "labels", "panels", "plot"),
        title_in_rst=title_in_rst,
    script:
        "../scripts/compare_networks.py"
