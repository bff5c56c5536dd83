"""Whatever a user calls a study, its panels and its arms: figures show it as it is."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import compare_networks
import figure
import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from figures import layers
from matplotlib.text import Text
from rows import LABELS, row_of
from saving import save, set_up
from test_drawing import changed, draw

from dsd2.analysis.layers import LayerCurve
from dsd2.analysis.pareto import comparison
from dsd2.files.records import LATENCIES, NETWORKS

SCRIPTS = Path(figure.__file__).parent

TEXTS = [
    r"costs $\frac{$ more",
    r"$\sum_{i}^$ and \$5",
    "$$",
    "$x$",
    r"\input{/etc/passwd} \write18{touch ran}",
    "_hidden",
    "_",
    "",
    "{study} {0} %s %(x)s",
    "<script>alert(1)</script> & ]]> <!-- -->",
    '"><image href="http://127.0.0.1/x.png"/>',
    "two\nlines\tand a tab",
    "ü ζ 漢字 \U0001f600 \u202e backwards",
    "x" * 4096,
    "\n" * 40,
]


def table_of(panels):
    """Two networks of each arm and panel, in the forms that are compared."""
    networks, times = [], []
    for panel in panels:
        for arm in LABELS:
            own = {"panel": panel, "arm": arm, "run": f"{panel}{arm}", "exports": [f"{arm}-best"]}
            networks.append(
                row_of(
                    NETWORKS,
                    **own,
                    iteration=0,
                    part_parameters=[100.0, 40.0],
                    part_macs=[1000.0, 300.0],
                )
            )
            times += [
                row_of(LATENCIES, run=own["run"], iteration=0, form=form, runtime=runtime, batch=b)
                for form in ("trained", "compressed")
                for runtime in ("torch", "onnxruntime")
                for b in (1, 64)
            ]
    return comparison(pd.DataFrame(networks), pd.DataFrame(times))


def curves_of(panels):
    """How the layers of an arm die."""
    values = pd.DataFrame({"conv1": [1.0, 0.5, 0.001], "conv2": [1.0, 0.1, 0.0]})
    sparsity = pd.Series([0.0, 0.7, 0.99])
    return [LayerCurve(panel, arm, sparsity, values, values) for panel in panels for arm in LABELS]


def of_the_study(study, view):
    return draw(pd.concat([study.assign(panel=panel) for panel in view.panels]), view)


def of_layers(_, view):
    set_up(view.plot["font_size"])
    return layers.draw(curves_of(view.panels), view)


DRAWINGS = {
    "sdd": of_the_study,
    "layers": of_layers,
    "comparison": lambda _, view: compare_networks.draw(table_of(view.panels), view),
}


def letters(text):
    """A text without its spaces, which may be wrapped."""
    return re.sub(r"\s", "", text)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Glyph", "ignore:constrained_layout")
@pytest.mark.parametrize("first", range(0, len(TEXTS), 6))
@pytest.mark.parametrize("kind", DRAWINGS)
def test_any_text_is_drawn_as_it_is(study, tmp_path, kind, first):
    title, *rest = (TEXTS[(first + i) % len(TEXTS)] for i in range(6))
    labels = dict(zip(LABELS, rest, strict=False))
    panels = dict(zip("ab", rest[3:], strict=True))
    arms = [(arm, panel, ()) for panel in panels for arm in LABELS]
    view = changed(title=title, panels=panels, labels=labels, drawn=arms)
    # As a matplotlibrc in the working directory may have it.
    with mpl.rc_context({"text.usetex": True, "axes.formatter.use_mathtext": True}):
        drawn = DRAWINGS[kind](study, view)
        try:
            save(drawn, [tmp_path / "x.svg", tmp_path / "x.png"], 40)
            texts = drawn.findobj(Text)
        finally:
            plt.close(drawn)
    assert not any(found.get_usetex() or found.get_parse_math() for found in texts)
    root = ElementTree.parse(tmp_path / "x.svg").getroot()
    written = letters("".join(root.itertext()))
    # The gated arm's own curve is not drawn; its stops are on its twin.
    drawn_labels = [labels["vanilla"], labels["student"]]
    for wanted in (title, *panels.values(), *drawn_labels):
        assert letters(wanted) in written, wanted
    # Ticks are numbers, not the formulas that matplotlib writes them as.
    assert "mathdefault" not in written
    places = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert not places & {"script", "foreignObject", "a"}
    links = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href")]
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)


def test_matplotlib_is_set_up_in_one_place():
    """What draws asks for it there, or has it from the rule that draws figures."""
    for script in SCRIPTS.rglob("*.py"):
        code = script.read_text()
        if script.name != "saving.py":
            assert not re.search(r"rcParams|savefig|matplotlib\.use|usetex|parse_math", code), (
                script
            )
            if script.parent.name != "figures" and script.name != "figure.py":
                assert ("matplotlib.pyplot" in code) == ("set_up(" in code), script
    assert "set_up(" in (SCRIPTS / "figure.py").read_text()
