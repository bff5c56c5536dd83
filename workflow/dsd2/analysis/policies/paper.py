"""The stopping policies that the paper compares (Algorithm 2, Table 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from dsd2.keys import Default, Doc, Ge, Le
from dsd2.stopping import POLICIES, Stopping, exact
from dsd2.typed import Number

ACCURACY_THRESHOLD = Doc(
    "T_A; stop at or below this fraction of the best validation accuracy so far."
)


@POLICIES.register("none")
@dataclass(frozen=True, kw_only=True)
class Never(Stopping):
    """Chains go on to their target sparsity."""

    slug = "none"
    gated = False


@POLICIES.register("accuracy")
@dataclass(frozen=True, kw_only=True)
class Accuracy(Stopping):
    """The traditional early stop."""

    accuracy_threshold: Annotated[Number, Ge(0), Le(1), Default(0.8), ACCURACY_THRESHOLD] = 0.0

    @property
    def slug(self) -> str:
        """``accuracy-ta0.8``."""
        return f"accuracy-ta{exact(self.accuracy_threshold)}"


@POLICIES.register("entropy")
@dataclass(frozen=True, kw_only=True)
class Entropy(Stopping):
    """The traditional one, but not before the entropy has fallen."""

    uses_entropy = True

    entropy_threshold: Annotated[
        Number,
        Ge(0),
        Default(0.8),
        Doc("T_E; the entropy has fallen when at or below this fraction of the dense one."),
    ] = 0.0
    accuracy_threshold: Annotated[Number, Ge(0), Le(1), Default(0.8), ACCURACY_THRESHOLD] = 0.0
    neuron: Annotated[
        Literal["position", "channel"],
        Doc("What has an entropy, a position of a feature map or a whole channel."),
    ] = "position"

    @property
    def slug(self) -> str:
        """``entropy-te0.8-ta0.8``, with ``-channel`` where channels are the neurons."""
        channel = "-channel" if self.neuron == "channel" else ""
        accuracy = exact(self.accuracy_threshold)
        return f"entropy-te{exact(self.entropy_threshold)}-ta{accuracy}{channel}"

    def waits(self, entropy: float, reference: float) -> bool:
        """Until the entropy is at or below T_E·η₀."""
        return entropy > self.entropy_threshold * reference
