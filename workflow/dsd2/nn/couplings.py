"""How many channels of a network leave together, and which weights lose by it. No torch here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dsd2.nn.schedule import number_to_remove

Read = Sequence[int]
"""Channels that are ranked together, by their place, and how many columns of a weight read them."""


@dataclass(frozen=True)
class Couplings:
    """What :func:`dsd2.nn.channels.coupled_channels` finds, in numbers.

    Attributes:
        counts: how many channels are ranked together, of each such group.
        makes: the group that each weight makes, for weights that make one.
        reads: the groups that each weight reads, for weights that read any.
        others: columns of each weight that read no channel that can leave; depthwise convolutions
            have one.
    """

    counts: Sequence[int]
    makes: Mapping[str, int]
    reads: Mapping[str, Sequence[Read]]
    others: Mapping[str, int]

    @classmethod
    def chain(cls, filters: Sequence[int]) -> Couplings:
        """Convolutions that each read the one before alone, and a classifier."""
        inner = {str(i): [(i - 1, count)] for i, count in enumerate(filters, 1)}
        return cls(filters, {str(i): i for i in range(len(filters))}, inner, {"0": 1})

    def rounds(self, fraction: float) -> Iterator[list[int]]:
        """What is left of each group after every round that removes any weight.

        A group whose makers read nothing any more has no weights, and is gone with the next round.
        """
        left = list(self.counts)
        weights = self._weights(left)
        while True:
            alive = [0] * len(left)
            for name, group in self.makes.items():
                if weights[name]:
                    alive[group] = left[group]
            left = [count - number_to_remove(count, fraction) for count in alive]
            before, weights = weights, self._weights(left)
            if weights == before:
                return
            yield left

    def _weights(self, left: Sequence[int]) -> dict[str, int]:
        """Living weights of each layer, in units of those that read and make a channel."""
        return {
            name: (left[self.makes[name]] if name in self.makes else 1) * self._columns(name, left)
            for name in {**self.makes, **self.reads}
        }

    def _columns(self, name: str, left: Sequence[int]) -> int:
        read = sum(left[group] * count for group, count in self.reads.get(name, ()))
        return self.others.get(name, 0) + read

    def density(self, name: str, alive: float) -> float:
        """Living share of a layer's weights where that share of all channels is alive."""
        read = sum(count for _, count in self.reads.get(name, ()))
        columns = read + self.others.get(name, 0)
        # Where all columns read such channels, this is the share itself, without rounding.
        share = alive * (read / columns) + (columns - read) / columns if read else 1.0
        return alive * share if name in self.makes else share
