"""When a teacher's answers are tabulated, and what that asks for."""

import pytest

from dsd2.config.study import load_study
from dsd2.errors import UserError
from dsd2.paths import TEACHER_TABLE
from dsd2.planning.chains import Plan
from dsd2.planning.inputs import Inputs

CONFIG = {
    "study": "s",
    "seeds": [0],
    "dataset": {"name": "digits"},
    "model": {"name": "vgg-like", "depth": 1, "width": 2},
    "arms": {
        "teacher": None,
        "student": {"distillation": {"teacher": "teacher", "select": "dense"}},
    },
}


def tabulated(table=None, **training):
    settings = {"augmentation": "flip-shift", "epochs": 21, **training}
    config = {**CONFIG, "training": settings, "override": {"distillation": {"cache_logits": table}}}
    return load_study(config).arms["all", "student"].distillation.table


def test_a_table_is_made_where_it_is_less_work():
    assert tabulated()
    assert not tabulated(epochs=20)
    assert not tabulated(augmentation="none")
    assert not tabulated(augmentation="auto-cutout")


def test_a_table_that_is_too_large_is_not_made_unasked(tmp_path):
    large = {**CONFIG, "dataset": {"name": "flowers102", "validation": "own"}}
    large["training"] = {"augmentation": "flip-shift"}
    assert load_study(large).arms["all", "student"].distillation.table
    # 45,000 images of 100 classes take 2.9 GB, and of 1,000 classes ten times as much.
    hundred = {**large, "dataset": {"name": "cifar100"}, "data_roots": [str(tmp_path)]}
    assert load_study(hundred).arms["all", "student"].distillation.table
    thousand = {**large, "dataset": {"name": "imagenet", "stream": False}}
    assert not load_study(thousand).arms["all", "student"].distillation.table


def test_the_configuration_wins():
    assert not tabulated(False)
    assert tabulated(True, epochs=1)
    with pytest.raises(UserError, match=r"distillation\.cache_logits of arm student is true"):
        tabulated(True, augmentation="none")


def test_students_ask_for_the_table_of_their_teacher_and_are_named_after_having_one():
    runs = {}
    for table in (True, False):
        config = {**CONFIG, "training": {"augmentation": "flip-shift"}}
        config["override"] = {"distillation": {"cache_logits": table}}
        plan = Plan(load_study(config))
        teacher, student = plan.chains(plan.study("s"))
        runs[table] = student.run
        files = Inputs(plan)
        inputs = [files.training(student.run, i) for i in (0, 2)]
        expected = TEACHER_TABLE.format(run=teacher.run, i="00") if table else None
        assert [named.get("table") for named in inputs] == [expected] * 2
        assert "table" not in files.training(teacher.run, 0)
        made_from = files.teacher_logits(teacher.run, 0)
        assert made_from["checkpoint"] == inputs[0]["teacher"]
        assert made_from["dataset"] == inputs[0]["dataset"]
    assert runs[True] != runs[False]
