"""The report as people see it: in a browser, without a network."""

import json
import shutil

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

CHROMEDRIVER = shutil.which("chromedriver")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1600,1000",
)
FIGURE, EXPLORER, LAYERS = "figures/sdd.png", "figures/sdd.html", "figures/layers.png"
STOPPING, PHASES = "tables/stopping.html", "tables/phases.html"
PROVENANCE = "provenance.html"
WIDTH = "return arguments[0].naturalWidth"
STUDY = "results/studies/tiny"

# Every view of Bokeh's, the first curve's points, and the page's place of what is drawn.
VIEWS = """
const views = [];
const visit = view => { views.push(view); for (const child of view.children()) visit(child); };
visit(Bokeh.index.roots[0]);
const dots = views.find(v => v.model.type == "GlyphRenderer" && v.model.glyph.type == "Scatter");
const legend = views.find(v => v.model.type == "Legend");
const box = dots.parent.canvas_view.el.getBoundingClientRect();
"""
SECOND_POINT = f"""{VIEWS}
const data = dots.model.data_source.data;
return [box.x + dots.coordinates.x_scale.compute(data.x[1]),
        box.y + dots.coordinates.y_scale.compute(data.accuracy[1])];
"""
FIRST_IN_LEGEND = f"{VIEWS} return [box.x + legend.bbox.left + 25, box.y + legend.bbox.top + 20];"
HIDDEN = f"""{VIEWS}
const all = views.filter(v => v.model.type == "GlyphRenderer").map(v => v.model);
return [...new Set(all.filter(model => !model.visible).map(model => model.name))];
"""
TOOLTIP = """
const texts = [];
const walk = node => {
  if (node.shadowRoot) walk(node.shadowRoot);
  for (const child of node.children) {
    if (child.classList.contains("bk-tooltip-content")) texts.push(child.textContent);
    walk(child);
  }
};
walk(document.body);
return texts.filter(Boolean)[0];
"""


@pytest.fixture
def browser(tmp_path):
    if CHROMEDRIVER is None:
        pytest.skip("no chromedriver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    for option in (*OPTIONS, f"--user-data-dir={tmp_path / 'browser'}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(CHROMEDRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture
def opened(finished, browser):
    """The tiny study's report, opened."""
    finished.snakemake("--report", "report.html")
    browser.get((finished.folder / "report.html").as_uri())
    appears(browser, "#rulegraph svg, #rulegraph canvas")
    return browser


def appears(browser, selector):
    wait = WebDriverWait(browser, 120)
    return wait.until(lambda driver: driver.find_elements(By.CSS_SELECTOR, selector))[0]


def open_result(browser, path):
    """Click the landing page's link to a result; returns the text beside it."""
    label = browser.execute_script("return results[arguments[0]].labels.result", path)
    browser.refresh()
    appears(browser, "#rulegraph svg, #rulegraph canvas")
    browser.find_element(By.LINK_TEXT, label).click()
    WebDriverWait(browser, 60).until(lambda b: path in nav(b))
    return nav(browser)


def nav(browser):
    return browser.find_element(By.TAG_NAME, "nav").text


def test_every_result_has_one_place_and_a_caption_that_says_what_was_found(opened):
    results = opened.execute_script("return results")
    names = (FIGURE, EXPLORER, LAYERS, STOPPING, PHASES, PROVENANCE)
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


def point(browser, script, *, click=False):
    """Move the mouse to where a script says on the iframe's page, from the page around it.

    A ``data:`` page runs in a process of its own, which the driver's mouse reaches only so.
    """
    x, y = browser.execute_script(script)
    browser.switch_to.default_content()
    frame = browser.find_element(By.TAG_NAME, "iframe")
    x, y = round(x + frame.rect["x"]), round(y + frame.rect["y"])
    mouse = ActionChains(browser)
    mouse.w3c_actions.pointer_action.move_to_location(x - 3, y)
    mouse.w3c_actions.pointer_action.move_to_location(x, y)
    (mouse.click() if click else mouse).perform()
    browser.switch_to.frame(frame)


def assert_silent_and_alone(browser):
    """No error on the console, nothing asked of any network."""
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert not errors
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            assert not message["params"]["request"]["url"].startswith("http")
