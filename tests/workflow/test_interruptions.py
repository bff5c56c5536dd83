"""A training stage that is killed, stopped, or finds no room loses nothing."""

import dataclasses
import os
import re
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from one_stage import OUTPUTS, RUN, environment, finish, make_data, train_command
from rows import row_of

from dsd2.artefacts.checkpoint import load_checkpoint
from dsd2.errors import UserError
from dsd2.files.atomic import write_text
from dsd2.files.records import HISTORY, METRICS, read_rows, write_table
from dsd2.files.tensors import load_tensors, save_tensors
from dsd2.recipe import to_json

READ = {
    "resume": lambda path: load_tensors(path, "resume state", 1),
    "checkpoint": load_checkpoint,
    "metrics": lambda path: read_rows(path, METRICS),
    "history": lambda path: read_rows(path, HISTORY),
}
"""How each output is read, with every check there is."""

MOMENTS = ["half", *(pytest.param(name, marks=pytest.mark.long) for name in ("whole", "renamed"))]
"""Of a write: half of the file is there, all of it, and it has its name."""

# Python imports this at its start: the process kills itself at one moment of writing one file.
KILLER = """
import os, pathlib, signal
name, moment = os.environ["DIE_WHILE_WRITING"].split()
flush, replace = os.fsync, pathlib.Path.replace

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def killing_flush(descriptor):
    written = pathlib.Path(f"/proc/self/fd/{descriptor}").readlink().name
    if written.startswith(f".{name}.") and written.endswith(".tmp"):
        if moment == "half":
            path = f"/proc/self/fd/{descriptor}"
            os.truncate(path, os.stat(path).st_size // 2)
            die()
    flush(descriptor)

def killing_replace(self, target):
    mine = pathlib.Path(target).name == name
    if mine and moment == "whole":
        die()
    result = replace(self, target)
    if mine and moment == "renamed":
        die()
    return result

os.fsync, pathlib.Path.replace = killing_flush, killing_replace
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The data, and a training that nothing disturbs."""
    folder = tmp_path_factory.mktemp("stage")
    make_data(folder)
    assert finish(folder / "undisturbed").returncode == 0
    return folder


def same_checkpoint(place, folder):
    return (folder / "checkpoint").read_bytes() == (place / "undisturbed/checkpoint").read_bytes()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_a_moment_of_every_write(place, tmp_path_factory, moment):
    folder = place / f"killed-{moment}"
    library = tmp_path_factory.mktemp("killer")
    (library / "sitecustomize.py").write_text(KILLER)
    for name in OUTPUTS:
        around = environment(library, DIE_WHILE_WRITING=f"{name} {moment}")
        every = ["--save-every", "0"] if name == "resume" else []
        done = subprocess.run(
            train_command(folder, *every), env=around, capture_output=True, check=False
        )
        assert done.returncode == -signal.SIGKILL, (name, done.stderr)
        for output in OUTPUTS:
            if (folder / output).exists():
                READ[output](folder / output)
    assert finish(folder).returncode == 0
    assert same_checkpoint(place, folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted({*OUTPUTS} - {"resume"})


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_saves_and_goes_on_later(place, asked):
    folder = place / asked.name
    with subprocess.Popen(
        train_command(folder, "--save-every", "3600"),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell runs in the background ignores Ctrl-C; these tests may run there.
        preexec_fn=lambda: signal.signal(asked, signal.SIG_DFL),
    ) as process:
        last = next(line for line in process.stdout if line.startswith("epoch 6/"))
        process.send_signal(asked)
        last = [last, *process.stdout][-1]
        said = process.stderr.read()
    assert process.returncode == 128 + asked
    kept = "what was trained is saved, and the same command goes on from it"
    assert said == f"error: stopped by {asked.name}; {kept}\n"
    assert [path.name for path in folder.iterdir()] == ["resume"]
    done = finish(folder)
    epoch = last.split()[1].partition("/")[0]
    assert done.stdout.startswith(f"resuming after epoch {epoch}\n"), "only a begun epoch is lost"
    assert same_checkpoint(place, folder)


@contextmanager
def no_file_over(size):
    """No file of this process can grow beyond some bytes, as if the disk were full then."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_text(path, "much\n" * 100),
        lambda path: save_tensors(path, {"a": torch.arange(100)}, {"kind": "x"}),
        lambda path: write_table(path, METRICS, [row_of(METRICS)]),
    ],
    ids=["text", "tensors", "table"],
)
def test_no_room_is_named_and_leaves_nothing(tmp_path, write):
    path = tmp_path / "file"
    with (
        no_file_over(150),
        pytest.raises(UserError, match=r"file: cannot be written \(File too large\): .* free of"),
    ):
        write(path)
    assert not list(tmp_path.iterdir())
    write(path)
    assert path.exists()


def test_a_stage_without_room_completes_once_there_is_some(place):
    folder = place / "full"

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (150, resource.RLIM_INFINITY))

    done = finish(folder, preexec_fn=limited)
    assert done.returncode == 1
    assert re.fullmatch(
        r"error: \S+/history: cannot be written \(File too large\): \S+ has [\d.]+ MB free of"
        r" \d+ MB; make room and run the same command again\n",
        done.stderr,
    )
    assert not list(folder.iterdir())
    assert finish(folder).returncode == 0
    assert same_checkpoint(place, folder)


def test_a_folder_that_may_not_be_written_to_is_named(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        if os.geteuid() == 0:
            pytest.skip("root writes everywhere, and cannot mount a read-only file system here")
        folder.chmod(0o555)
    try:
        with pytest.raises(UserError, match=r"file: cannot be written \(.+\); give .+folder write"):
            write_text(folder / "file", "text")
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", folder], check=True)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_a_stage_without_memory_says_what_it_held_and_what_to_lower(place):
    # Each activation takes 39 MB, so that one of them alone is too much. Threads that cannot start
    # for want of room for their stacks are the same fault.
    wide = dataclasses.replace(RUN.model, width=9)
    large = dataclasses.replace(RUN.training, batch_size=300)
    recipe = to_json(dataclasses.replace(RUN, model=wide, training=large))
    arguments = train_command(place / "large", "--recipe", recipe)[3:]
    program = (
        "import resource, sys, dsd2.stages.train\n"
        "from dsd2.cli import main\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "limit = pages * resource.getpagesize() + 100_000_000\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        f"sys.exit(main({arguments!r}, 0.0))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert re.fullmatch(
        r"error: train ran out of memory when it held \d+ MB \(.+\): give it more, or lower"
        r" training.batch_size, .*\n",
        done.stderr,
    ), done.stderr
    assert not (place / "large" / "checkpoint").exists()
