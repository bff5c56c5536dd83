"""Configurations made from the schema: right ones load, broken ones are one sentence.

`make faults` tries thousands of them.

A broken one is a right one with one fault put in, whose kind says that it is a fault, whatever the
code under test thinks of it.
"""

import copy
import datetime
import json
import math
import re

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from config_rules import schema
from dsd2 import paths
from dsd2.config.studies import load_studies
from dsd2.config.validation import SECTIONS, applies
from dsd2.errors import UserError
from dsd2.nn.schedule import last_iteration
from dsd2.planning.chains import Plan

SHARE = pytest.mark.parametrize("share", [0.2, pytest.param(1, marks=pytest.mark.long)])
"""Of the configurations that are tried at most."""


def tried(most, share, *strategies):
    """A decorator that runs a function with a share of so many made-up configurations."""
    fuzz = settings(
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        max_examples=round(most * share),
    )
    return lambda test: fuzz(given(*strategies)(test))()


DEFINED = schema()["$defs"]
NAMES = st.sampled_from(["a", "b-2", "0", "vanilla", "kd_best", "x" * 60])
# Of sections whose keys depend on one another; the rest of them is drawn from the schema.
CHOSEN = {
    # A grid of dropout is for these; a patch of another network must divide the images' side.
    "model": {"name": ["vgg-like", "resnet18", "resnet50"], "weights": [None]},
    "dataset": {
        "name": ["digits", "cifar10", "cifar100", "flowers102", "imagenet", "imagefolder"],
        "path": ["images"],
        "train": [None],
        "test": [None, 0.3, 5],
        "validation": [0.2, 4, "test"],
        "stream": [True],
        "image_size": [4, 32, 1024],
        "ignore": [[]],
        "skip": [0],
    },
    "noise": {
        "file": ["labels.parquet", "a b/ü.pt"],
        "column": ["worse_label", "$(touch x)", "../../x" * 90, "ü{x}" * 50],
    },
    "training": {
        "augmentation": ["none", "flip-shift", "auto-cutout"],
        "epochs": [1, 2, 160],
        # Others have no weights and no smoothing, and parameters: unit/test_robust_losses.py.
        "loss": ["cross-entropy"],
    },
    "pruning": {"structure": ["weights"], "fraction": [0.2, 0.5, 0.123456789]},
    # A training of one step has no other step to go back to.
    "perturbation": {"rewind_step": [0]},
    "distillation": {"cache_logits": [None, False]},
}
STUDY_KEYS = ("seeds", "data_roots", "download", "lookahead", "decoders", "figure", "tables")
TITLES = ["Sparse double descent", "ζ > 0", "", "$(touch x)", "a\nb", "{study}", "'; touch x; '"]


