"""What studies show: their collected metrics, figures and tables, and what they would cost."""

from dsd2.planning.jobs import planned_runs

DRAWINGS, PAGES = (view.figures_by_file(pages=pages) for pages in (False, True))


rule study_metrics:
    input:
        unpack(by(INPUTS.study, "study")),
    output:
        paths.STUDY_METRICS,
    log:
        partly(paths.STUDY_LOG, name="metrics"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        entries=by(INPUTS.entries, "study"),
    script:
        "../scripts/study.py"


# Any registered figure that matplotlib draws: a module in workflow/scripts/figures/.
rule figure:
    input:
        paths.STUDY_METRICS,
    output:
        figures=[
            report(
                partly(paths.FIGURE, format="png"),
                caption="../report/found.rst",
                **in_report(lambda wildcards: FIGURES[DRAWINGS[wildcards.figure]].heading),
            ),
            partly(paths.FIGURE, format="svg"),
        ],
        found=partly(paths.FOUND, item="{figure}"),
    log:
        partly(paths.STUDY_LOG, name="figure-{figure}"),
    wildcard_constraints:
        figure="|".join(DRAWINGS),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        figure=lambda wildcards: DRAWINGS[wildcards.figure],
        study=seen("title", "panels", "labels", "drawn", "twins", "analysis", "plot"),
        title_in_rst=title_in_rst,
    script:
        "../scripts/figure.py"


# Any registered figure that is a page for a browser. `use rule figure` would send it to a cluster.
rule page:
    input:
        paths.STUDY_METRICS,
    output:
        figures=[
            report(
                partly(paths.FIGURE, format="html"),
                caption="../report/found.rst",
                **in_report(lambda wildcards: FIGURES[PAGES[wildcards.figure]].heading),
            ),
        ],
        found=partly(paths.FOUND, item="{figure}-page"),
    log:
        partly(paths.STUDY_LOG, name="page-{figure}"),
    wildcard_constraints:
        figure="|".join(PAGES),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        figure=lambda wildcards: PAGES[wildcards.figure],
        study=seen("title", "panels", "labels", "drawn", "twins", "analysis", "plot"),
        title_in_rst=title_in_rst,
    script:
        "../scripts/figure.py"


# Any registered table: a module in workflow/dsd2/analysis/tables/.
rule table:
    input:
        lambda wildcards: paths.STUDY_METRICS if TABLES[wildcards.table].trains else [],
    output:
        md=partly(paths.TABLE, format="md"),
        tex=partly(paths.TABLE, format="tex"),
        csv=partly(paths.TABLE, format="csv"),
        html=report(
            partly(paths.TABLE, format="html"),
            caption="../report/found.rst",
            **in_report(lambda wildcards: TABLES[wildcards.table].heading),
        ),
        found=partly(paths.FOUND, item="table-{table}"),
    log:
        partly(paths.STUDY_LOG, name="table-{table}"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        study=seen(
            *("title", "panels", "labels", "drawn", "arms", "twins", "analysis"),
            *("paper", "budget"),
        ),
        title_in_rst=title_in_rst,
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
        study=seen("title", "panels", "labels", "settings"),
        title_in_rst=title_in_rst,
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
        runs=lambda wildcards: checked(planned_runs, PLAN, ALLOCATION),
        cores=workflow.cores,
    script:
        "../scripts/plan.py"
