"""Which arm a distilled arm is compared with."""

import pytest
import yaml

from dsd2.config.study import load_study
from dsd2.planning.view import study_view

CONFIG = """
study: twins
seeds: [0]
dataset: {name: digits, train: 100}
training: {epochs: 2}
pruning: {fraction: 0.5, target_sparsity: 0.9}
model: {name: vgg-like, depth: 1, width: 4}
arms:
  gated: {stopping: {policy: accuracy, accuracy_threshold: 0.9}}
  vanilla:
  wide: {model: {width: 8}}
  slow: {training: {epochs: 4}}
  student: {distillation: {teacher: wide, select: best}}
  student-gated: {like: student, stopping: {policy: accuracy, accuracy_threshold: 0.9}}
  shallow: {model: {width: 2}, distillation: {teacher: wide, select: dense}}
  lonely: {model: {width: 2}, distillation: {teacher: student, select: dense}}
"""


@pytest.fixture
def twins():
    return {arm: twin for _, arm, twin in study_view(load_study(yaml.safe_load(CONFIG))).twins}


def test_a_twin_is_alike_but_for_distillation_and_runs_to_its_end(twins):
    assert twins["student"] == twins["student-gated"] == "vanilla"
    assert not {"vanilla", "gated", "wide", "slow"} & set(twins), "they are not distilled"


def test_where_no_arm_is_alike_it_is_the_one_like_the_teacher(twins):
    assert twins["shallow"] == "wide"
    assert twins["lonely"] == "vanilla", "its teacher is distilled: the teacher's twin"
