"""Export one network of a study."""

from pathlib import Path

from dsd2.config.export_options import Export, Exported
from dsd2.script import logged, parameters
from dsd2.stages.export import ExportFiles, run_export


def main(smk) -> None:
    """Choose, compress, check, write."""
    params = parameters(smk.params)
    run_export(
        smk.wildcards.study,
        Path(smk.input.metrics),
        Path(smk.input.dataset),
        next(map(Path, smk.input.issues), None),
        Exported(**params.exported),
        Export(**params.export),
        params.arm,
        params.analysis,
        ExportFiles(**{name: Path(path) for name, path in smk.output.items()}),
    )


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
