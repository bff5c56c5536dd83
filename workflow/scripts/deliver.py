"""Put the network that a study is run for beside its figures, with a report."""

from pathlib import Path

from dsd2.config.study import Deliver
from dsd2.script import logged
from dsd2.stages.deliver import run_deliver


def main(smk) -> None:
    """Choose, copy, report."""
    deliver = Deliver(**smk.params.deliver)
    run_deliver(
        Path(smk.input.metrics),
        deliver,
        smk.params.labels[deliver.arm],
        Path(smk.output.model),
        Path(smk.output.report),
    )


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
