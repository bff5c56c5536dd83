"""What the documents say is so."""

import os
import re
import runpy
from pathlib import Path

import pytest
import yaml
from snippets import COMMANDS, DOCUMENTS, ROOT

from config_rules import schema

TESTS = ROOT / "tests"
PAGES = [
    *DOCUMENTS,
    *(ROOT / name for name in ("CHANGELOG.md", "CODE_OF_CONDUCT.md", "SECURITY.md")),
]
ALL = pytest.mark.parametrize("document", [str(path.relative_to(ROOT)) for path in PAGES])
EXTENDING = (ROOT / "docs/extending.md").read_text()
OWN = {"config/mine.yaml", *re.findall(r"^`(\S+)`:$", EXTENDING, re.M)}
"""Files that a reader writes."""
HEADING = re.compile(r"^#+ (.*)", re.M)


def test_the_readme_is_short():
    assert (ROOT / "README.md").read_text().count("\n") <= 120


def test_every_study_of_the_paper_is_listed():
    text = (ROOT / "docs/how-to/paper.md").read_text()
    (table,) = re.findall(r"\| study \| what it shows \|\n(.*?)\n\n", text, re.S)
    listed = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row)}
    assert listed == {path.stem for path in (ROOT / "config" / "paper").glob("*.yaml")}


@ALL
def test_files_that_a_document_names_exist(document):
    text = (ROOT / document).read_text()
    places = re.findall(r"`((?:config|docs|envs|profiles|tests|workflow)/[\w./-]*)`", text)
    for name in set(places) - OWN:
        assert (ROOT / name).exists() or (TESTS / name).exists(), name


def anchors(path):
    """What a link may say after # of a page: GitHub's form of its headings."""
    headings = HEADING.findall(path.read_text())
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in plain}


@ALL
def test_links_lead_to_files_and_headings(document):
    for link in re.findall(r"\]\(([^)\s]+)\)", (ROOT / document).read_text()):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        path = (ROOT / document).parent / name if name else ROOT / document
        assert path.exists(), link
        assert not anchor or anchor in anchors(path), link


def test_every_page_of_the_site_stands_in_its_contents():
    text = (ROOT / "mkdocs.yml").read_text()
    for path in (ROOT / "docs").rglob("*.md"):
        assert f": {path.relative_to(ROOT / 'docs')}\n" in text, path


@pytest.mark.parametrize("page", ["command-line.md"])
def test_what_a_program_writes_is_what_it_writes_now(page, monkeypatch):
    monkeypatch.chdir(ROOT)
    module = runpy.run_path(str(ROOT / "docs" / page.replace("-", "_").replace(".md", ".py")))
    monkeypatch.setenv("COLUMNS", "100")
    assert (ROOT / "docs" / page).read_text() == module["document"](), "run `make docs`"


def named_tests(text):
    """Files of tests, each with the test in it or nothing, that a text names."""
    return re.findall(r"`((?:unit|workflow)/\w+\.py)(?:::(\w+))?`", text)


# Rows of tables but their headings.
@pytest.mark.parametrize(
    ("document", "row"),
    [("deviations.md", r"\| \d"), ("reliability.md", r"\| (?!--|.*test \|$)")],
)
def test_every_row_names_a_test_that_exists(document, row):
    text = (ROOT / "docs" / document).read_text()
    rows = [line for line in text.splitlines() if re.match(row, line)]
    assert len(rows) >= 30
    assert all(map(named_tests, rows))
    for file, test in named_tests(text):
        content = (TESTS / file).read_text()
        assert not test or f"def {test}(" in content, (file, test)


def required(file):
    """The lowest version of each package that a file of requirements names."""
    lines = (ROOT / "envs" / file).read_text().splitlines()
    return dict(line.split(">=") for line in lines if line and not line.startswith(("#", "-r")))


def pinned(versions):
    """The version of each package in an environment of CI's."""
    lines = (ROOT / "envs" / f"{versions}.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def number(version):
    return [int(part) for part in re.findall(r"\d+", version)]


def test_the_conda_environment_has_pips_pins():
    environment = yaml.safe_load((ROOT / "envs/environment.yaml").read_text())
    pins = [f"{name}=={pinned('newest')[name]}" for name in required("requirements.txt")]
    assert environment["dependencies"][-1]["pip"] == pins


def test_the_image_has_pips_pins_and_the_conda_environments_python():
    lines = (ROOT / "envs/Containerfile").read_text().splitlines()
    instructions = [line for line in lines if line and not line.startswith("#")]
    python = yaml.safe_load((ROOT / "envs/environment.yaml").read_text())["dependencies"][0]
    assert instructions[0] == f"FROM python:{python.removeprefix('python =')}-slim"
    assert "COPY envs/requirements.txt envs/newest.txt /envs/" in instructions
    (installing,) = [line for line in instructions if "install" in line]
    assert installing.endswith("--requirement /envs/requirements.txt --constraint /envs/newest.txt")


def test_every_dependency_has_its_reason_and_versions_that_are_pinned():
    reasons = (ROOT / "CONTRIBUTING.md").read_text()
    for file in sorted(path.name for path in (ROOT / "envs").glob("requirements*.txt")):
        for package, lowest in required(file).items():
            assert package in reasons, f"{package} has no reason"
            for versions in ("oldest", "newest"):
                assert number(pinned(versions)[package]) >= number(lowest), (package, versions)


@pytest.mark.parametrize("package", ["pandas", "snakemake", "torch", "torchvision"])
def test_the_oldest_version_that_is_allowed_is_pinned(package):
    lowest = required("requirements.txt")[package]
    assert number(pinned("oldest")[package])[: len(number(lowest))] == number(lowest)
    if package == "snakemake":
        assert f'min_version("{lowest}")' in (ROOT / "Snakefile").read_text()


def texts(value):
    """Every text in nested lists and mappings."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def outside(path):
    """Whether a path leads out of the folder that it starts in."""
    return path.startswith(("/", "~")) or ".." in Path(path).parts


def test_no_default_leads_out_of_the_clone():
    defaults = [rule["default"] for rule in rules(schema()) if "default" in rule]
    assert ["data"] in defaults, "the folder of datasets"
    files = [*(ROOT / "config").rglob("*.yaml"), *(ROOT / "profiles").rglob("*.yaml")]
    assert [text for text in texts(defaults) if outside(text)] == []
    for file in files:
        # A profile's paths start at the profile.
        start = file.parent.relative_to(ROOT) if "profiles" in file.parts else ""
        for text in texts(yaml.safe_load(file.read_text())):
            assert not outside(os.path.normpath(os.path.join(start, text))), file  # noqa: PTH118


def rules(value):
    """Every mapping in a JSON schema."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from rules(inner)


@pytest.mark.parametrize("block", COMMANDS, ids=str)
def test_no_command_of_a_document_leads_out_of_the_clone(block):
    assert [word for words in block.commands for word in words if outside(word)] == []
