"""Networks compressed for use elsewhere: their files and cards, and what they are worth."""


rule export:
    input:
        lambda wildcards: [path for study in STUDIES.values() for path in export_results(study)],
    localrule: True


rule export_network:
    input:
        metrics=paths.STUDY_METRICS,
        dataset=exported_dataset,
    output:
        network=paths.EXPORTED_NETWORK,
        onnx=paths.EXPORTED_ONNX,
        loader=paths.EXPORTED_LOADER,
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
        exported=exported_network,
        texts=in_texts(export=export_settings, arm=exported_arm),
        title_in_rst=study_title_in_rst,
        analysis=analysis_settings,
    script:
        "../scripts/export_network.py"


rule export_networks:
    input:
        metrics=paths.STUDY_METRICS,
        datasets=export_datasets,
    output:
        paths.EXPORT_NETWORKS,
    log:
        partly(paths.STUDY_LOG, name="export-networks"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        datasets=placed_export_arms,
        exports=export_names,
        export=export_settings,
        seed=first_seed,
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
        seconds=export_seconds,
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
        texts=in_texts(title=study_title, labels=arm_labels, panels=study_panels),
        title_in_rst=study_title_in_rst,
        plot=plot_settings,
    script:
        "../scripts/compare_networks.py"
