"""What studies show: their collected metrics, figures and tables, and what they would cost."""


rule study_metrics:
    input:
        unpack(study_inputs),
    output:
        paths.STUDY_METRICS,
    log:
        partly(paths.STUDY_LOG, name="metrics"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        entries=study_entries,
    script:
        "../scripts/study.py"


rule figure:
    input:
        paths.STUDY_METRICS,
    output:
        figures=[
            report(
                partly(paths.FIGURE, format="png"),
                caption="../report/figure.rst",
                **in_report("Figure 1: accuracy and entropy against sparsity"),
            ),
            partly(paths.FIGURE, format="svg"),
        ],
        found=partly(paths.FOUND, item="figure"),
    log:
        partly(paths.STUDY_LOG, name="figure"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        texts=in_texts(title=study_title, panels=study_panels, labels=arm_labels, arms=shown_arms),
        title_in_rst=study_title_in_rst,
        analysis=analysis_settings,
        plot=plot_settings,
    script:
        "../scripts/figure.py"


rule explore:
    input:
        paths.STUDY_METRICS,
    output:
        report(
            paths.EXPLORER,
            caption="../report/explore.rst",
            **in_report("Figure 2: the same, to explore with the mouse"),
        ),
    log:
        partly(paths.STUDY_LOG, name="explore"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        texts=in_texts(title=study_title, panels=study_panels, labels=arm_labels, arms=shown_arms),
        title_in_rst=study_title_in_rst,
        analysis=analysis_settings,
        plot=plot_settings,
    script:
        "../scripts/explore.py"


rule layers:
    input:
        paths.STUDY_METRICS,
    output:
        figures=[
            report(
                partly(paths.LAYERS, format="png"),
                caption="../report/layers.rst",
                **in_report("Figure 3: density and entropy of each layer"),
            ),
            partly(paths.LAYERS, format="svg"),
        ],
        found=partly(paths.FOUND, item="layers"),
    log:
        partly(paths.STUDY_LOG, name="layers"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        texts=in_texts(title=study_title, panels=study_panels, labels=arm_labels, arms=shown_arms),
        title_in_rst=study_title_in_rst,
        analysis=analysis_settings,
        plot=plot_settings,
    script:
        "../scripts/layers.py"


rule table:
    input:
        table_inputs,
    output:
        md=partly(paths.TABLE, format="md"),
        tex=partly(paths.TABLE, format="tex"),
        csv=partly(paths.TABLE, format="csv"),
        html=report(
            partly(paths.TABLE, format="html"),
            caption="../report/table.rst",
            **in_report(table_heading),
        ),
        found=partly(paths.FOUND, item="table-{table}"),
    log:
        partly(paths.STUDY_LOG, name="table-{table}"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        texts=in_texts(title=study_title, panels=study_panels, labels=arm_labels, arms=table_arms),
        title_in_rst=study_title_in_rst,
        heading=table_heading,
        analysis=analysis_settings,
        paper=printed_values,
        budget=study_budget,
    script:
        "../scripts/table.py"


rule provenance:
    input:
        paths.STUDY_METRICS,
    output:
        report(
            paths.PROVENANCE,
            caption="../report/provenance.rst",
            **in_report("Settings, time and environment"),
        ),
    log:
        partly(paths.STUDY_LOG, name="provenance"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        texts=in_texts(
            title=study_title, settings=arm_settings, panels=study_panels, labels=arm_labels
        ),
        title_in_rst=study_title_in_rst,
        analysis=analysis_settings,
    script:
        "../scripts/provenance.py"


# A target to ask for by name. It has no output, so that it is done whenever it is asked for.
rule plan:
    log:
        paths.PLAN_LOG,
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        runs=planned_runs,
        cores=workflow.cores,
    script:
        "../scripts/plan.py"
