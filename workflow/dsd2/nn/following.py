"""Following the channels of a network through its traced graph, by names in place of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from dsd2.nn.channel_rules import ANY, rule_of_function, rule_of_layer
from dsd2.nn.models import PooledLinear, prunable_weights

MATRICES = ("conv", "linear", "pooled_linear")
"""Rules of layers that make channels of others by a weight."""
KEPT, CONSTANT = 0, -1
"""Names of channels that stay, and of parameters and padding, which are no channel."""


class Sets:
    """Names of channels, of which some are joined: disjoint sets with a number for each."""

    def __init__(self) -> None:
        self._parents = [KEPT]

    @property
    def count(self) -> int:
        """How many names there are."""
        return len(self._parents)

    def new(self, count: int) -> Tensor:
        """So many new names."""
        first = len(self._parents)
        self._parents += range(first, first + count)
        return torch.arange(first, first + count)

    def root(self, name: int) -> int:
        """The name that stands for all that are joined with one."""
        while self._parents[name] != name:
            self._parents[name] = self._parents[self._parents[name]]
            name = self._parents[name]
        return name

    def join(self, one: Tensor, other: Tensor) -> None:
        """Join names pairwise; constants are passed over."""
        differ = (one != other) & (one >= 0) & (other >= 0)
        count = len(self._parents)
        for pair in (one[differ] * count + other[differ]).unique().tolist():
            low, high = sorted(map(self.root, divmod(pair, count)))
            self._parents[high] = low

    def keep(self, names: Tensor) -> None:
        """See that channels stay."""
        self.join(names, torch.zeros_like(names))

    def roots(self, names: Tensor) -> list[int]:
        """What stands for each of some names; constants stay."""
        return [self.root(name) if name >= 0 else KEPT for name in names.tolist()]


class Follow(fx.Interpreter):
    """Runs a traced network on the meta device, and the names of its channels beside it."""

    def __init__(self, model: nn.Module, traced: fx.GraphModule) -> None:
        super().__init__(traced)
        self.extra_traceback = False
        self.sets = Sets()
        self.weights = {id(weight): name for name, weight in prunable_weights(model).items()}
        self.rows: dict[str, Tensor] = {}
        self.columns: dict[str, Tensor] = {}
        self.names: dict[fx.Node, Any] = {}
        self.borrowed: set[str] = set()

    def run_node(self, n: fx.Node) -> Any:
        """Run a call, and name what it makes; see :class:`torch.fx.Interpreter`."""
        value = super().run_node(n)
        if n.op == "output":
            self.kept(n)
            for known in (self.rows, self.columns):
                for weight in self.borrowed & known.keys():
                    self.sets.keep(known[weight])
        elif n.op in ("placeholder", "get_attr"):
            name = KEPT if n.op == "placeholder" else CONSTANT
            self.borrowed.add(self.weights.get(id(value), ""))
            self.names[n] = fx.node.map_aggregate(value, lambda v: _filled(v, name))
        else:
            self.names[n] = self.follow(n, value)
        return value

    def follow(self, n: fx.Node, value: Any) -> Any:
        """The names of what a call makes."""
        module = self.module.get_submodule(str(n.target)) if n.op == "call_module" else None
        rule = rule_of_layer(module) if module is not None else rule_of_function(n.target)
        if rule in MATRICES and id(module.weight) not in self.weights:  # type: ignore[union-attr]
            rule = None  # The weight is computed from others.
        given = [self.names[a] for a in n.all_input_nodes if isinstance(self.names[a], Tensor)]
        if rule == "moved":
            return self.moved(n, module)
        if rule is None or not given or not isinstance(value, Tensor):
            # Numbers, as of a shape, are of no channel.
            if isinstance(value, Tensor) or _holds_tensors(value):
                self.kept(n)
            return fx.node.map_aggregate(value, lambda v: _filled(v, KEPT))
        if rule == ANY:
            return self.joined(given, value.shape)
        if rule == "pad":
            return self.padded(n, module, given[0], value)
        if rule in ("plane", "reduced"):
            return self.spread(given[0], value, n)
        return getattr(self, rule)(module, given[0], value)

    def kept(self, n: fx.Node) -> None:
        """See that all channels that a node reads stay."""
        for source in n.all_input_nodes:
            fx.node.map_aggregate(
                self.names[source],
                lambda names: self.sets.keep(names) if isinstance(names, Tensor) else None,
            )

    def moved(self, n: fx.Node, module: nn.Module | None) -> Any:
        """What moves activations moves their names."""

        def named(node: fx.Node) -> Any:
            names, value = self.names[node], self.env[node]
            fits = isinstance(value, Tensor) or _holds_tensors(value)
            return names if fits else value

        args: Any = fx.node.map_arg(n.args, named)
        kwargs: Any = fx.node.map_arg(n.kwargs, named)
        args = fx.node.map_aggregate(args, lambda a: a.contiguous() if isinstance(a, Tensor) else a)
        if module is not None:
            return module(*args, **kwargs)
        if isinstance(n.target, str):
            return getattr(args[0], n.target)(*args[1:], **kwargs)
        return n.target(*args, **kwargs)

    def padded(self, n: fx.Node, module: nn.Module | None, names: Tensor, value: Tensor) -> Tensor:
        """Names of a map with constants around it; they stay where its ends are copied."""
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        given = dict(zip(("input", "pad", "mode"), args, strict=False)) | kwargs
        if given.get("mode", "constant") != "constant":
            self.sets.keep(names)
            return _filled(value, KEPT)
        padding = given["pad"] if module is None else module.padding
        return F.pad(names, list(padding), value=CONSTANT)  # type: ignore[arg-type]

    def joined(self, given: Sequence[Tensor], shape: torch.Size) -> Tensor:
        """Names of what is computed place by place: those of all operands, which are joined.

        What is there once for many channels is joined with none of them, and stays.
        """
        wide = [names.expand(shape) for names in given]
        made = torch.full(shape, CONSTANT)
        for names, all_names in zip(given, wide, strict=True):
            others = [other for other in wide if other is not all_names]
            if any(_is_one_for_many(names, other, shape) for other in others):
                self.sets.keep(names)
                continue
            self.sets.join(made, all_names)
            made = torch.where(made == CONSTANT, all_names, made)
        return made

    def spread(self, names: Tensor, value: Tensor, n: fx.Node) -> Tensor:
        """Names of a pool or a mean: each channel is made from itself alone."""
        same = names.dim() == value.dim()
        if same:
            resized = (a for a in range(names.dim()) if value.shape[a] != names.shape[a])
            axes = sorted({*range(2, names.dim()), *resized})
        else:
            args, kwargs = self.fetch_args_kwargs_from_env(n)
            axes = [a % names.dim() for a in _axes(args, kwargs, names.dim())]
        one = self.uniform(names, axes)
        if not same:
            one = one.squeeze(tuple(axes))
        if any(o not in (1, v) for o, v in zip(one.shape, value.shape, strict=True)):
            self.sets.keep(names)
            return _filled(value, KEPT)
        return one.expand(value.shape)

    def uniform(self, names: Tensor, axes: Sequence[int]) -> Tensor:
        """Names without what varies along axes, of size 1 there; what varies stays.

        Constants beside a channel, as a border of zeros is, are read by what reads the channel.
        """
        for axis in axes:
            first = names.amax(axis, keepdim=True)
            same = ((names == first) | (names == CONSTANT)).all(axis, keepdim=True)
            if not bool(same.all()):
                self.sets.keep(names[(~same).expand(names.shape)])
                first = torch.where(same, first, KEPT)
            names = first
        return names

    def channels(self, names: Tensor) -> Tensor:
        """The names [C] of a map [N, C, …]."""
        return self.uniform(names, [0, *range(2, names.dim())]).flatten()

    def conv(self, layer: nn.Conv2d, names: Tensor, value: Tensor) -> Tensor:
        """A convolution. A depthwise one hands channels on; a grouped one joins its groups'."""
        read, groups = self.channels(names), layer.groups
        if groups == layer.in_channels > 1:
            made = self.write(layer, read.repeat_interleave(layer.out_channels // groups))
        else:
            self.read(layer, read.view(groups, -1))
            made = self.write(layer, None, groups)
        return made.view(-1, *[1] * (value.dim() - 2)).expand(value.shape)

    def linear(self, layer: nn.Linear, names: Tensor, value: Tensor) -> Tensor:
        """A linear layer, of vectors or of tokens."""
        self.read(layer, self.uniform(names, range(names.dim() - 1)).view(1, -1))
        return self.write(layer).expand(value.shape)

    def pooled_linear(self, layer: PooledLinear, names: Tensor, value: Tensor) -> Tensor:
        """An adaptive pool, of which a linear layer reads each cell."""
        read = self.channels(names).repeat_interleave(layer.pooled**2)
        self.read(layer, read.view(1, -1))
        return self.write(layer).expand(value.shape)

    def read(self, layer: nn.Conv2d | nn.Linear, names: Tensor) -> None:
        """Note what the columns of a weight read, of all its groups [groups, inputs] and calls."""
        first = self.columns.setdefault(self.weights[id(layer.weight)], names[0])
        for other in names:
            self.sets.join(first, other)
            self.sets.keep(first[other < 0])
            self.sets.keep(other[first < 0])

    def write(
        self, layer: nn.Conv2d | nn.Linear, names: Tensor | None = None, groups: int = 1
    ) -> Tensor:
        """The names of what the rows of a weight make, in all calls; new ones if none are given."""
        weight = self.weights[id(layer.weight)]
        if weight not in self.rows:
            made = self.sets.new(len(layer.weight)) if names is None else names
            self.rows[weight] = made
            for other in made.view(groups, -1):
                self.sets.join(made.view(groups, -1)[0], other)
        if names is not None:
            self.sets.join(self.rows[weight], names)
        return self.rows[weight]


def _filled(value: Any, name: int) -> Any:
    return torch.full(value.shape, name) if isinstance(value, Tensor) else value


def _holds_tensors(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(isinstance(v, Tensor) for v in value)


def _axes(args: Sequence[Any], kwargs: Mapping[str, Any], dimensions: int) -> Sequence[int]:
    """The axes that a mean is over."""
    axes = kwargs.get("dim", args[1] if len(args) > 1 else None)
    if axes is None:
        axes = range(dimensions)
    return (axes,) if isinstance(axes, int) else tuple(axes)


def _is_one_for_many(names: Tensor, other: Tensor, shape: torch.Size) -> bool:
    """Whether names are broadcast along an axis where another operand has several channels."""
    own = (1,) * (len(shape) - names.dim()) + tuple(names.shape)
    return any(
        own[axis] == 1 < shape[axis]
        and bool((other != other.narrow(axis, 0, 1)).any())
        and bool((names > KEPT).any())
        for axis in range(len(shape))
    )
