"""The report as people see it: in a browser, without a network."""

import pytest
from chromium import (
    SECOND_POINT,
    TOOLTIP,
    VIEWS,
    appears,
    assert_silent_and_alone,
    open_report,
    open_result,
    point,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

FIGURE, EXPLORER, LAYERS = "figures/sdd.png", "figures/sdd.html", "figures/layers.png"
STOPPING, PHASES, CLASSES = (f"tables/{name}.html" for name in ("stopping", "phases", "classes"))
PROVENANCE = "provenance.html"
WIDTH = "return arguments[0].naturalWidth"
STUDY = "results/studies/tiny"
FIRST_IN_LEGEND = f"{VIEWS} return [box.x + legend.bbox.left + 25, box.y + legend.bbox.top + 20];"
HIDDEN = f"""{VIEWS}
const all = views.filter(v => v.model.type == "GlyphRenderer").map(v => v.model);
return [...new Set(all.filter(model => !model.visible).map(model => model.name))];
"""


@pytest.fixture
def opened(finished, browser):
    """The tiny study's report, opened."""
    finished.snakemake("--report", "report.html")
    open_report(browser, finished.folder / "report.html")
    return browser


def test_every_result_has_one_place_and_a_caption_that_says_what_was_found(opened):
    results = opened.execute_script("return results")
    names = (FIGURE, EXPLORER, LAYERS, STOPPING, PHASES, CLASSES, PROVENANCE)
    assert set(results) == {f"{STUDY}/{name}" for name in names}
    labels = [result["labels"]["result"] for result in results.values()]
    assert len(set(labels)) == len(labels)
    for path, result in results.items():
        assert len(result["caption"]) > 100, path
        for fault in ("system-message", "{{", "{%", "problematic"):
            assert fault not in result["caption"], path
    for name, found in (
        (FIGURE, "SDD depth is"),
        (LAYERS, "of its own"),
        (STOPPING, "returns"),
        (PHASES, "undecided"),
        (CLASSES, "the class with the lowest recall"),
    ):
        assert found in results[f"{STUDY}/{name}"]["caption"].partition("What was found")[2]
    landing = opened.find_element(By.TAG_NAME, "body").text
    assert "vanilla is undecided: the SDD depth is" in landing
    assert not opened.find_elements(By.CSS_SELECTOR, ".system-message, .problematic")


def test_figures_and_tables_are_shown_beside_their_captions(opened):
    for name in (FIGURE, LAYERS):
        assert "What was found" in open_result(opened, f"{STUDY}/{name}")
        image = appears(opened, "#app .p-3 > img")
        wait = WebDriverWait(opened, 60)
        wait.until(lambda browser, image=image: browser.execute_script(WIDTH, image) > 0)
        assert image.rect["y"] >= 0, "its top is in reach"
    for name, words in (
        (STOPPING, "from pruned teacher"),
        (PHASES, "undecided"),
        (PROVENANCE, "training.epochs"),
    ):
        open_result(opened, f"{STUDY}/{name}")
        opened.switch_to.frame(appears(opened, "iframe"))
        appears(opened, "td")
        assert words in opened.find_element(By.TAG_NAME, "body").text
        opened.switch_to.default_content()
    assert_silent_and_alone(opened)


def test_the_figure_to_explore_says_what_is_under_the_mouse_and_hides_arms(opened):
    open_result(opened, f"{STUDY}/{EXPLORER}")
    opened.switch_to.frame(appears(opened, "iframe"))
    wait = WebDriverWait(opened, 120)
    idle = "return typeof Bokeh != 'undefined' && Bokeh.documents[0]?.is_idle"
    wait.until(lambda b: b.execute_script(idle))
    point(opened, SECOND_POINT)
    said = wait.until(lambda b: b.execute_script(TOOLTIP))
    for words in (
        "arm: vanilla",
        "iteration: 1",
        "ζ: 60.00 %",
        "test accuracy: ",
        "bits",
        "phase: ",
    ):
        assert words in " ".join(said.split()), said
    assert opened.execute_script(HIDDEN) == []
    point(opened, FIRST_IN_LEGEND, click=True)
    assert wait.until(lambda b: b.execute_script(HIDDEN)) == ["vanilla"]
    point(opened, FIRST_IN_LEGEND, click=True)
    wait.until(lambda b: b.execute_script(HIDDEN) == [])
    assert_silent_and_alone(opened)
