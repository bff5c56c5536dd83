"""Chromium, opened on a report; nothing that it asks of any network leaves this machine."""

import json
import re
import shutil
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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

# Every view of Bokeh's, the first curve's points, and the page's place of what is drawn.
VIEWS = """
const views = [];
const visit = view => { views.push(view); for (const child of view.children()) visit(child); };
visit(Bokeh.index.roots[0]);
const dots = views.find(v => v.model.type == "GlyphRenderer" && v.model.glyph.type == "Scatter");
const legend = views.find(v => v.model.type == "Legend");
const box = dots.parent.canvas_view.el.getBoundingClientRect();
"""
FIRST_POINT, SECOND_POINT = (
    f"""{VIEWS}
const data = dots.model.data_source.data;
return [box.x + dots.coordinates.x_scale.compute(data.x[{i}]),
        box.y + dots.coordinates.y_scale.compute(data.accuracy[{i}])];
"""
    for i in range(2)
)
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


OF_CHROMIUM = re.compile(
    r"^(http://)?[a-z0-9.-]+\.(google|googleapis|gstatic|gvt1|duckduckgo)\.com[:/]"
)
"""What Chromium asks for, whatever it shows: its updates, the time, its search page."""


class Proxy(BaseHTTPRequestHandler):
    """Remembers what pages ask for, and gives nothing."""

    def do_GET(self):
        if not OF_CHROMIUM.search(self.path):
            self.server.asked.append(self.path)
        self.send_error(502)

    do_CONNECT = do_POST = do_GET  # noqa: N815 - names that http.server wants

    def log_message(self, *arguments):
        """Says nothing."""


class Listener(ThreadingHTTPServer):
    """Says nothing of a browser that ends without waiting for an answer."""

    def handle_error(self, *arguments):
        """Says nothing."""


@contextmanager
def chromium(folder):
    """A browser; ``asked`` is the list of all that it and its frames ask of any network."""
    proxy = Listener(("127.0.0.1", 0), Proxy)
    proxy.asked = []
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    options = webdriver.ChromeOptions()
    for option in (
        *OPTIONS,
        f"--user-data-dir={folder}",
        f"--proxy-server=http://127.0.0.1:{proxy.server_port}",
        "--proxy-bypass-list=<-loopback>",
    ):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(CHROMEDRIVER))
    driver.asked = proxy.asked
    try:
        yield driver
    finally:
        driver.quit()
        proxy.shutdown()
        proxy.server_close()


def open_report(browser, path):
    """Open a report, up to the drawing of its graph."""
    browser.get(path.as_uri())
    appears(browser, "#rulegraph svg, #rulegraph canvas")


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
    assert browser.asked == [], browser.asked
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert not errors
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            assert not message["params"]["request"]["url"].startswith("http")
