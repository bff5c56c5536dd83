"""What a study shows: its collected metrics, figure and tables."""


rule study_metrics:
    input:
        unpack(study_inputs),
    output:
        of_study(layout.STUDY_METRICS),
    log:
        of_study(layout.STUDY_LOG, name="metrics"),
    conda:
        "../../envs/environment.yaml"
    params:
        entries=study_entries,
    shell:
        "exec python -m dsd2 study --entries {params.entries:q} --output {output:q}"
        " > {log:q} 2>&1"


rule figure:
    input:
        of_study(layout.STUDY_METRICS),
    output:
        [
            report(
                of_study(layout.FIGURE, format=suffix),
                caption="../report/figure.rst",
                category="Figures",
                labels={"figure": "accuracy and entropy over sparsity", "format": suffix},
            )
            for suffix in ("png", "svg")
        ],
    log:
        of_study(layout.STUDY_LOG, name="figure"),
    conda:
        "../../envs/environment.yaml"
    params:
        title=STUDY.title,
        panels=STUDY.panels,
        labels=ARM_LABELS,
        arms=[arm.name for arm in STUDY.arms.values() if arm.show],
        analysis=asdict(STUDY.analysis),
        plot=asdict(STUDY.plot),
    script:
        "../scripts/figure.py"


rule tables:
    input:
        of_study(layout.STUDY_METRICS),
    output:
        stopping_md=of_study(layout.STOPPING_TABLE, format="md"),
        stopping_csv=report(
            of_study(layout.STOPPING_TABLE, format="csv"),
            caption="../report/stopping.rst",
            category="Tables",
            labels={"table": "cost and accuracy of each arm"},
        ),
        phases_md=of_study(layout.PHASES_TABLE, format="md"),
        phases_csv=report(
            of_study(layout.PHASES_TABLE, format="csv"),
            caption="../report/phases.rst",
            category="Tables",
            labels={"table": "sparse double descent of each arm"},
        ),
    log:
        of_study(layout.STUDY_LOG, name="tables"),
    conda:
        "../../envs/environment.yaml"
    params:
        panels=STUDY.panels,
        labels=ARM_LABELS,
        analysis=asdict(STUDY.analysis),
    script:
        "../scripts/tables.py"
