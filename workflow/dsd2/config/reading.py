"""Configuration files, read so that nothing in them runs and nothing in them is passed over.

Snakemake reads the files of ``--configfile`` itself, before any code of this workflow. It runs what
YTE finds in them, and of two equal keys it takes the last. What this module reads is data alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from dsd2.config.sanitize import MAX_DEPTH, shown
from dsd2.errors import UserError

MAX_BYTES = 1_000_000
"""Bytes of a configuration file; ours have 6,000."""
KINDS = {yaml.MappingNode: "mapping", yaml.SequenceNode: "list"}
"""What nodes of YAML that are no text are called in messages."""
YTE_KEY = "__use_yte__"
"""With it Snakemake takes parts of a file of ``--configfile`` for Python, and runs them."""


def read_config(file: str | Path) -> dict[str, Any]:
    """What a JSON or YAML file of plain values says.

    Raises:
        UserError: one sentence with the file, and the line where there is one: the file cannot be
            read, is no UTF-8, no JSON or YAML, or no mapping; a key is in it twice; it holds other
            values than plain ones, or is nested too deeply; or it asks for YTE.
    """
    text = _text(file)
    try:
        content = _content(text)
    except _FaultError as error:
        raise UserError(f"{printable(file)}: {error}") from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise UserError(
            f"{printable(file)}: has a character at line {line}, column {column}, that no text may"
            f" have (number {ord(text[error.position])})"
        ) from error
    except yaml.MarkedYAMLError as error:
        problem = " ".join(str(error.problem).split())[:200]
        raise UserError(
            f"{printable(file)}: is not valid YAML {_place(error.problem_mark)} ({problem})"
        ) from error
    except (RecursionError, yaml.YAMLError) as error:
        raise UserError(f"{printable(file)}: is not valid YAML") from error
    if not isinstance(content, dict):
        raise UserError(
            f"{printable(file)}: holds {shown(content)} but must hold keys with their values"
        )
    if YTE_KEY in content:
        raise UserError(
            f"{printable(file)}: has the key {YTE_KEY}, with which Snakemake runs parts of a file"
            " as Python; a configuration of this workflow must be plain values"
        )
    return content


def found_file(file: str, home: Path | None) -> str:
    """A file's path from the working directory; in the other folder if it is only there."""
    if home is None or os.path.lexists(file) or not os.path.lexists(home / file):
        return file
    return str(home / file)


def check_given(file: str | Path) -> None:
    """Check a file that Snakemake has read already, as that of ``--configfile``.

    Raises:
        UserError: as :func:`read_config`; it says so where code of the file may have run.
    """
    try:
        read_config(file)
    except UserError as error:
        if YTE_KEY not in str(error):
            raise
        raise UserError(
            f"{error}. It may have run them before this check. --config studies=FILE runs somebody"
            " else's study and nothing else"
        ) from error


def check_arguments(arguments: Iterable[str]) -> None:
    """Check the texts ``KEY=VALUE`` of ``--config``; Snakemake takes the last of equal keys.

    Raises:
        UserError: a key is given twice, or twice within one value; or the folder of ``data`` has a
            name that Snakemake does not take for text.
    """
    seen = set()
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key in seen:
            raise UserError(f"config key {shown(key)} is given twice by --config; it must be once")
        seen.add(key)
        if key == "data" and (kind := _other_than_text(value)):
            raise UserError(
                f"config key data is {value}, which is read as a {kind}; quote the folder's name"
                f" twice: --config 'data=\"{value}\"'"
            )
        try:
            _compose(value)
        except _TwiceError as error:
            raise UserError(f"--config {shown(argument)}: {error}") from error
        except (yaml.YAMLError, RecursionError):
            # It is text, then, as titles may be, and the schema says whether it may be one.
            continue


def _other_than_text(value: str) -> str | None:
    """What Snakemake takes the text of a ``--config`` for; None where it stays text."""
    for number in (int, float):
        with suppress(ValueError):
            number(value)
            return "number"
    if value.lower() in ("true", "false"):
        return "truth value"
    with suppress(yaml.YAMLError, RecursionError):
        node = _compose(value)
        return next((name for kind, name in KINDS.items() if isinstance(node, kind)), None)
    return None


def printable(file: str | Path) -> str:
    """A file's path as a message shows it: on one line."""
    return str(file) if str(file).isprintable() else shown(str(file))


class _FaultError(yaml.YAMLError):
    """What is wrong with a file, as its message says; the file's name goes before it."""


class _TwiceError(_FaultError):
    """A mapping has one key twice."""


class _JsonTwiceError(ValueError):
    """The same in JSON, whose reader knows no lines."""


class _Loader(yaml.SafeLoader):
    """Plain values of YAML: each key once, nested as deeply as a configuration may be."""

    level = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.level > MAX_DEPTH:
            raise _FaultError(
                f"is nested too deeply {_place(self.peek_event().start_mark)}: at most {MAX_DEPTH}"
                " levels are allowed"
            )
        self.level += 1
        node = super().compose_node(parent, index)
        self.level -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        firsts: dict[tuple[str, str], Any] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                first = firsts.setdefault((key.tag, key.value), key)
                if first is not key:
                    raise _TwiceError(
                        f"has the key {shown(key.value)} twice, {_place(first.start_mark)} and"
                        f" {_place(key.start_mark)}; it must be there once"
                    )
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception as error:
            # Its readers of numbers and dates raise what Python happens to.
            raise _FaultError(
                f"has {shown(node.value)} {_place(node.start_mark)}, which is no number, date or"
                " other value that can be read"
            ) from error

    def refuse(self, node: Any) -> Any:
        """Python's objects, and whatever else a tag may stand for."""
        tag = node.tag.replace("tag:yaml.org,2002:", "!!")
        raise _FaultError(
            f"has the tag {shown(tag)} {_place(node.start_mark)} but must hold plain values alone:"
            " numbers, texts, truth values, lists and mappings"
        )


_Loader.add_constructor(None, _Loader.refuse)


def _text(file: str | Path) -> str:
    """A file's text."""
    path = Path(file)
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{printable(file)}: cannot be read as a configuration (it is no file)")
        if path.stat().st_size > MAX_BYTES:
            raise UserError(
                f"{printable(file)}: has {path.stat().st_size} bytes but a configuration must have"
                f" at most {MAX_BYTES}"
            )
        data = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{printable(file)}: cannot be read as a configuration ({error.strerror})"
        ) from error
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{printable(file)}: is no UTF-8 text at line {line} (byte {data[error.start]:#04x});"
            " it must be saved in that encoding"
        ) from error


def _content(text: str) -> Any:
    """JSON if it is that, as Snakemake has it, else YAML."""
    try:
        return json.loads(text, object_pairs_hook=_once)
    except _JsonTwiceError:
        # JSON may be indented with tabs, which YAML may not.
        text = text.replace("\t", " ")
    except (ValueError, RecursionError):
        pass
    loader = _Loader(text)
    return loader.get_single_data()


def _compose(text: str) -> yaml.Node | None:
    """The nodes of a text of YAML; finds the keys that it has twice."""
    node: yaml.Node | None = _Loader(text).get_single_node()
    return node


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise _JsonTwiceError
    return content


def _place(mark: Any) -> str:
    """Where in a file something is."""
    return f"at line {mark.line + 1}, column {mark.column + 1}"
