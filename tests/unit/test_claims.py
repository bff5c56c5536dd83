"""Each claim of the paper on made-up curves that say it, and on such that deny it."""

from pathlib import Path

import pytest
import yaml
from made_up import (
    BEST,
    CLEAN,
    DEEPER,
    DENSE,
    DIP,
    FALL,
    FLAT_ENTROPY,
    HIGHER,
    HUMAN,
    PLAIN,
    TESTS,
    made,
    study_of,
)

from dsd2.analysis.measured import MeasuredArm
from dsd2.analysis.registered import CLAIMS
from dsd2.analysis.scorecard import scorecard
from dsd2.config.studies import load_studies
from dsd2.planning.view import study_view

ROOT = Path(__file__).parents[2]
GATED = {"stopping.policy": "entropy", "stopping.entropy_threshold": 0.9}
STOPPED = {"stopping.policy": "accuracy", "stopping.accuracy_threshold": 0.95}
FILTERS = {"pruning.structure": "filters"}
HUMP = [0.66, 0.67, 0.70, 0.66, 0.62]
LESS = [accuracy - 0.05 for accuracy in DIP]
LATE = [*DIP[:-1], 0.20]
RISES_FIRST = [0.60, 0.72, 0.70, 0.55, 0.45, 0.35]
BEST_DENSE = [*DIP[:-2], 0.75, 0.40]
LONG = [*HIGHER[:-2], *[0.86 - 0.03 * i for i in range(8)]]
WORST = [accuracy - 0.10 for accuracy in DIP]


def noisy(clean, some, much):
    return [
        made(clean, CLEAN),
        made(some, {"noise.rate": 0.3}),
        made(much, {"noise.rate": 0.5}),
    ]


def perturbed(**curves):
    return [made(curve, {"perturbation.kind": kind}) for kind, curve in curves.items()]


def sizes(small, shallow, large):
    return [
        made(small, {"model.width": 2}),
        made(shallow, {"model.depth": 1}),
        made(large),
    ]


def taught(alone, dense, best):
    return [made(alone), made(dense, DENSE), made(best, BEST)]


def stopped(traditional, gate):
    return [
        made(DIP),
        made(DIP, STOPPED, stop=traditional),
        made(LONG, BEST, entropy=[0.7] * len(LONG)),
        made(LONG, {**BEST, **GATED}, entropy=[0.7] * len(LONG), stop=gate),
    ]


def regularised(curve):
    changes = (
        {},
        {"training.weight_decay": 1e-3},
        {"training.l1": 1e-4},
        {"model.dropout": 0.5},
        {"training.augmentation": "auto-cutout"},
    )
    return [made(curve if "model.dropout" in c else DIP, c) for c in changes]


def grid(papers, other):
    points = {(0.8, 10): papers, (0.5, 10): FALL, (0.95, 10): other, (0.8, 20): FALL}
    return [
        made(
            curve,
            {**BEST, "distillation.alpha": alpha, "distillation.temperature": temperature},
        )
        for (alpha, temperature), curve in points.items()
    ]


def criteria(random):
    curves = {"magnitude": DIP, "gradient": DIP, "random": random}
    return [made(curve, {"pruning.criterion": name}) for name, curve in curves.items()]


HOLDS = {
    "noise": noisy(FALL, DIP, DEEPER),
    "best-phase": noisy(FALL, DIP, DIP),
    "perturbations": perturbed(none=DIP, rewind=LATE, reinit=WORST, finetune=LESS),
    "entropy": noisy(FALL, FALL, DIP),
    "size": sizes(FALL, FALL, DIP),
    "distillation": taught(DIP, FALL, HIGHER),
    "stopping": stopped(2, 5),
    "regularisers": regularised(DIP),
    "alpha-temperature": grid(HIGHER, FALL),
    "filters": [made(HUMP, FILTERS), made([0.80, 0.78, 0.76, 0.74, 0.70], {**FILTERS, **BEST})],
    "human-labels": [made(DIP, HUMAN), made(FALL, {**HUMAN, **BEST})],
    "criteria": criteria(DIP),
    "clean-data": [made(FALL, CLEAN)],
}
DENIES = {
    "noise": noisy(DIP, FALL, FALL),
    "best-phase": noisy(FALL, DIP, BEST_DENSE),
    "perturbations": perturbed(none=DIP, rewind=LATE, reinit=HIGHER, finetune=LESS),
    "entropy": [made(DIP, entropy=[0.75, 0.50, 0.40, 0.40, 0.50, 0.30])],
    "size": sizes(DIP, FALL, FALL),
    "distillation": taught(DIP, FALL, DIP),
    "stopping": stopped(2, 12),
    "regularisers": regularised(FALL),
    "alpha-temperature": grid(FALL, HIGHER),
    "filters": [made(HUMP, FILTERS), made([0.60, 0.70, 0.60, 0.50, 0.40], {**FILTERS, **BEST})],
    "human-labels": [made(FALL, HUMAN), made(DIP, {**HUMAN, **BEST})],
    "criteria": criteria(FALL),
    "clean-data": [made(DIP, CLEAN)],
}


