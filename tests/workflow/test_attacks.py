"""No text that a user or a folder can set leaves its place, in any file that shows it."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import onnx
import pytest
from attacks import ATTACK, CLASSES
from chromium import (
    FIRST_POINT,
    TOOLTIP,
    appears,
    assert_silent_and_alone,
    open_report,
    open_result,
    point,
)
from docutils.core import publish_parts
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from dsd2.analysis.captions import FOUND
from dsd2.escaping import one_line
from dsd2.export.encoding import load_compact

pytestmark = pytest.mark.long

TABLES = ("stopping", "phases", "classes", "models", "grid", "levels")
SHOWN = (
    *("figures/sdd.png", "figures/layers.png", "figures/sdd.html", "provenance.html"),
    *(f"tables/{table}.html" for table in TABLES),
    "export/pareto.png",
)
LISTED = (
    *SHOWN,
    "export/comparison.csv",
    "export/folder.vanilla-best/card.md",
    "export/parquet.vanilla-best/card.md",
)
TEXT = one_line(ATTACK)
WORDS = " ".join(TEXT.split("\ufffd")[0].split())
"""What of the attack any browser shows as it is."""

# Every element of a page, those in shadow trees included, that an attack would leave in it.
INJECTED = r"""
const found = [];
const walk = node => {
  for (const child of node.children) {
    for (const {name, value} of child.attributes) {
      const address = /^(src|srcset|href|data|action)$/.test(name) && /invalid|pwned/.test(value);
      if (address || name.startsWith("on")) found.push(child.outerHTML.slice(0, 300));
    }
    if (child.localName == "script" && /^\W*document\.title/.test(child.textContent))
      found.push(child.outerHTML.slice(0, 300));
    if (child.shadowRoot) walk(child.shadowRoot);
    walk(child);
  }
};
walk(document.documentElement);
if (document.title.includes("pwned") && !document.title.includes("</script>"))
  found.push(document.title);
return found;
"""
WIDTH = "return arguments[0].naturalWidth"
TRAP = "data:text/html,<iframe src='data:text/html,<img src=http://attacker.invalid/trap>'>"


@pytest.fixture(scope="module")
def study(hostile):
    """The folder of the study's results."""
    return hostile.folder / "results/studies/hostile_"


def test_nothing_runs_and_nothing_is_fetched_in_the_report(hostile, browser):
    hostile.snakemake("--report", "report.html")
    open_report(browser, hostile.folder / "report.html")
    assert browser.title == "Snakemake Report"
    results = browser.execute_script("return results")
    paths = [f"results/studies/hostile_/{name}" for name in LISTED]
    of_data = sorted(hostile.folder.glob("results/datasets/*.report.html"))
    assert len(of_data) == 2
    paths += [str(page.relative_to(hostile.folder)) for page in of_data]
    assert set(results) == set(paths)
    assert f"Title {WORDS}" in shown_text(browser)
    assert_harmless(browser)
    for path in paths:
        said = " ".join(open_result(browser, path).split())
        assert path.split("/")[-1] in said or results[path]["labels"]["result"] in said
        assert "system-message" not in results[path]["caption"]
        if path.endswith(".png"):
            image = appears(browser, "#app .p-3 > img")
            WebDriverWait(browser, 60).until(lambda b, image=image: b.execute_script(WIDTH, image))
        assert_harmless(browser)
        if path.endswith(".html"):
            browser.switch_to.frame(appears(browser, "iframe"))
            assert_shown_in_page(browser, path)
            assert_harmless(browser)
            browser.switch_to.default_content()
    assert browser.title == "Snakemake Report"
    assert_silent_and_alone(browser)
    # What would have been asked for from within a frame would have been seen.
    browser.get(TRAP)
    WebDriverWait(browser, 30).until(lambda b: b.asked == ["http://attacker.invalid/trap"])


def assert_shown_in_page(browser, path):
    """The attack is there to read; in the figure to explore, under the mouse as well."""
    if path.endswith("sdd.html"):
        wait = WebDriverWait(browser, 60)
        wait.until(lambda b: b.execute_script("return typeof Bokeh != 'undefined'"))
        wait.until(lambda b: b.execute_script("return Bokeh.documents[0]?.is_idle"))
        point(browser, FIRST_POINT)
        said = wait.until(lambda b: b.execute_script(TOOLTIP))
        assert f"arm: {WORDS}" in " ".join(said.split())
    else:
        appears(browser, "td")
        expected = "Data report of" if path.startswith("results/datasets") else WORDS
        assert expected in shown_text(browser)


