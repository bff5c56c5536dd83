"""The scorecard: which claims of the paper studies support, all claims judged together.

A claim says several things, its parts, and holds where all of them do. It is *supported* by the
largest of the parts' one-sided p for it (Berger, Technometrics 24, 1982), and *contradicted* by the
smallest of those against it, times their number (Bonferroni). Twice the smaller of both is the
claim's p. Over all claims that were tried together these are adjusted by Holm's method. A claim is
*undecided* where the adjusted p is above 1 − confidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from dsd2.analysis.depths import LEAST_POINTS
from dsd2.analysis.evidence import MeanTests, Part
from dsd2.analysis.inference import holm
from dsd2.analysis.measured import MeasuredArm, whole
from dsd2.analysis.power import detectable
from dsd2.analysis.registered import CLAIMS, Claim

if TYPE_CHECKING:
    import pandas as pd

Verdict = Literal["supported", "contradicted", "undecided", "not tried"]

NO_STUDY = "no study of this run decides it"
NO_ARMS = "its study has no arms, or no valley, that it is about"
TOO_SHORT = "its chains are too short: a valley takes three iterations"
STAND_IN = "the images or labels are stand-in data"
ONE_SEED = "one seed shows no spread"


@dataclass(frozen=True)
class JudgedStudy:
    """A study that decides claims.

    Attributes:
        name: of its folder.
        claims: names of the claims that it decides.
        arms: those that figures draw.
        tests: of means over its seeds.
        scale: its data and size, in words.
        figure: file of its figure; None without one.
    """

    name: str
    claims: Sequence[str]
    arms: Sequence[MeasuredArm]
    tests: MeanTests
    scale: str
    figure: str | None

    @property
    def stands_in(self) -> bool:
        """Whether some of its images or labels are synthetic."""
        return any(
            arm.rows["origin"].str.startswith("stand-in").any()
            or bool(arm.settings.get("noise.stand_in"))
            for arm in self.arms
        )


@dataclass(frozen=True)
class Judgement:
    """A claim as one study has it.

    Attributes:
        name: of the claim.
        study: None where no study decides it.
        parts: none where it was not tried.
        why: why it was not tried or cannot be decided; None where nothing stood against it.
        p: two-sided; None where it was not tried.
        adjusted: p over all claims that were tried.
        tried: how many these are.
    """

    name: str
    study: JudgedStudy | None
    parts: Sequence[Part]
    why: str | None
    p: float | None = None
    adjusted: float | None = None
    tried: int = 0

    @property
    def claim(self) -> type[Claim]:
        """The claim."""
        return CLAIMS[self.name]

    @property
    def level(self) -> float:
        """The chance of an error, over all claims together, that is taken."""
        return 0.0 if self.study is None else 1 - self.study.tests.confidence

    @property
    def verdict(self) -> Verdict:
        """See this module."""
        if self.adjusted is None:
            return "not tried"
        if self.adjusted > self.level:
            return "undecided"
        return "supported" if supports(self.parts) < contradicts(self.parts) else "contradicted"

    @property
    def decides(self) -> Part | None:
        """The part that the verdict hangs on: the weakest, or what contradicts most clearly."""
        if not self.parts:
            return None
        if self.verdict == "contradicted":
            return min(self.parts, key=lambda part: part.contradicts)
        return max(self.parts, key=lambda part: part.supports)

    def could_see(self, part: Part) -> float | None:
        """How far from its bound a part's mean must be for its seeds to see it, four times in five.

        None of one seed.
        """
        if part.deviation is None or not self.tried:
            return None
        return detectable(part.deviation, part.seeds, self.level / self.tried)


def said(claim: type[Claim]) -> str:
    """What a claim says, on one line."""
    return " ".join((claim.__doc__ or "").split())


def supports(parts: Sequence[Part]) -> float:
    """One-sided p that not all parts hold."""
    return max(part.supports for part in parts)


def contradicts(parts: Sequence[Part]) -> float:
    """One-sided p that all parts hold."""
    return min(1.0, len(parts) * min(part.contradicts for part in parts))


def scorecard(studies: Sequence[JudgedStudy], left_out: Mapping[str, str]) -> list[Judgement]:
    """Every claim, by its number: a judgement for each study that decides it.

    Args:
        studies: that were run together.
        left_out: why studies were not run, by the names of the claims that they would decide.
    """
    found = []
    for name in sorted(CLAIMS, key=lambda name: CLAIMS[name].number):
        own = [study for study in studies if name in study.claims]
        why = f"no data: {left_out[name]}" if name in left_out else NO_STUDY
        found += [_tried(name, study) for study in own] or [Judgement(name, None, (), why)]
    ps = [judgement.p for judgement in found if judgement.p is not None]
    adjusted = iter(holm(ps))
    return [j if j.p is None else replace(j, adjusted=next(adjusted), tried=len(ps)) for j in found]


def _tried(name: str, study: JudgedStudy) -> Judgement:
    if study.stands_in:
        return Judgement(name, study, (), STAND_IN)
    lengths = [arm.curves().shape[1] for arm in whole(study.arms, distilled=None)]
    if min(lengths, default=LEAST_POINTS) < LEAST_POINTS:
        return Judgement(name, study, (), TOO_SHORT)
    parts = CLAIMS[name]().parts(study.arms, study.tests)
    if not parts:
        return Judgement(name, study, (), NO_ARMS)
    p = min(1.0, 2 * min(supports(parts), contradicts(parts)))
    why = ONE_SEED if any(part.deviation is None for part in parts) else None
    return Judgement(name, study, parts, why, p)


def scorecard_rows(judgements: Sequence[Judgement]) -> list[dict[str, Any]]:
    """The rows of the scorecard's table: one a part, and one of a claim that was not tried."""
    rows = []
    for judgement in judgements:
        claim, study = judgement.claim, judgement.study
        whole = {
            "number": claim.number,
            "claim": judgement.name,
            "says": said(claim),
            "source": claim.source,
            "test": claim.test.format(tolerance=_tolerance(study)),
            "verdict": judgement.verdict,
            "why": judgement.why,
            "p": judgement.p,
            "adjusted_p": judgement.adjusted,
            "study": study and study.name,
            "scale": study and study.scale,
            "figure": study and study.figure,
        }
        rows += [{**whole, **_part_row(judgement, part)} for part in judgement.parts or (None,)]
    return rows


