"""Decisions: whether a chain goes on, where it ended, and which iteration of it teaches."""


checkpoint gate:
    input:
        unpack(by(INPUTS.gate, "run", "stop", "i")),
    output:
        paths.GATE,
    log:
        paths.GATE_LOG,
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        policy=by(INPUTS.policy_json, "run", "stop"),
        inputs=as_options,
    shell:
        "exec python -m dsd2 gate --run {wildcards.run:q} --iteration {wildcards.i} --policy {params.policy:q}"
        " {params.inputs} --output {output:q} > {log:q} 2>&1"


rule collect:
    input:
        unpack(by(INPUTS.chain, "run", "stop", "last")),
    output:
        paths.CHAIN,
    log:
        paths.CHAIN_LOG,
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        policy=by(INPUTS.policy_json, "run", "stop"),
    shell:
        "exec python -m dsd2 collect --run {wildcards.run:q} --policy {params.policy:q}"
        " --last {wildcards.last} --metrics {input.metrics:q} --gates {input.gates:q}"
        " --output {output:q} > {log:q} 2>&1"


checkpoint select_teacher:
    input:
        paths.CHAIN,
    output:
        paths.CHOICE,
    log:
        paths.CHOICE_LOG,
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        policy=by(INPUTS.policy_json, "run", "stop"),
    shell:
        "exec python -m dsd2 select --run {wildcards.run:q} --policy {params.policy:q}"
        " --last {wildcards.last} --chain {input:q} --output {output:q} > {log:q} 2>&1"