def shown_text(browser):
    return " ".join(browser.find_element(By.TAG_NAME, "body").text.split())


def assert_harmless(browser):
    assert browser.execute_script(INJECTED) == []


ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "em", "strong"),
    *("div", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "class", "style"}
"""What our pages are made of."""


class Elements(HTMLParser):
    """The names of a page's elements, its texts, and what its attributes say."""

    def __init__(self, text):
        super().__init__()
        self.names, self.texts, self.attributes = set(), [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.texts.append(data)


def test_pages_hold_the_texts_and_no_element_of_theirs(study):
    for name in ("provenance.html", *(f"tables/{table}.html" for table in TABLES)):
        page = Elements((study / name).read_text())
        assert page.names <= ELEMENTS, name
        assert page.attributes <= {"lang", "charset", "http-equiv", "content", "class", "style"}, (
            name
        )
        assert any(TEXT in text for text in page.texts), name
    explorer = (study / "figures/sdd.html").read_text()
    assert explorer.count("<script") == explorer.count("</script>") == 1


def test_drawings_hold_no_element_of_theirs(study):
    files = [study / f"figures/{name}.svg" for name in ("sdd", "layers")]
    for file in (*files, study / "export/pareto.svg"):
        root = ElementTree.fromstring(file.read_text())
        names = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert "text" in names
        assert not names & {"script", "a", "foreignObject", "iframe", "animate", "set"}, file
        addresses = [element.get("{http://www.w3.org/1999/xlink}href") for element in root.iter()]
        assert not [a for a in addresses if a and not a.startswith(("#", "data:image/png"))]


def test_captions_hold_the_texts_and_no_markup_of_theirs(study):
    for file in study.glob("found/*.rst"):
        if FOUND not in file.read_text():
            continue
        body = publish_parts(file.read_text(), writer="html")["body"]
        page = Elements(body)
        assert page.names <= {"ul", "li", "p", "strong", "em", "code", "tt", "span"}, file.name
        assert "system-message" not in body
        # Of each line the list's sentence is one text, but for the emphasis of ours.
        assert any(TEXT in text for text in page.texts), file.name


def test_markdown_holds_the_texts_and_no_markup_of_theirs(study):
    files = [*study.glob("tables/*.md"), *study.glob("export/*/card.md")]
    for file in (*files, study / "export/comparison.md"):
        text = file.read_text()
        assert "attacker" in text, file
        assert not re.search(r"(?<!\\)[<>]|://|\]\(|javascript:|!\[x\]|\u202e|\u2066", text), file
        columns = {
            len(re.findall(r"(?<!\\)\|", line))
            for block in text.split("\n\n")
            for line in block.splitlines()
            if line.startswith("|") and "attacker" in line
        }
        assert len(columns) <= 1, file
    for card in study.glob("export/*/card.md"):
        headings = [line for line in card.read_text().splitlines() if line.startswith("#")]
        assert headings[0].startswith("# A compressed network: ")
        assert [line.partition(",")[0] for line in headings[1:]] == [
            "## Classes",
            "## Size",
            "## Use it",
        ]


def test_latex_holds_no_command_of_theirs(study):
    for file in study.glob("tables/*.tex"):
        text = file.read_text()
        assert "attacker" in text
        assert "\\input" not in text
        assert text.count("\\begin{tabular}") == text.count("\\end{tabular}") > 0
        assert "\n\n" not in text
        assert not re.search(r"(?<!\\)(\\\\)*[#$]x", text)


def test_csv_and_terminal_hold_one_line_a_label(hostile, study):
    for table in TABLES:
        lines = (study / f"tables/{table}.csv").read_text().splitlines()
        counts = {line.count(TEXT.replace('"', '""')) for line in lines[1:]}
        # One of the classes is called so, too.
        assert counts == ({1, 2} if table == "classes" else {1})
    log = (hostile.folder / "first-run.log").read_text()
    assert "\u202e" not in log
    assert "\u2066" not in log


def test_names_of_classes_are_kept_one_to_a_class(study):
    for panel, names in (("folder", CLASSES), ("parquet", (ATTACK, "=A1"))):
        folder = study / f"export/{panel}.vanilla-best"
        assert load_compact(folder / "network.safetensors").classes == names
        model = onnx.load(folder / "network.onnx")
        (kept,) = [entry.value for entry in model.metadata_props if entry.key == "classes"]
        assert kept.splitlines() == [one_line(name) for name in names]