@pytest.fixture(scope="module", autouse=True)
def images(tmp_path_factory):
    """A folder of images, for it is listed where it suggests something; all else need not be."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("here")
    for name in "ab":
        (folder / "images" / name).mkdir(parents=True)
        for i in range(10):
            Image.new("L", (8, 8), i).save(folder / "images" / name / f"{i}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield


def resolved(rule):
    """A rule together with the definition that it refers to."""
    return {**DEFINED[rule["$ref"].rpartition("/")[2]], **rule} if "$ref" in rule else rule


def values(rule):
    """Values that a rule of the schema allows."""
    rule = resolved(rule)
    if "enum" in rule:
        return st.sampled_from(rule["enum"])
    kinds = [rule["type"]] if isinstance(rule["type"], str) else rule["type"]
    low = rule.get("minimum", rule.get("exclusiveMinimum"))
    high = rule.get("maximum", rule.get("exclusiveMaximum"))
    made = {
        "null": st.none(),
        "boolean": st.booleans(),
        "integer": st.integers(low or 0, 2**63 - 1 if high is None else high),
        "number": st.floats(
            low,
            high if high is not None else 1e300,
            exclude_min="exclusiveMinimum" in rule,
            exclude_max="exclusiveMaximum" in rule,
        ),
        "string": st.sampled_from(re.findall(r"\w+", rule.get("pattern", "")) or ["x", "a b", "ü"]),
    }
    if "array" in kinds:
        items, unique = values(rule["items"]), rule.get("uniqueItems", False)
        return st.lists(items, min_size=rule.get("minItems", 0), max_size=3, unique=unique)
    # A mapping where a word may stand names an arm, which no rule of the schema knows.
    return st.one_of([made[kind] for kind in kinds if kind in made])


@st.composite
def sections(draw, name):
    """A section with some of the keys that apply to what kind of thing it is."""
    rules = DEFINED[name]["properties"]
    # The keys that others depend on come first, and are always said.
    deciding = {key for rule in rules.values() for key in rule.get("x-only-for", {})}
    section = {}
    for key in sorted(rules, key=lambda key: key not in deciding):
        if not applies(name, key, section) or key == "teacher":
            continue
        needed = key in deciding or key in ("path", "file", "column", "rewind_step")
        if needed or draw(st.booleans()):
            chosen = CHOSEN.get(name, {}).get(key)
            section[key] = draw(st.sampled_from(chosen) if chosen else values(rules[key]))
    return section


@st.composite
def studies(draw):
    """A right configuration of a study."""
    config = {"study": draw(NAMES), "title": draw(st.sampled_from(TITLES))}
    rules = schema()["properties"]
    for key in STUDY_KEYS:
        if draw(st.booleans()):
            config[key] = draw(values(rules[key]))
    for key in ("analysis", "plot"):
        config[key] = {
            name: draw(values(rule))
            for name, rule in resolved(rules[key])["properties"].items()
            if draw(st.booleans())
        }
    for key in ("dataset", "noise", "model", "training", "pruning", "perturbation", "stopping"):
        if draw(st.booleans()):
            config[key] = draw(sections(key))
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    config["arms"] = {name: draw(arms(names[:i], config)) for i, name in enumerate(names)}
    if draw(st.booleans()):
        panels = draw(st.lists(NAMES, min_size=1, max_size=2, unique=True))
        config["panels"] = {
            panel: {key: draw(sections(key)) for key in ("dataset", "noise") if draw(st.booleans())}
            for panel in panels
        }
    config["export"] = {
        key: draw(values(rule))
        for key, rule in resolved(rules["export"])["properties"].items()
        if key != "arms" and draw(st.booleans())
    }
    if draw(st.booleans()):
        some = st.lists(st.sampled_from(names), min_size=1, unique=True)
        config["export"]["arms"] = draw(st.none() | some)
    if draw(st.booleans()):
        config["override"] = {key: draw(sections(key)) for key in ("training", "stopping")}
    if draw(st.booleans()):
        config["paper"] = draw(st.lists(printed(names, list(config.get("panels", [])))))
    if draw(st.booleans()):
        config["arms"]["grid"] = draw(st.sampled_from(RIGHT_GRIDS))
    if "panels" in config and draw(st.booleans()):
        config["panels"]["grid"] = draw(st.sampled_from(RIGHT_GRIDS))
    return config


RIGHT_GRIDS = [
    {"grid": {key: values}, **({} if label is None else {"label": label.format(key)})}
    for key, values in (
        ("training.epochs", [3, 4]),
        ("model.dropout", [0, 0.5]),
        ("dataset.train", [None, 100]),
        ("training.batch_size", ["10", 20]),
        ("training.channels_last", [True, False]),
        ("training.augmentation", ["none", "flip-shift"]),
    )
    for label in (None, "", "plain", "{{{}}}", "$\\frac{{{{$ {{{}}}")
]
"""Grids of values of every kind that one may have, with labels that say them."""


@st.composite
def printed(draw, names, panels):
    """What the paper prints of an arm."""
    rules = DEFINED["Printed"]["properties"]
    entry = {"arm": draw(st.sampled_from(names))}
    if panels:
        entry["panel"] = draw(st.sampled_from(panels))
    for key in rules.keys() - {"arm", "panel"}:
        if draw(st.booleans()):
            entry[key] = draw(values(rules[key]))
    return entry


@st.composite
def arms(draw, before, config):
    """An arm that may be taught by one before it."""
    arm = {key: draw(sections(key)) for key in ("training", "stopping") if draw(st.booleans())}
    if before and draw(st.booleans()):
        teacher = draw(st.sampled_from(before))
        pruning = config.get("pruning", {})
        last = last_iteration(pruning.get("fraction", 0.2), pruning.get("target_sparsity", 0.9985))
        taught = draw(sections("distillation"))
        if isinstance(taught.get("select"), int):
            taught["select"] = min(taught["select"], last)
        arm["distillation"] = {"teacher": teacher, **taught}
    if draw(st.booleans()):
        arm["label"] = draw(st.sampled_from(["`touch x`", "α = {x", "--option", "ü" * 100]))
    return arm or draw(st.sampled_from([None, {}]))


@SHARE
@pytest.mark.fuzz
def test_right_configurations_load_and_write_below_results_alone(share):
    tried(400, share, studies())(_loads_and_writes_below_results_alone)


def _loads_and_writes_below_results_alone(config):
    plan = Plan(*load_studies(config))
    written = [paths.STUDY.format(study=name) for name in plan.studies]
    for run, stop in ((run, stop) for run in plan.runs for stop in plan.stops):
        written += [
            paths.CHECKPOINT.format(run=run, i="00"),
            paths.TRAINING_LOG.format(run=run, i=0),
        ]
        written += [paths.GATE_LOG.format(run=run, stop=stop, i="00")]
        written += [paths.CHOICE_LOG.format(run=run, stop=stop, last=9999)]
    written += [paths.DATASET.format(dataset=name) for name in plan.datasets]
    written += [paths.LABELS_LOG.format(labels=name) for name in plan.labels]
    for path in written:
        assert re.fullmatch(r"results(/[\w+][\w.+-]*)+", path), path
        assert max(len(part.encode()) for part in path.split("/")) <= 240


def rule_at(path):
    """The schema's rule of a key, and that of what it stands in."""
    rule, parent = schema(), {}
    for key in path:
        parent = rule
        parent = rule = resolved(rule)
        if isinstance(key, int):
            rule = rule["items"]
        elif key in rule.get("properties", {}):
            rule = rule["properties"][key]
        else:
            rule = rule["additionalProperties"]
    return resolved(rule), parent


