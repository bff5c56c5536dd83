"""Images and labels: made once, shared by every run that uses them."""

# Where the data lies is not what a dataset is: another place makes nothing anew, and so
# stands in no params.
SOURCES = " ".join(
    ["--root", *(f"'{root}'" for root in STUDY.data_roots)] + ["--download"] * STUDY.download
)


def dataset_files(wildcards):
    """The user's own files, so that a change of them is noticed; named datasets are searched."""
    path = PLAN.datasets[wildcards.dataset].path
    return sorted(map(str, Path(path).glob("t*.parquet"))) if path else []


def dataset_recipe(wildcards):
    """What the dataset is, as JSON."""
    return to_json(PLAN.datasets[wildcards.dataset])


def labels_dataset(wildcards):
    """The dataset that the labels belong to."""
    recipe, _ = PLAN.labels[wildcards.labels]
    return layout.DATASET.format(dataset=layout.dataset_name(recipe))


def labels_recipe(wildcards):
    """What the labels are, as options of the command line."""
    recipe, noise = PLAN.labels[wildcards.labels]
    return f"--recipe '{to_json(recipe)}' --noise '{to_json(noise)}'"


rule dataset:
    input:
        dataset_files,
    output:
        layout.DATASET,
    params:
        recipe=dataset_recipe,
    log:
        "results/datasets/logs/{dataset}.log",
    conda:
        "../../envs/environment.yaml"
    shell:
        "exec python -m dsd2 --die-with-parent dataset --recipe {params.recipe:q}"
        " {SOURCES} --output {output:q} > {log:q} 2>&1"


rule labels:
    input:
        labels_dataset,
    output:
        layout.LABELS,
    params:
        recipe=labels_recipe,
    log:
        "results/labels/logs/{labels}.log",
    conda:
        "../../envs/environment.yaml"
    shell:
        "exec python -m dsd2 --die-with-parent labels --dataset {input:q} {params.recipe}"
        " --output {output:q} > {log:q} 2>&1"