def _tolerance(study: JudgedStudy | None) -> str:
    return "the tolerance" if study is None else f"{100 * study.tests.tolerance:g} points"


def _part_row(judgement: Judgement, part: Part | None) -> dict[str, Any]:
    if part is None:
        names = ("part", "wanted", "effect", "low", "high", "deviation", "seeds")
        return {**dict.fromkeys((*names, "supports", "contradicts", "could_see")), "decides": True}
    return {
        "part": part.says,
        "wanted": part.wanted,
        "decides": part is judgement.decides,
        "effect": part.estimate.mean,
        "low": part.estimate.low,
        "high": part.estimate.high,
        "deviation": part.deviation,
        "seeds": part.seeds,
        "supports": part.supports,
        "contradicts": part.contradicts,
        "could_see": judgement.could_see(part),
    }


def scale_of(study: pd.DataFrame, networks: Sequence[str], datasets: Sequence[str]) -> str:
    """The data and size of a study in words.

    Args:
        study: its metrics of the arms that figures draw.
        networks: their titles.
        datasets: names of their datasets.
    """
    images = "/".join(f"{count:,}" for count in sorted(study["train_images"].unique()))
    epochs = "/".join(map(str, sorted(study["epochs"].unique())))
    chains = study.groupby(["panel", "arm", "seed"])["iteration"].max() + 1
    seeds = study["seed"].nunique()
    return (
        f"{', '.join(dict.fromkeys(datasets))}, {images} images;"
        f" {', '.join(dict.fromkeys(networks))}; up to {chains.max()} trainings of {epochs} epochs;"
        f" {seeds} seed{'s' * (seeds != 1)}"
    )
