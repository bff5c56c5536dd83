"""Claims judged together: verdicts, corrections, power, and how the scorecard is told."""

import numpy as np
import pandas as pd
import pytest
from made_up import CLEAN, DEEPER, DIP, FALL, TESTS, made, study_of

from dsd2.analysis.depths import depths
from dsd2.analysis.evidence import MeanTests, highest, own_rises, plain, rises
from dsd2.analysis.power import detectable
from dsd2.analysis.registered import CLAIMS
from dsd2.analysis.scorecard import said, scale_of, scorecard, scorecard_rows
from dsd2.analysis.scorecard_text import (
    scorecard_found,
    scorecard_lines,
    scorecard_markdown,
    scorecard_table,
)
from dsd2.files.claim_records import CLAIMS as SCHEMA
from dsd2.files.records import read_table, write_table

NOISE = [made(FALL, CLEAN), made(DIP, {"noise.rate": 0.3}), made(DEEPER)]
DECIDED = study_of(NOISE, ["noise", "clean-data"])
LEFT_OUT = {"human-labels": "none of the folders of data_roots (data) has cifar10"}


@pytest.fixture(scope="module")
def card():
    return scorecard([DECIDED], LEFT_OUT)


def test_every_claim_has_a_row_in_the_order_of_its_number(card):
    assert [j.claim.number for j in card] == list(range(1, 14))
    verdicts = {j.name: (j.verdict, j.why) for j in card}
    assert verdicts["noise"] == ("supported", None)
    assert verdicts["size"] == ("not tried", "no study of this run decides it")
    assert verdicts["human-labels"] == ("not tried", f"no data: {LEFT_OUT['human-labels']}")


def test_p_values_are_adjusted_over_the_claims_that_were_tried(card):
    tried = {j.name: j for j in card if j.p is not None}
    assert tried.keys() == {"noise", "clean-data"}
    small, large = sorted(tried.values(), key=lambda j: j.p)
    assert small.adjusted == pytest.approx(2 * small.p)
    assert large.adjusted == pytest.approx(max(large.p, 2 * small.p))


def test_a_claim_that_two_studies_decide_has_a_row_of_each():
    other = study_of([made(DIP, CLEAN)], ["clean-data"], name="other")
    found = [j for j in scorecard([DECIDED, other], {}) if j.name == "clean-data"]
    assert [(j.study.name, j.verdict) for j in found] == [
        ("made", "supported"),
        ("other", "contradicted"),
    ]


def test_stand_ins_decide_nothing():
    study = study_of([made(DIP, CLEAN, origin="stand-in images")], ["clean-data"])
    (found,) = [j for j in scorecard([study], {}) if j.study is not None]
    assert (found.verdict, found.why) == (
        "not tried",
        "the images or labels are stand-in data",
    )


def test_chains_without_room_for_a_valley_decide_nothing():
    study = study_of([made(DIP[:2], CLEAN)], ["clean-data"])
    (found,) = [j for j in scorecard([study], {}) if j.study is not None]
    assert (found.verdict, found.p) == ("not tried", None)
    assert "three iterations" in found.why


def test_random_curves_are_decided_no_more_often_than_the_level_says():
    draws, decided, repeats = np.random.default_rng(0), 0, 400
    for _ in range(repeats):
        # On the very bound, where both sides are equally likely.
        numbers = plain(draws.normal(0.02, 0.01, 5))
        part = TESTS.above("depth", numbers, 0.02)
        decided += part.estimate.p <= 0.1
    assert 0.06 * repeats < decided < 0.14 * repeats


def test_seeds_that_agree_are_taken_to_differ_by_one_test_image():
    tests = MeanTests(tolerance=0.02, confidence=0.9, step=1 / 100)
    same, spread = plain([0.0] * 4), plain([0.0, 0.2, -0.2, 0.0])
    assert tests.above("x", same).deviation == 1 / 100
    assert tests.above("x", spread).deviation == pytest.approx(np.std(spread[0], ddof=1))
    assert tests.above("x", same, step=0.5).deviation == 0.5
    assert tests.at_most("x", same, same, 0.02).supports < 0.02
    assert tests.above("x", plain([0.1])).supports == 1


def test_near_zero_needs_both_sides():
    inside, outside, wide = (
        TESTS.near_zero("x", plain(np.add(centre, spread)), 0.1)
        for centre, spread in (
            (0.02, [0, 0.01, -0.01]),
            (-0.3, [0, 0.01, -0.01]),
            (0.0, [-0.3, 0.3, 0]),
        )
    )
    assert inside.supports < 0.01 < inside.contradicts
    assert outside.contradicts < 0.01 < outside.supports
    assert min(wide.supports, wide.contradicts) > 0.2


