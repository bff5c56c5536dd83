"""Write an exported network with 8-bit integers, and what that costs and gains."""

from pathlib import Path

from dsd2.script import logged
from dsd2.stages.quantise import run_quantise


def main(smk) -> None:
    """Quantise, compare, write."""
    run_quantise(
        Path(smk.input.onnx),
        Path(smk.input.dataset),
        smk.params.seconds,
        Path(smk.output.onnx),
        Path(smk.output.card),
    )


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
