"""When a chain of iterations ends early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from dsd2.keys import Derived
from dsd2.registry import Registry
from dsd2.typed import Choice, Number

POLICIES: Registry[type[Stopping]] = Registry("stopping policy", "dsd2.analysis.policies")

TARGET_REACHED = "reached the target sparsity"
"""Why a chain ends that no gate stops."""
FORMERLY_REACHED = "reached the wall"
"""The same, as tables have it that were written before the key got its name of today."""
NOTHING_LEFT = "pruning can remove nothing more"
"""Why a chain ends before its target sparsity though no gate stops it."""
ENDS = (TARGET_REACHED, FORMERLY_REACHED, NOTHING_LEFT)
"""Why whole chains end."""


@dataclass(frozen=True, kw_only=True)
class Stopping(Choice):
    """When a chain ends before its target sparsity (Algorithm 2).

    A stopping policy is a subclass that is registered in ``POLICIES``.

    Attributes:
        entropy_threshold: T_E, a fraction of the dense network's entropy.
        accuracy_threshold: T_A, a fraction of the best validation accuracy so far.
        neuron: what counts as a neuron in the entropy.
        gated: whether iterations have gates at all.
        uses_entropy: whether the entropy must be a number.
    """

    registry: ClassVar[Registry[Any]] = POLICIES
    selector: ClassVar[str] = "policy"
    gated: ClassVar[bool] = True
    uses_entropy: ClassVar[bool] = False

    entropy_threshold: Annotated[Number, Derived()] = 0.0
    accuracy_threshold: Annotated[Number, Derived()] = 0.0
    neuron: Annotated[Literal["position", "channel"], Derived()] = "position"

    @property
    def policy(self) -> str:
        """The name that the policy is registered by."""
        return self.choice

    @property
    def slug(self) -> str:
        """A name for folders that holds every setting that matters."""
        raise NotImplementedError

    def waits(self, entropy: float, reference: float) -> bool:
        """Whether the chain goes on whatever the accuracy is.

        Args:
            entropy: η of the iteration, in bits.
            reference: η₀ of the dense network.
        """
        return False


def exact(number: float) -> str:
    """A number in six digits, or in as many as it takes: another threshold is another name."""
    short = f"{number:g}"
    return short if float(short) == number else repr(float(number))
