"""Decisions: whether a chain goes on, where it ended, and which iteration of it teaches."""


def gate_inputs(wildcards):
    """The iteration's metrics and the gate before."""
    return planned(PLAN.gate_inputs, wildcards.run, wildcards.stop, int(wildcards.i))


def gate_policy(wildcards):
    """The policy with its thresholds, as JSON."""
    return to_json(PLAN.stops[wildcards.stop])


def chain_inputs(wildcards):
    """The iterations that exist or must exist, given the gates decided so far."""
    return planned(PLAN.chain_inputs, wildcards.run, wildcards.stop, int(wildcards.last))


checkpoint gate:
    input:
        unpack(gate_inputs),
    output:
        layout.GATE,
    params:
        policy=gate_policy,
        inputs=as_options,
    log:
        layout.RUN + "/logs/gate-{stop}-{i}.log",
    conda:
        "../../envs/environment.yaml"
    shell:
        "exec python -m dsd2 gate --policy {params.policy:q} {params.inputs}"
        " --output {output:q} > {log:q} 2>&1"


rule collect:
    input:
        unpack(chain_inputs),
    output:
        layout.CHAIN,
    log:
        layout.RUN + "/logs/collect-{stop}-{last}.log",
    conda:
        "../../envs/environment.yaml"
    shell:
        "exec python -m dsd2 collect --metrics {input.metrics:q} --gates {input.gates:q}"
        " --output {output:q} > {log:q} 2>&1"


checkpoint select_teacher:
    input:
        layout.CHAIN,
    output:
        layout.CHOICE,
    log:
        layout.RUN + "/logs/select-{stop}-{last}.log",
    conda:
        "../../envs/environment.yaml"
    shell:
        "exec python -m dsd2 select --chain {input:q} --output {output:q} > {log:q} 2>&1"
