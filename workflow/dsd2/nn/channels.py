"""Which channels of a network leave together: found by following them through its traced graph.

A channel is made by rows of weights and read by columns of weights. All channels that a sum, a
product or a depthwise convolution joins are one: it leaves with all its rows and all its columns.
What its biases and norms leave behind is then read by nothing. What else reads a channel, as a
layer-norm or attention, keeps it.

The network runs on numbers in place of activations: each number names a channel. What only moves
activations, as a reshape, a split or a concatenation, moves the numbers likewise.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from dsd2.errors import UserError
from dsd2.nn.couplings import Couplings
from dsd2.nn.following import KEPT, Follow, Sets
from dsd2.nn.models import PRUNABLE

IMAGES = 2
"""Images of the pass: one may be taken for an axis that goes."""


@dataclass(frozen=True)
class Channels:
    """Channels that are ranked together, since the same layers make them.

    Attributes:
        count: how many there are.
        rows: for each weight that makes them, which one each of its rows makes, int64 [outputs].
        columns: for each weight that reads any, which one each of its columns reads, and −1 where
            that is none of them, int64 [inputs of a group].
    """

    count: int
    rows: dict[str, Tensor]
    columns: dict[str, Tensor]


def coupled_channels(model: nn.Module, image: tuple[int, int, int]) -> list[Channels]:
    """The channels that can leave a network, in the order of the layers that make them first.

    Args:
        model: on any device; it is not changed.
        image: (C, H, W) of the images it takes.

    Raises:
        UserError: torch.fx cannot trace it.
    """
    shadow = copy.deepcopy(model)
    if next(model.parameters()).device.type != "meta":
        # By way of the CPU: not every device's tensors go to meta, as those that tests pretend.
        shadow = shadow.cpu().to("meta")
    shadow.eval()
    try:
        traced = fx.GraphModule(shadow, _Tracer().trace(shadow))
        follow = Follow(shadow, traced)
        parameter = next(shadow.parameters())
        with torch.no_grad():
            follow.run(torch.zeros(IMAGES, *image, device="meta", dtype=parameter.dtype))
    except Exception as error:  # of a network that someone else has written
        reason = str(error).partition("\n")[0].rstrip(".")
        raise UserError(
            f"a network of type {type(model).__name__} cannot lose filters, since torch.fx cannot"
            f" trace its forward pass: {reason}"
        ) from error
    return list(_found(follow))


def couplings_of(channels: Sequence[Channels]) -> Couplings:
    """Channels in numbers."""
    reads: dict[str, list[tuple[int, int]]] = {}
    others: dict[str, int] = {}
    for group, one in enumerate(channels):
        for name, places in one.columns.items():
            read = int((places >= 0).sum())
            reads.setdefault(name, []).append((group, read))
            others[name] = others.get(name, len(places)) - read
    makes = {name: group for group, one in enumerate(channels) for name in one.rows}
    # What reads no channel that can leave reads something all the same.
    others |= {name: 1 for name in makes if name not in reads}
    return Couplings([one.count for one in channels], makes, reads, others)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, PRUNABLE) or super().is_leaf_module(m, module_qualified_name)


def _found(follow: Follow) -> Iterator[Channels]:
    """All channels that nothing keeps."""
    made = {name: follow.sets.roots(rows) for name, rows in follow.rows.items()}
    read = {name: follow.sets.roots(columns) for name, columns in follow.columns.items()}
    together = Sets()
    together.new(follow.sets.count)
    for roots in made.values():
        names = torch.tensor(roots)
        together.join(names, names[:1].expand(names.shape))
    kinds = dict.fromkeys(together.root(roots[0]) for roots in made.values())
    for kind in kinds:
        if kind == together.root(KEPT):
            continue
        rows = {n: roots for n, roots in made.items() if together.root(roots[0]) == kind}
        order = {
            root: i for i, root in enumerate(dict.fromkeys(r for v in rows.values() for r in v))
        }
        columns = {
            name: torch.tensor([order.get(root, -1) for root in roots])
            for name, roots in read.items()
            if any(root in order for root in roots)
        }
        places = {name: torch.tensor([order[r] for r in roots]) for name, roots in rows.items()}
        yield Channels(len(order), places, columns)
