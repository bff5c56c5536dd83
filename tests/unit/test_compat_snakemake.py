"""What of Snakemake is not promised: as it is, and as if it were gone."""

import importlib
import logging
from types import SimpleNamespace as Names

import pytest

from dsd2 import compat

GONE = Names()


def settings(**changes):
    known = {"forceall": False, "target_jobs": [], "forcerun": [], "forcetargets": False}
    return Names(dag_settings=Names(**{**known, "targets": ["./a"], **changes}))


def test_a_modules_prefix_is_put_before_paths():
    prefixed = Names(modifier=Names(path_modifier=Names(replace_prefix=lambda path: f"x/{path}")))
    assert compat.placing(prefixed)("a") == "x/a"
    assert compat.placing(GONE)("a") == "a"


@pytest.mark.parametrize(
    ("workflow", "limit"),
    [
        (Names(global_resources={"gpu": Names(value=2)}), 2),
        (Names(global_resources={"gpu": 0}), 0),
        (Names(global_resources={}), None),
        (GONE, None),
    ],
)
def test_a_limit_of_a_resource_is_known_where_snakemake_tells(workflow, limit):
    assert compat.resource_limit(workflow, "gpu") == limit


def test_a_resource_is_limited_where_snakemake_lets():
    workflow = Names(global_resources={})
    compat.limit_resource(workflow, "gpu", 2)
    assert compat.resource_limit(workflow, "gpu") == 2
    compat.limit_resource(GONE, "gpu", 2)


def test_jobs_run_here_unless_they_are_sent_away_or_this_is_one():
    here, sent = Names(nodes=None), Names(nodes=100)
    assert compat.runs_jobs_here(Names(resource_settings=here, is_main_process=True))
    assert not compat.runs_jobs_here(Names(resource_settings=sent, is_main_process=True))
    assert not compat.runs_jobs_here(Names(resource_settings=here, is_main_process=False))
    assert not compat.runs_jobs_here(GONE)


def test_what_is_forced_is_known_where_snakemake_tells():
    assert compat.forced_again(settings(forcerun=["train"])) == {"train"}
    assert compat.forced_again(settings(forcetargets=True)) == {"a"}
    assert compat.forced_again(settings()) == set()
    for workflow in (settings(forceall=True), settings(target_jobs=["x"]), GONE):
        assert compat.forced_again(workflow) is None


def test_the_command_lines_configuration_is_known_where_snakemake_tells():
    given = Names(configfiles=["a.yaml"], config_args=["b=1"])
    root = Names(modifier=Names(parent_modifier=None), config_settings=given)
    assert compat.given_by_command(root) == (["a.yaml"], ["b=1"])
    assert compat.given_by_command(Names(modifier=Names(parent_modifier=1))) == ([], [])
    assert compat.given_by_command(Names(modifier=Names(parent_modifier=None))) is None
    assert compat.given_by_command(GONE) is None


def test_snakemake_says_nothing_only_where_all_is_quiet():
    def quiet(*kinds, dryrun=False):
        return Names(output_settings=Names(quiet=kinds, dryrun=dryrun))

    assert compat.says_nothing(quiet("Quietness.ALL"))
    for workflow in (quiet("RULES"), quiet("ALL", dryrun=True), quiet(), GONE):
        assert not compat.says_nothing(workflow)


ASKED = ("verbose", "printshellcmds", "quiet", "dryrun", "debug_dag", "stdout")


@pytest.fixture
def snakemakes(monkeypatch):
    """The handler of Snakemake that writes to the terminal."""
    handler = logging.Handler()
    handler.name = "DefaultStreamHandler"
    logger = logging.getLogger("snakemake.logging")
    monkeypatch.setattr(logger, "handlers", [logging.Handler(), handler])
    return handler


def running(outer=None, main=True, **asked):
    settings = {**dict.fromkeys(ASKED), "log_handler_settings": {}, **asked}
    modifier = Names(parent_modifier=outer)
    return Names(output_settings=Names(**settings), is_main_process=main, modifier=modifier)


def test_snakemakes_own_lines_are_replaced_where_nothing_asks_for_them(snakemakes, monkeypatch):
    assert compat.terminal_handler(running()) is snakemakes
    for option in (*ASKED, "log_handler_settings"):
        assert compat.terminal_handler(running(**{option: {"all": 1}})) is None, option
    assert compat.terminal_handler(running(outer="a module")) is None
    assert compat.terminal_handler(running(main=False)) is None
    assert compat.terminal_handler(GONE) is None
    snakemakes.name = "of another name"
    assert compat.terminal_handler(running()) is None


def test_jobs_that_snakemake_has_started_are_asked_to_end(monkeypatch):
    def gone():
        raise ProcessLookupError

    asked = []
    ended, runs = Names(terminate=gone), Names(terminate=lambda: asked.append("to end"))
    shell = importlib.import_module("snakemake.shell").shell
    monkeypatch.setattr(shell, "_processes", {1: ended, 2: runs})
    compat.terminate_jobs()
    assert asked == ["to end"]
    monkeypatch.delattr(shell, "_processes")
    compat.terminate_jobs()


def test_the_default_rate_limit_goes_and_no_other_does():
    for limit, left in (((100, 1), None), ((90, 1), (90, 1))):
        limiter = Names(max_jobs=limit[0], timespan=limit[1])
        workflow = Names(scheduler=Names(job_rate_limiter=limiter))
        compat.drop_default_rate_limit(workflow)
        assert workflow.scheduler.job_rate_limiter == (left and limiter)
    for workflow in (GONE, Names(scheduler=GONE), Names(scheduler=Names(job_rate_limiter=GONE))):
        compat.drop_default_rate_limit(workflow)
