"""What studies show: their collected metrics, figures and tables, and what they would cost."""


rule study_metrics:
    input:
        unpack(study_inputs),
    output:
        layout.STUDY_METRICS,
    log:
        partly(layout.STUDY_LOG, name="metrics"),
    conda:
        "../../envs/environment.yaml"
    params:
        entries=study_entries,
    script:
        "../scripts/study.py"


rule figure:
    input:
        layout.STUDY_METRICS,
    output:
        [
            report(
                partly(layout.FIGURE, format=suffix),
                caption="../report/figure.rst",
                category="Figures",
                subcategory="{study}",
                labels={"figure": "accuracy and entropy over sparsity", "format": suffix},
            )
            for suffix in FIGURE_FORMATS
        ],
    log:
        partly(layout.STUDY_LOG, name="figure"),
    conda:
        "../../envs/environment.yaml"
    params:
        title=study_title,
        panels=study_panels,
        labels=arm_labels,
        arms=shown_arms,
        analysis=analysis_settings,
        plot=plot_settings,
    script:
        "../scripts/figure.py"


rule table:
    input:
        table_inputs,
    output:
        md=partly(layout.TABLE, format="md"),
        tex=partly(layout.TABLE, format="tex"),
        csv=report(
            partly(layout.TABLE, format="csv"),
            caption="../report/table.rst",
            category="Tables",
            subcategory="{study}",
            labels={"table": "{table}"},
        ),
    log:
        partly(layout.STUDY_LOG, name="table-{table}"),
    conda:
        "../../envs/environment.yaml"
    params:
        panels=study_panels,
        labels=arm_labels,
        arms=table_arms,
        analysis=analysis_settings,
        paper=printed_values,
        budget=study_budget,
    script:
        "../scripts/table.py"


# A target to ask for by name. It has no output, so that it is done whenever it is asked for.
rule plan:
    log:
        layout.PLAN_LOG,
    conda:
        "../../envs/environment.yaml"
    params:
        runs=planned_runs,
        cores=workflow.cores,
    script:
        "../scripts/plan.py"