def judged(name, arms):
    (found,) = [j for j in scorecard([study_of(arms, [name])], {}) if j.study is not None]
    return found


def test_every_claim_is_tried_both_ways():
    assert HOLDS.keys() == DENIES.keys() == set(CLAIMS)
    assert sorted(claim.number for claim in CLAIMS.values()) == list(range(1, 14))


@pytest.mark.parametrize("name", HOLDS)
def test_a_claim_that_curves_say_is_supported(name):
    found = judged(name, HOLDS[name])
    assert found.verdict == "supported", found.parts


@pytest.mark.parametrize("name", DENIES)
def test_a_claim_that_curves_deny_is_contradicted(name):
    found = judged(name, DENIES[name])
    assert found.verdict == "contradicted", found.parts
    assert found.decides.contradicts == min(part.contradicts for part in found.parts)


@pytest.mark.parametrize("name", HOLDS)
def test_two_seeds_that_differ_decide_nothing_and_one_is_no_evidence(name):
    for seeds in (1, 2):
        arms = [
            MeasuredArm(a.panel, a.label, a.settings, a.rows[a.rows["seed"] < seeds])
            for a in HOLDS[name]
        ]
        found = judged(name, arms)
        assert found.verdict in ("undecided", "supported")
        if seeds == 1:
            assert (found.verdict, found.p) == ("undecided", 1)
            assert found.why == "one seed shows no spread"


@pytest.mark.parametrize("name", CLAIMS)
def test_without_its_arms_a_claim_is_not_tried(name):
    lone = [made(DIP, {"noise.kind": "pairflip", "noise.rate": 0.0})]
    found = judged(name, lone)
    assert (found.verdict, found.parts) == ("not tried", ())
    assert "no arms" in found.why


def test_the_gate_that_loses_nothing_and_saves_a_sixth_does_not_save_a_quarter():
    found = judged("stopping", stopped(2, 10))
    parts = {part.says: part for part in found.parts}
    assert parts["accuracy that the gate loses"].supports < 0.01
    saved = parts["saved by the gate, paper's count"]
    assert saved.estimate.mean == pytest.approx(1 / 6)
    # Two trainings of the teacher's on both sides.
    assert parts["saved by the gate, all counted"].estimate.mean == pytest.approx(2 / 14)


def test_without_a_valley_the_best_network_is_in_no_sweet_phase():
    assert judged("best-phase", noisy(FALL, FALL, RISES_FIRST)).verdict == "contradicted"


def test_series_on_two_datasets_count_as_their_mean():
    other = [
        made(curve, {**PLAIN, **noise, "dataset.name": "other"})
        for curve, noise in ((FALL, CLEAN), (FALL, {"noise.rate": 0.5}))
    ]
    alone, both = (
        CLAIMS["noise"]().parts(arms, TESTS)[0].estimate.mean
        for arms in (HOLDS["noise"], [*HOLDS["noise"], *other])
    )
    own = CLAIMS["noise"]().parts(other, TESTS)[0].estimate.mean
    assert both == pytest.approx((alone + own) / 2)


CONFIGS = [
    path.relative_to(ROOT)
    for path in sorted((ROOT / "config").rglob("*.yaml"))
    if yaml.safe_load(path.read_text()).get("claims")
]


@pytest.mark.parametrize("path", CONFIGS, ids=str)
def test_every_study_has_the_arms_of_the_claims_that_it_decides(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    (study,) = load_studies(yaml.safe_load(path.read_text()))
    view = study_view(study)
    arms = [
        MeasuredArm(
            entry["panel"],
            view.labels[entry["name"]],
            entry["settings"],
            made(DIP if i % 2 else LATE, {"model.depth": 2 + i}, entropy=FLAT_ENTROPY).rows,
        )
        for i, entry in enumerate(view.settings)
        if study.arms[entry["panel"], entry["name"]].show
    ]
    for name in study.claims:
        assert CLAIMS[name]().parts(arms, TESTS), name


def test_each_claim_is_decided_at_both_sizes():
    decided = {
        folder: {
            name
            for path in CONFIGS
            if path.parts[1] == folder
            for name in yaml.safe_load((ROOT / path).read_text())["claims"]
        }
        for folder in ("claims", "paper")
    }
    assert decided == {"claims": set(CLAIMS), "paper": set(CLAIMS)}
