"""Which claims of the paper hold, by the studies of this invocation that decide them."""

from dsd2.analysis.scorecard_text import HEADING

SCORECARD = {"claims": name_of_all(GIVEN, STUDIES)}


rule judge_claims:
    input:
        metrics=by(CLAIMS.metrics),
    output:
        parquet=paths.CLAIMS.format(**SCORECARD, format="parquet"),
        csv=paths.CLAIMS.format(**SCORECARD, format="csv"),
        md=paths.CLAIMS.format(**SCORECARD, format="md"),
        page=report(
            paths.CLAIMS.format(**SCORECARD, format="html"),
            caption="../report/found.rst",
            category="Claims",
            labels={"result": HEADING},
        ),
        found=paths.CLAIMS_FOUND.format(**SCORECARD),
    log:
        paths.CLAIMS_LOG.format(**SCORECARD),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        called=SCORECARD["claims"],
        studies=lambda wildcards: script_json(by(CLAIMS.entries)(wildcards)),
        left_out=script_json(CLAIMS.left_out()),
    script:
        "../scripts/claims.py"


# A target to ask for by name. It has a command and no output, so that it is done whenever it is asked
# for, and the scorecard is shown at the end.
rule claims:
    input:
        rules.judge_claims.output.parquet,
        by(CLAIMS.figures),
    log:
        paths.CLAIMS_LOG.format(claims=f"{SCORECARD['claims']}.shown"),
    localrule: True
    conda:
        "../../envs/environment.yaml"
    shell:
        "true > {log:q}"
