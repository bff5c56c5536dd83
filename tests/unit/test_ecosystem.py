"""The files around the code are in step: of GitHub, Snakemake's catalogue, pre-commit and JOSS."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml
from test_documents import pinned

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def read(path):
    return yaml.safe_load((ROOT / path).read_text())


def jobs():
    """Every job of every workflow of GitHub's."""
    return [job for path in WORKFLOWS for job in read(path)["jobs"].values()]


def commands(job):
    return [step["run"] for step in job["steps"] if "run" in step]


def test_github_runs_what_ci_runs():
    (line,) = re.findall(r"^make -j.*", (ROOT / ".ci/run").read_text(), re.M)
    in_ci = {word for word in shlex.split(line)[1:] if not word.startswith("-")}
    made = [command.split()[1:] for job in jobs() for command in commands(job) if "make" in command]
    assert sorted(target for targets in made for target in targets) == sorted(in_ci)
    rules = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert in_ci <= set(rules)


def test_github_and_ci_install_the_same_packages_of_debian():
    needed = set(re.findall(r"chromium\S*", (ROOT / ".ci/run").read_text()))
    (installed,) = [c for job in jobs() for c in commands(job) if "apt-get" in c]
    assert set(re.findall(r"chromium\S*", installed)) == needed


def test_github_takes_the_python_of_the_image_and_of_conda():
    python = read("envs/environment.yaml")["dependencies"][0].removeprefix("python =")
    assert {job["container"] for job in jobs()} == {f"python:{python}"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_of_github_has_what_it_must_have(path):
    content = read(path)
    # YAML 1.1 reads the key `on` as a truth value.
    assert set(content) == {"name", True, "permissions", "jobs"}
    assert set(content[True]) == {"push", "pull_request"}
    assert content["permissions"] == {"contents": "read"}
    for job in content["jobs"].values():
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/x@v1"))


def test_pre_commit_has_the_versions_of_make_check():
    known = {"ruff-pre-commit": "ruff", "snakefmt": "snakefmt"}
    repositories = read(".pre-commit-config.yaml")["repos"]
    remote = [each for each in repositories if each["repo"] != "local"]
    revisions = {known[each["repo"].rpartition("/")[2]]: each["rev"] for each in remote}
    assert revisions == {name: f"v{pinned('newest')[name]}" for name in ("ruff", "snakefmt")}
    hooks = {hook["id"] for each in repositories for hook in each["hooks"]}
    assert hooks == {"ruff-check", "ruff-format", "snakefmt", "mypy"}


def test_the_layout_is_that_of_the_catalogues_standardised_usage():
    readme = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in readme
    assert "workflow" in readme
    assert (ROOT / "config/README.md").is_file()
    assert list((ROOT / "workflow/rules").glob("*.smk"))
    assert 'include: "../Snakefile"' in (ROOT / "workflow/Snakefile").read_text()
    usage = read(".snakemake-workflow-catalog.yml")["usage"]
    assert usage["mandatory-flags"]["flags"] == []
    assert usage["report"] is True
    kinds = usage["software-stack-deployment"]
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    assert kinds["conda"] is ("conda:" in rules)
    assert kinds["apptainer"] is kinds["apptainer+conda"] is ("container:" in rules)


def test_one_version_stands_everywhere():
    citation = read("CITATION.cff")
    assert citation["version"] == PROJECT["version"]
    newest = re.search(r"^## (\S+?),", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert newest[1] == PROJECT["version"]


def test_the_citation_has_what_its_format_requires():
    citation = read("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["cff-version"] == "1.2.0"
    assert citation["license"] == PROJECT["license"]
    holder = re.search(r"Copyright \(c\) \d{4} (.*)", (ROOT / "LICENSE").read_text())[1]
    assert [author["name"] for author in citation["authors"]] == [holder]
    for reference in citation["references"]:
        assert {"type", "title", "authors"} <= reference.keys()


def paper():
    """Front matter and text of the paper."""
    _, front, text = (ROOT / "paper/paper.md").read_text().split("---\n", 2)
    return yaml.safe_load(front), text


def test_the_papers_front_matter_is_josss():
    front, _ = paper()
    assert {"title", "tags", "authors", "affiliations", "date", "bibliography"} <= front.keys()
    assert re.fullmatch(r"\d{1,2} [A-Z][a-z]+ \d{4}", front["date"])
    places = {str(place["index"]) for place in front["affiliations"]}
    for author in front["authors"]:
        assert str(author["affiliation"]) in places
    names = [author["name"] for author in read("CITATION.cff")["authors"]]
    assert [author["name"] for author in front["authors"]] == names


def test_the_paper_has_josss_sections_and_length():
    _, text = paper()
    sections = re.findall(r"^# (.*)", text, re.M)
    required = [
        "Summary",
        "Statement of need",
        "State of the field",
        "Software design",
        "Research impact statement",
        "AI usage disclosure",
    ]
    assert [section for section in sections if section in required] == required
    assert 750 <= len(text.split()) <= 1750


def test_the_paper_cites_what_is_in_its_bibliography_and_nothing_else():
    front, text = paper()
    entries = re.findall(
        r"^@\w+\{(\w+),", (ROOT / "paper" / front["bibliography"]).read_text(), re.M
    )
    assert len(entries) == len(set(entries))
    assert set(re.findall(r"@(\w+)", text)) == set(entries)


def test_the_site_is_built_so_that_warnings_fail_it():
    (command,) = re.findall(r"mkdocs build.*", (ROOT / "Makefile").read_text())
    # With --quiet, mkdocs drops warnings before --strict counts them.
    assert command.split()[2:] == ["--strict"]
    levels = read("mkdocs.yml")["validation"]
    assert set(levels.values()) == {"warn"}
    assert {"anchors", "omitted_files", "unrecognized_links"} <= levels.keys()
