"""Splits by class: every class has its share, and copies stay together."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dsd2.data.stratified import cut, stratified_split


def split(labels, train=None, others=(), groups=None, seed=0):
    labels = torch.tensor(labels)
    groups = torch.arange(len(labels)) if groups is None else torch.tensor(groups)
    draws = torch.Generator().manual_seed(seed)
    return stratified_split(labels, groups, train, others, draws)


@pytest.mark.parametrize("seed", range(100))
def test_two_classes_of_ten_are_in_every_part(seed):
    labels = torch.tensor([0] * 10 + [1] * 10)
    train, (test, validation) = split(labels.tolist(), None, [4, 2], seed=seed)
    assert labels[test].bincount().tolist() == [2, 2]
    assert labels[validation].bincount().tolist() == [1, 1]
    assert labels[train].bincount().tolist() == [7, 7]


@pytest.mark.fuzz
@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=60),
    st.integers(0, 20),
    st.integers(0, 20),
    st.randoms(),
)
def test_parts_are_apart_and_in_proportion(labels, test, validation, random):
    groups = [random.randrange(len(labels)) for _ in labels]
    train, parts = split(labels, None, [test, validation], groups)
    rows = torch.cat([train, *parts])
    # Every image is used once, and copies lie on one side.
    assert rows.sort().values.tolist() == list(range(len(labels)))
    sides = [{groups[i] for i in part.tolist()} for part in (train, *parts)]
    assert sum(map(len, sides)) == len(set().union(*sides))
    assert len(parts[0]) <= test
    assert len(parts[1]) <= validation


def test_every_class_is_trained_on_where_there_are_enough_images():
    labels = [0] * 50 + [1] * 2 + [2]
    train, (test,) = split(labels, None, [40])
    assert {labels[i] for i in train.tolist()} == {0, 1, 2}
    assert len(test) == 40
    train, _ = split(labels, 3, [40])
    assert sorted(labels[i] for i in train.tolist()) == [0, 1, 2]


def test_classes_get_their_share_of_every_part():
    labels = [0] * 600 + [1] * 300 + [2] * 100
    train, (test, validation) = split(labels, None, [200, 80])
    for part in (train, test, validation):
        shares = torch.tensor([labels[i] for i in part.tolist()]).bincount() / len(part)
        assert torch.allclose(shares, torch.tensor([0.6, 0.3, 0.1]), atol=0.02)


def test_the_same_seed_gives_the_same_split_and_another_another():
    labels = [0, 1] * 20
    assert torch.equal(split(labels, None, [8])[0], split(labels, None, [8])[0])
    assert not torch.equal(split(labels, None, [8])[0], split(labels, None, [8], seed=1)[0])


def test_a_unit_that_does_not_fit_waits_for_the_next_part():
    parts, left = cut([[0, 1, 2], [3], [4]], [2, 3])
    assert [part.tolist() for part in parts] == [[3, 4], [0, 1, 2]]
    assert left == []