def test_places_are_chosen_without_the_seed_that_is_read():
    draws = np.random.default_rng(1)
    noise = draws.normal(0, 0.1, (3000, 4, 6))
    for read in (highest, rises):
        held = np.array([read(curves)[0].mean() for curves in noise[:500]])
        assert abs(held.mean()) < 4 * held.std() / len(held) ** 0.5
    assert np.mean([own_rises(curves)[0].mean() for curves in noise[:200]]) > 0.1
    assert rises(np.array([[3.0, 2.0, 1.0]] * 3))[0].tolist() == [-1, -1, -1]
    assert highest(np.array([[1.0, 5.0], [2.0, 1.0], [0.0, 3.0]]))[0].tolist() == [5, 1, 3]


def test_numbers_without_each_seed_give_students_variance():
    numbers = plain([0.1, 0.2, 0.4, 0.3])
    part = TESTS.above("x", numbers)
    assert part.deviation == pytest.approx(numbers[0].std(ddof=1))
    assert depths(np.array([[0.5, 0.4]] * 3)).tolist() == [[0, 0, 0]] * 2


@pytest.mark.parametrize(
    ("effect", "seeds", "level"),
    # Cohen, Statistical Power Analysis (1988): so many for d by a two-sided test of one mean.
    [(0.5, 34, 0.05), (0.8, 15, 0.05), (0.5, 51, 0.01)],
)
def test_the_power_is_that_of_the_textbooks(effect, seeds, level):
    assert detectable(1.0, seeds, level) <= effect < detectable(1.0, seeds - 1, level)
    assert detectable(3.0, seeds, level) == pytest.approx(3 * detectable(1.0, seeds, level))


@pytest.mark.slow
def test_a_simulated_effect_is_seen_as_often_as_the_power_says():
    effect, draws = detectable(1.0, 5, 0.01), np.random.default_rng(2)
    own = draws.normal(effect, 1, (4000, 5))
    seen = [TESTS.above("x", plain(each)).estimate.p <= 0.01 for each in own[:2000]]
    assert np.mean(seen) == pytest.approx(0.8, abs=0.03)


def test_rows_fit_the_table(card, tmp_path):
    rows = scorecard_rows(card)
    write_table(tmp_path / "claims.parquet", SCHEMA, rows, {"claims": "claims"})
    back = read_table(tmp_path / "claims.parquet", SCHEMA, {"claims": "claims"}).to_pandas()
    assert len(back) == 2 + 1 + 11
    assert back[back["decides"]]["claim"].tolist() == [j.name for j in card]
    own = back[back["claim"] == "noise"]
    assert own["seeds"].tolist() == [6, 6]
    assert (own["could_see"] > 0).all()
    assert own["figure"].unique().tolist() == ["figures/sdd.png"]


def test_the_scorecard_is_told_in_words(card):
    rows = scorecard_rows(card)
    table = scorecard_table(rows, 0.05)
    (_, claims), (heading, parts) = table.parts
    assert len(claims) == 13
    assert claims["verdict"][12] == "supported"
    assert claims["test"][0].startswith("At the highest noise rate the SDD depth is above 2 points")
    assert (heading, len(parts)) == ("What each claim says", 3)
    assert "the 2 claims" in table.note
    text = scorecard_markdown(table, rows, "results/claims")
    assert "[made](../../figures/sdd.png)" in text
    lines = scorecard_lines(rows)
    assert lines[0].startswith(" 1. supported    Sparse double descent appears")
    assert "must be above" in lines[1]
    assert any(LEFT_OUT["human-labels"] in line for line in lines)
    found = scorecard_found(rows)
    assert "**supported** (2): 1" in found
    assert "**not tried** (11)" in found


def test_a_budget_is_said():
    card = scorecard([study_of(NOISE, ["noise"], name="made+smoke")], {})
    assert "**Caution:** the budget smoke" in scorecard_table(scorecard_rows(card), 0.05).note


def test_the_scale_is_said():
    rows = pd.concat([arm.rows for arm in NOISE])
    said = scale_of(rows, ["A", "A", "B"], ["digits"] * 3)
    assert said == "digits, 1,200 images; A, B; up to 6 trainings of 30 epochs; 6 seeds"


def test_each_claim_says_what_it_is():
    for name, claim in CLAIMS.items():
        assert said(claim).endswith("."), name
        assert claim.source, name
        assert claim.test.endswith("."), name
