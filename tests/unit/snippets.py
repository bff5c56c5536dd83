"""The fenced blocks of the documents, and whether what they name is there."""

import argparse
import contextlib
import io
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import yaml

from config_rules import schema

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "config/README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
FENCE = re.compile(r"^(?:<!-- (.*?) -->\n)?( *)```([\w-]*)\n(.*?)^\2```$", re.MULTILINE | re.DOTALL)
OURS = {"photos", "photo.jpg", "folder", "folder/", "example", "data/cifar10", "photos/"}
"""Names of what is the reader's own."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a document, with the comment above it."""

    document: str
    line: int
    mark: str | None
    language: str
    text: str

    def __str__(self):
        return f"{self.document}:{self.line}"

    @property
    def commands(self):
        """Its commands, a list of words each, without comments."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [words for line in lines if (words := shlex.split(line, comments=True))]


def blocks():
    """Every fenced block of every document."""
    for path in DOCUMENTS:
        text = path.read_text()
        name = str(path.relative_to(ROOT))
        for found in FENCE.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield Block(name, line, found[1], found[3], found[4])


BLOCKS = list(blocks())
COMMANDS = [block for block in BLOCKS if block.language == ""]


def fault(words):
    """What is wrong with a command, as a sentence; None where all that it names is there."""
    program, *arguments = words
    check = PROGRAMS.get(program.removeprefix(".venv/bin/"))
    return check(arguments) if check else f"{program} is no program that is known here"


def _make(arguments):
    targets = re.findall(r"^([\w-]+|\$\(VENV\)/[\w.]+):", (ROOT / "Makefile").read_text(), re.M)
    known = {target.replace("$(VENV)", ".venv") for target in targets}
    return next((f"make has no {a}" for a in arguments if a not in known), None)


def rules():
    """The names of all rules."""
    files = [ROOT / "Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]
    named = re.compile(r"^(?:rule|checkpoint) (\w+):", re.M)
    return {name for file in files for name in named.findall(file.read_text())}


def _is_target(word):
    return word in rules() | {"PATH", "FILE"} or word.startswith("results/")


def _snakemake(arguments):
    from snakemake.cli import get_argument_parser

    try:
        with contextlib.redirect_stderr(io.StringIO()) as said:
            options = get_argument_parser(profiles=[]).parse_args(arguments)
    except (SystemExit, argparse.ArgumentTypeError):
        return said.getvalue().strip().splitlines()[-1]
    for file in options.configfile or []:
        if not ((ROOT / file).is_file() or Path(file).name == "mine.yaml"):
            return f"there is no {file}"
    for profile in options.profile or []:
        if not (ROOT / profile).is_dir():
            return f"there is no {profile}"
    named = [*options.targets, *(options.forcerun or []), *(options.until or [])]
    if unknown := [word for word in map(str, named) if not _is_target(word)]:
        return f"there is no rule {unknown[0]}"
    return next(filter(None, map(_setting_fault, _settings(arguments))), None)


def _settings(arguments):
    """The words after --config."""
    if "--config" in arguments:
        for word in arguments[arguments.index("--config") + 1 :]:
            if word.startswith("-"):
                return
            yield word


def _setting_fault(word):
    key, _, value = word.partition("=")
    return keys_fault({key: yaml.safe_load(value)})


def keys_fault(study):
    """The first key of a configuration that there is none of."""
    known, sections = schema()["properties"], schema()["$defs"]
    for key, value in study.items():
        if key not in known:
            return f"there is no key {key}"
        inner = sections.get(key, {}).get("properties", {})
        for name in value if isinstance(value, dict) and inner else ():
            if name not in inner:
                return f"there is no key {key}.{name}"
    return None


def _python(arguments):
    if arguments[0] == "-c":
        compile(arguments[1], "-c", "exec")
        return None
    if arguments[:2] == ["-m", "venv"]:
        return None
    if arguments[:2] == ["-m", "dsd2"]:
        from dsd2.cli import main

        try:
            with contextlib.redirect_stdout(io.StringIO()):
                main([arguments[2], "--help"], 0.0)
        except SystemExit as ended:
            return None if ended.code == 0 else f"python -m dsd2 has no {arguments[2]}"
    return _files(arguments[:1])


def _files(arguments):
    places = (ROOT, ROOT / "workflow/dsd2")
    names = [a for a in arguments if not a.startswith("-") and a not in OURS]
    return next((f"no {n}" for n in names if not any((p / n).exists() for p in places)), None)


def _paths(arguments):
    return _files([a for a in arguments if "/" in a])


def _image(arguments):
    return _files([arguments[arguments.index("--file") + 1]])


def _env(arguments):
    """Variables for a program; each of ours has a module that names it."""
    library = "".join(file.read_text() for file in (ROOT / "workflow/dsd2").glob("*.py"))
    while "=" in arguments[0]:
        name, arguments = arguments[0].partition("=")[0], arguments[1:]
        if name.startswith("DSD2_") and f'"{name}"' not in library:
            return f"there is no variable {name}"
    return fault(arguments)


PROGRAMS = {
    "env": _env,
    "make": _make,
    "snakemake": _snakemake,
    "python": _python,
    "python3": _python,
    "pip": _paths,
    "pytest": _paths,
    "podman": _image,
    "nvidia-cuda-mps-control": lambda arguments: None,
    "echo": lambda arguments: None,
    "sha256sum": lambda arguments: None,
    "pre-commit": lambda arguments: None,
}
