"""What a study shows: its collected metrics, figure and tables."""


def study_inputs(wildcards):
    """Every chain of the study, and the teacher choices that their names depend on."""
    return planned(PLAN.study_inputs)


def study_entries(wildcards):
    """Which chain is which arm, as JSON."""
    return PLAN.entries()


def study_results():
    """The files that a study is run for."""
    return [
        of_study(layout.STUDY_METRICS),
        expand(of_study(layout.FIGURE), format=["png", "svg"]),
        expand(of_study(layout.STOPPING_TABLE), format=["md", "csv"]),
        expand(of_study(layout.PHASES_TABLE), format=["md", "csv"]),
    ]


rule study_metrics:
    input:
        unpack(study_inputs),
    output:
        of_study(layout.STUDY_METRICS),
    params:
        entries=study_entries,
    log:
        of_study(layout.STUDY + "/logs/metrics.log"),
    conda:
        "../../envs/environment.yaml"
    shell:
        "exec python -m dsd2 study --entries {params.entries:q} --output {output:q}"
        " > {log:q} 2>&1"


rule figure:
    input:
        of_study(layout.STUDY_METRICS),
    output:
        [
            report(
                of_study(layout.FIGURE).format(format=suffix),
                caption="../report/figure.rst",
                category="Figures",
                labels={"figure": "accuracy and entropy over sparsity", "format": suffix},
            )
            for suffix in ("png", "svg")
        ],
    params:
        title=STUDY.title,
        panels=STUDY.panels,
        labels=ARM_LABELS,
        arms=[arm.name for arm in STUDY.arms.values() if arm.show],
        analysis=asdict(STUDY.analysis),
        plot=asdict(STUDY.plot),
    log:
        of_study(layout.STUDY + "/logs/figure.log"),
    conda:
        "../../envs/environment.yaml"
    script:
        "../scripts/figure.py"


rule tables:
    input:
        of_study(layout.STUDY_METRICS),
    output:
        stopping_md=of_study(layout.STOPPING_TABLE).format(format="md"),
        stopping_csv=report(
            of_study(layout.STOPPING_TABLE).format(format="csv"),
            caption="../report/stopping.rst",
            category="Tables",
            labels={"table": "cost and accuracy of each arm"},
        ),
        phases_md=of_study(layout.PHASES_TABLE).format(format="md"),
        phases_csv=report(
            of_study(layout.PHASES_TABLE).format(format="csv"),
            caption="../report/phases.rst",
            category="Tables",
            labels={"table": "sparse double descent of each arm"},
        ),
    params:
        panels=STUDY.panels,
        labels=ARM_LABELS,
        analysis=asdict(STUDY.analysis),
    log:
        of_study(layout.STUDY + "/logs/tables.log"),
    conda:
        "../../envs/environment.yaml"
    script:
        "../scripts/tables.py"
