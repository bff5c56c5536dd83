"""What pruning may remove from each layer of a network, as a table to read before training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dsd2.nn.sizes import network_couplings, network_sizes
from dsd2.recipe import ModelRecipe, PruningRecipe

MOST = 3
"""Networks that are shown, of a study that has many."""
HEAD = ("layer", "weights", "multiply-accumulates an image", "pruned")


@dataclass(frozen=True)
class PrunedNetwork:
    """A network of a study, and what prunes it.

    Attributes:
        model: the network.
        image: (C, H, W).
        classes: size of the logits.
        pruning: what a round removes.
    """

    model: ModelRecipe
    image: tuple[int, int, int]
    classes: int
    pruning: PruningRecipe

    def lines(self) -> list[str]:
        """Its table in Markdown, with a line above that says what the whole is."""
        sizes = network_sizes(self.model, self.image, self.classes)
        kept = self.pruning.kept(sizes.head, sizes.depthwise)
        guards = self.pruning.depthwise == "guarded"
        joined = None
        if self.pruning.structure == "filters":
            joined = network_couplings(self.model, self.image, self.classes)

        def fate(name: str) -> str:
            if name in kept:
                return "no: the head" if name == sizes.head else "no: depthwise"
            if joined is not None:
                ways = (("filters", joined.makes), ("inputs", joined.reads))
                return " and ".join(w for w, of in ways if name in of) or "no: its channels stay"
            if name in sizes.depthwise and guards:
                return "all but a weight of each filter (depthwise)"
            return "yes"

        fates = {name: fate(name) for name in sizes.weights}
        rows = [
            (name, f"{count:,}", f"{sizes.macs[name]:,}", fates[name])
            for name, count in sizes.weights.items()
        ]
        removable = sum(n for name, n in sizes.weights.items() if not fates[name].startswith("no"))
        neurons = f"{sizes.states} layers of neurons have states, and an entropy"
        return [
            f"{self.model.title} for images of {'×'.join(map(str, self.image))}:"
            f" {sizes.parameters:,} parameters, of which pruning may remove {removable:,};"
            f" {neurons if sizes.states else 'no neuron has states, so there is no entropy'}.",
            "",
            *(f"| {' | '.join(row)} |" for row in (HEAD, ["---"] * len(HEAD), *rows)),
        ]


def layers_tables(networks: Sequence[PrunedNetwork]) -> list[str]:
    """The tables of a study's networks, the first few where there are many."""
    lines = [line for network in networks[:MOST] for line in ("", *network.lines())]
    if (others := len(networks) - MOST) > 0:
        lines += ["", f"{others} more networks of the study have tables like these."]
    return lines
