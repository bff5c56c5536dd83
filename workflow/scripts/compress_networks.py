"""Write what compression makes of a study's networks."""

from pathlib import Path

from dsd2.config.export_options import Export, Exported
from dsd2.script import logged, parameters
from dsd2.stages.compression import run_compression


def main(smk) -> None:
    """Write the table."""
    params = parameters(smk.params)
    run_compression(
        smk.wildcards.study,
        Path(smk.input.metrics),
        {(panel, arm): Path(path) for panel, arm, path in params.datasets},
        {name: Exported(**exported) for name, exported in params.exports.items()},
        Export(**params.export),
        params.seed,
        Path(smk.output[0]),
    )


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
