"""Print docs/command-line.md: `make docs` writes it."""

import contextlib
import io
import os
import re
from pathlib import Path

from dsd2.cli import main

ROOT = Path(__file__).resolve().parents[1]

TEXT = """\
# Commands

`make docs` writes this page; do not edit it.

## make

| command | what it does |
| --- | --- |
{make}
## Snakemake

`snakemake`, started in the clone, takes Snakemake's own options. `--configfile FILES` or
`--config KEY=VALUE` give [a configuration](../config/README.md). A target says what is made:

| target | what is made |
| --- | --- |
| none | the study: figures, tables, metrics |
| `export` | compressed networks, for use elsewhere |
| `data_report` | a look at your own images; nothing is trained |
| `label_issues` | which labels look wrong, by networks that are there |
| `claims` | which claims of the paper hold, by the studies that decide them |
| `plan` | nothing: the terminal says what the study would cost |
| a file under `results/` | that file, and what it needs |

`--forcerun` takes the name of a rule: `figure`, `page`, `table` and `provenance` draw and write
again, `judge_claims` judges again, `export_network` compresses again, `collect` collects a chain's
metrics again.

## python -m dsd2

Each verb is one stage. The workflow calls them; you seldom do. `PYTHONPATH=workflow` lets Python
find them in the clone, and `pip install .` installs them.

{verbs}"""


def help_of(*arguments: str) -> str:
    """What the command line prints as its help."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main([*arguments, "--help"], 0.0)
    return printed.getvalue()


def document() -> str:
    """The page, in Markdown."""
    os.environ["COLUMNS"] = "100"
    verbs = re.findall(r"[\w-]+", re.search(r"\{(.*?)\}", help_of(), re.S)[1])
    blocks = [f"### {verb}\n\n```text\n{help_of(verb)}```\n" for verb in verbs]
    made = re.findall(r'@echo "(make [\w-]+) +(.*)"', (ROOT / "Makefile").read_text())
    rows = "".join(f"| `{command}` | {text} |\n" for command, text in made)
    return TEXT.format(make=rows, verbs="\n".join(blocks))


if __name__ == "__main__":
    print(document(), end="")