def places(value, path=()):
    """Every key of a configuration, by its path."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        here = (*path, key)
        yield here
        if isinstance(inner, dict | list):
            yield from places(inner, here)


WRONG = {
    "null": None,
    "boolean": True,
    "number": 1.5,
    "string": "no, not at all",
    "array": [[1], {}],
    "object": {"deep": {"er": [1]}},
    "date": datetime.date(2024, 2, 20),
    "bytes": b"\x00\xff",
}
NEVER = [
    math.nan,
    math.inf,
    -math.inf,
    10**30,
    -(10**5000),
    "NaN",
    "Infinity",
    "1e999",
    "\0",
    "\ud800",
]
NEVER += ["x" * 5000, "a\x1bb"]
"""What no key may have; words for numbers only where a number belongs."""


def faulty_values(rule):
    """Values that a rule forbids."""
    kinds = rule.get("type", "string" if "pattern" in rule else [])
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    wrong = [value for kind, value in WRONG.items() if kind not in kinds]
    if "enum" in rule:
        wrong = [value for value in WRONG.values() if value not in rule["enum"]]
        wrong += ["", "Digits "]
    if "pattern" in rule:
        wrong += ["../x", "a/b", "a\n", "$(touch x)", "ä", " ", "{x}", "'", '"', "--x y", "*"]
    if "enum" not in rule:
        for bound, beyond in (("minimum", (-1, -1e9)), ("maximum", (1, 1e9))):
            if bound in rule:
                wrong += [rule[bound] + step for step in beyond]
            if (exclusive := f"exclusive{bound.title()}") in rule:
                wrong += [rule[exclusive], *(rule[exclusive] + step for step in beyond)]
    if rule.get("minItems") or rule.get("minProperties"):
        wrong += [[]] if "array" in kinds else [{}]
    numbers = bool(kinds & {"number", "integer"}) or kinds == {"boolean"}
    wrong += [v for v in NEVER if numbers or v not in ("NaN", "Infinity", "1e999")]
    # Whole numbers that are written as 3.0 are no fault, nor is true where a truth value belongs.
    return wrong


@st.composite
def broken(draw):
    """A configuration with one fault; with what its message must name."""
    config = copy.deepcopy(draw(studies()))
    kind = draw(st.sampled_from(["value"] * 5 + ["key", "key", "reference", "reference", "shape"]))
    every = list(places(config))
    if kind == "value":
        path = draw(st.sampled_from(every))
        value = draw(st.sampled_from(faulty_values(rule_at(path)[0])))
        put(config, path, value)
        return config, path[-1]
    if kind == "key":
        open_ = [()] + [p for p in every if isinstance(at(config, p), dict) and p[-1] not in NAMED]
        path = draw(st.sampled_from(open_))
        unknown = draw(
            st.sampled_from(["epoch", "", "ü" * 90, "a\nb", "arms.x", "__class__", "{x}"])
        )
        unknown = draw(st.sampled_from([unknown, 1, None, True, 1.5, datetime.date(2024, 2, 20)]))
        at(config, path)[unknown] = draw(st.sampled_from(list(WRONG.values())))
        return config, None
    if kind == "reference":
        return draw(referring(config))
    return draw(misshapen(config))


NAMED = ("arms", "panels", "grid")
"""Keys below which names are free."""


@st.composite
def referring(draw, config):
    """A reference to what is not there, to itself, or around in a circle."""
    name = next(iter(config["arms"]))
    faults = {
        "like": {"like": draw(st.sampled_from(["nobody", "", "x" * 4000, name]))},
        "teacher": {"distillation": {"teacher": draw(st.sampled_from(["nobody", "a\nb", name]))}},
        "select": {"distillation": {"teacher": "other", "select": 10_001}},
        "distillation": {"distillation": {}},
        "grid": {"grid": draw(st.sampled_from(GRIDS))},
        "label": {"grid": {"model.dropout": [0, 0.1]}, "label": draw(st.sampled_from(LABELS))},
        "form": {"grid": {"dataset.train": [None, 10]}, "label": draw(st.sampled_from(FORMS))},
        "circle": {"like": "other"},
    }
    fault = draw(st.sampled_from(list(faults)))
    config["arms"][name] = faults[fault]
    config["arms"]["other"] = {"like": name} if fault == "circle" else None
    # Of a grid's value the message names the key that it is of.
    return config, {"circle": "like", "grid": None, "form": "label"}.get(fault, fault)


GRIDS = [
    {"depth": [1]},
    {"model.depth.x": [1]},
    {"arms.a": [1]},
    {"model.depth": []},
    {"model.depth": [0]},
    {"model.depth": [[1]]},
    {"model.depth": [{"a": 1}]},
    {"model.dropout": [0.5, 0.5]},
    {"model.dropout": [math.nan]},
    {"model.dropout": [None]},
    {"model.dropout": [True]},
    {"model.dropout": [datetime.date(2024, 2, 20)]},
    {"dataset.train": [b"10"]},
    {"dataset.train": [10**400]},
    {"training.milestones": [[0.5], [0.5, 0.8]]},
    {"training.learning_rate": "0.1"},
    {"training.learning_rate": None},
    {"training.momentum": [0.1] * 101, "model.dropout": [0.1] * 101},
    {"noise.file": ["-", "_"]},
]
LABELS = ["{model.depth}", "{model}", "{0}", "{", "{model.dropout.__class__}", "{model.dropout!r}"]
FORMS = ["{dataset.train:d}", "{dataset.train:.2f}", "{dataset.train:%}", "{dataset.train:5}"]
"""How nothing cannot be written."""
LABELS += ["{model.dropout:99999999}", "{model.dropout:{model.dropout}}", "{}", "}"]


@st.composite
def misshapen(draw, config):
    """A section of the wrong kind of thing, or what takes forever or all memory if believed."""
    deep: list = []
    for _ in range(draw(st.sampled_from([20, 2000]))):
        deep = [deep]
    laughs = ["ha"] * 9
    for _ in range(9):
        laughs = [laughs] * 9
    itself: list = []
    itself.append(itself)
    path, value = draw(
        st.sampled_from(
            [
                (("model",), {"name": "resnet18", "depth": 3}),
                (("noise",), {"kind": "none", "rate": 0.1}),
                (("dataset",), {"name": "parquet"}),
                (("dataset",), {"name": "digits", "path": "x"}),
                (("dataset",), {"validation": 1.5}),
                (("dataset",), {"test": 2.5}),
                (("dataset",), {"name": "imagefolder", "path": ""}),
                (("noise",), {"kind": "human", "file": "x"}),
                (("noise",), {"kind": "human", "column": ""}),
                (("pruning",), {"fraction": 1e-9, "target_sparsity": 0.9985}),
                (("pruning",), {"fraction": 5e-324}),
                (("pruning",), {"fraction": 1e-4, "structure": "filters"}),
                (("perturbation",), {"kind": "rewind", "rewind_step": 10**9}),
                (("training",), {"augmentation": "resized-crop"}),
                (("seeds",), deep),
                (("title",), laughs),
                (("data_roots",), itself),
                (("title",), "[" * 100_000),
                (("seeds",), "[" * 4000),
                (("seeds",), [0, 0]),
                (("paper",), [{"arm": "nobody"}]),
                (("paper",), [{}]),
                (("paper",), [{"panel": "nowhere", "accuracy": 1}]),
                (("export",), {"arms": ["nobody"]}),
                (("export",), {"arms": []}),
                (("panels",), {"p": {"arms": ["nobody"]}}),
                (("panels",), {"P": {}}),
                (("arms",), {"$(touch x)": None}),
                (("arms",), {"../x": None}),
                (("arms",), {"a\n": None}),
                (("arms",), None),
                (("study",), "../x"),
                (("budget",), "a/../../b"),
            ]
        )
    )
    put(config, path, value)
    # What a panel, an arm or an override says of a section would win over the fault.
    if path[0] in SECTIONS:
        config.pop("panels", None)
        config.pop("export", None)
        config.pop("override", None)
        config["arms"] = {"only": None}
        config = {k: v for k, v in config.items() if k not in SECTIONS or k == path[0]}
    return config, None if path[0] in ("arms", "export") else path[0]


def at(config, path):
    for key in path:
        config = config[key]
    return config


def put(config, path, value):
    at(config, path[:-1])[path[-1]] = value


def is_one_sentence(text):
    """Whether a message is one line that a person can read, and says what is allowed."""
    assert text.isprintable(), text
    assert len(text) < 1500, text
    assert re.match(r"(config key |the configuration )", text), text
    allowed = r"must|known are|did you mean|is missing|only to|goes in a circle|may |at most|needs"
    assert re.search(allowed, text), text


@SHARE
@pytest.mark.fuzz
def test_broken_configurations_are_one_sentence(share):
    tried(1500, share, broken())(_is_refused_in_one_sentence)


def _is_refused_in_one_sentence(case):
    config, key = case
    with pytest.raises(UserError) as fault:
        Plan(*load_studies(config))
    is_one_sentence(str(fault.value))
    if isinstance(key, str):
        assert key in str(fault.value) or json.dumps(key)[1:-1][:20] in str(fault.value)


ANYTHING = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.dates()
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.one_of(st.text(), st.integers(), st.none()), inner, max_size=3)
    ),
    max_leaves=5,
)


@SHARE
@pytest.mark.fuzz
def test_whatever_is_put_anywhere_loads_or_is_one_sentence(share):
    tried(200, share, studies(), ANYTHING, st.data())(_loads_or_is_one_sentence)


def _loads_or_is_one_sentence(config, value, data):
    put(config, data.draw(st.sampled_from(list(places(config)))), value)
    try:
        Plan(*load_studies(config))
    except UserError as error:
        is_one_sentence(str(error))
