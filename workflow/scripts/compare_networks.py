"""Compare a study's compressed networks with the dense ones: a table, and a Pareto figure."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter
from saving import plain_numbers, save, set_up, wrapped
from styles import MILLIMETRES, Drawn, styles

from dsd2.analysis.pareto import TIMES, comparison, pareto_front, time_name
from dsd2.config.arms import ONLY_PANEL
from dsd2.escaping import escape_markdown
from dsd2.files.atomic import write_text
from dsd2.files.records import LATENCIES, NETWORKS, read_table
from dsd2.script import logged, parameters

COSTS = {
    time_name("onnxruntime", 1): "latency of one image, ONNX Runtime, one core [ms]",
    "file [byte]": "size of the file [kB]",
}
"""What accuracy is drawn against, by column."""
FRONT = {"color": "0.8", "linewidth": 6, "marker": "o", "markersize": 10, "markeredgewidth": 0}
"""How the Pareto front looks, which may be a single network."""
WIDTH, HEIGHT = 180.0, 85.0
"""Of the figure, and of the axes where the configuration says none, in millimetres."""


def draw(table: pd.DataFrame, params) -> Figure:
    """Accuracy against latency and against size, a row of axes for each panel."""
    plot = params.plot
    set_up(plot["font_size"])
    names = dict.fromkeys(table["arm"])
    looks = styles(Drawn(name, params.labels[name], frozenset(params.panels)) for name in names)
    panels = list(dict.fromkeys(table["panel"]))
    height = (plot["height"] or HEIGHT) * len(panels) + 12 * (3 + -(-len(looks) // 2))
    figure, grid = plt.subplots(
        len(panels),
        len(COSTS),
        sharey="row",
        squeeze=False,
        layout="constrained",
        figsize=(WIDTH / MILLIMETRES, height / MILLIMETRES),
    )
    for panel, row in zip(panels, grid, strict=True):
        shown = table[table["panel"] == panel]
        for axes, (column, label) in zip(row, COSTS.items(), strict=True):
            _draw_axes(axes, shown, column, looks)
            axes.set_xlabel(label)
        title = "" if panel == ONLY_PANEL else f"{params.panels[panel]}\n"
        row[0].set_ylabel(f"{title}test accuracy [%]")
    handles = [
        Line2D([], [], color=look.colour, marker=look.marker, linestyle=look.dash, label=look.label)
        for look in looks.values()
    ]
    black = {"color": "black", "linestyle": "none"}
    handles += [
        Line2D([], [], marker="o", markersize=11, fillstyle="none", label="exported", **black),
        Line2D([], [], marker="x", markersize=9, label="dense, as trained", **black),
        Line2D([], [], **FRONT, label="Pareto front"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    title = wrapped(f"{params.title}: what compression is worth", WIDTH, plot["font_size"])
    figure.suptitle(title, fontsize=plot["font_size"] * 1.1)
    return figure


def _draw_axes(axes, table: pd.DataFrame, column: str, looks) -> None:
    scale = 1000 if column.endswith("[byte]") else 1
    costs, accuracies = table[column] / scale, 100 * table["test accuracy"]
    front = pareto_front(list(costs), list(accuracies))
    axes.plot(costs.iloc[front], accuracies.iloc[front], **FRONT)
    for arm, rows in table.groupby("arm", sort=False):
        look, own = looks[arm], costs.loc[rows.index]
        first = rows["seed"].iloc[0]
        curve = rows[(rows["form"] == "compressed") & (rows["seed"] == first)].index
        axes.plot(
            costs.loc[curve],
            accuracies.loc[curve],
            color=look.colour,
            marker=look.marker,
            markersize=4,
            linestyle=look.dash,
            linewidth=1,
        )
        trained = rows[rows["form"] == "trained"].index
        axes.plot(own.loc[trained], accuracies.loc[trained], "x", color=look.colour, markersize=9)
        exported = rows[rows["exports"] != ""].index
        axes.plot(
            own.loc[exported],
            accuracies.loc[exported],
            "o",
            color=look.colour,
            markersize=11,
            fillstyle="none",
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(plain_numbers())
    # Within a decade or two the powers of ten alone would be too few.
    narrow = costs.max() < 20 * costs.min()
    axes.xaxis.set_minor_formatter(plain_numbers() if narrow else NullFormatter())
    axes.tick_params(axis="x", which="both", rotation=45 if narrow else 0)
    axes.grid(alpha=0.3)


def table_in_markdown(
    table: pd.DataFrame, labels: dict[str, str], panels: dict[str, str], processor: str
) -> str:
    """The dense networks and the exported ones, in Markdown; ratios to the dense of the arm.

    Arms go by panel and name: an arm is another in each panel, with a dense network of its own.
    """
    rows = table[(table["form"] == "trained") | (table["exports"] != "")].to_dict("records")
    dense: dict[tuple[str, str], dict] = {}
    for row in rows:
        if row["form"] == "trained":
            dense.setdefault((row["panel"], row["arm"]), row)
    lines = []
    for row in rows:
        base = dense[row["panel"], row["arm"]]
        cells = {"panel": escape_markdown(panels[row["panel"]])} if len(panels) > 1 else {}
        cells["network"] = row["exports"].replace(" ", ", ")
        if row["form"] == "trained":
            cells["network"] = f"{escape_markdown(labels[row['arm']])}: dense, as trained"
        cells |= {
            "ζ [%]": f"{100 * row['sparsity']:.2f}",
            "test accuracy [%]": f"{100 * row['test accuracy']:.2f}",
            "file [kB]": _with_ratio(row, base, "file [byte]", 1000),
            "parameters": _with_ratio(row, base, "parameters"),
            "kMAC an image": _with_ratio(row, base, "MACs", 1000),
        }
        cells |= {time_name(*key): _with_ratio(row, base, time_name(*key)) for key in TIMES}
        lines.append(cells)
    text = pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)
    note = (
        "Times are medians of a call on one core, from uint8 images to logits, on "
        f"{processor}; in brackets the ratio to the dense network of the arm as it was trained."
        " The accuracy is that of the trained network; a card has that of its files."
        " The dense file is its numbers in fp32. A sparse network's zeros cost as much time as"
        " other numbers: only channels that go make it faster."
    )
    return f"{text}\n\n{note}\n"


def _with_ratio(row: dict, base: dict, column: str, scale: float = 1) -> str:
    value = row[column] / scale
    shown = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return shown if row is base else f"{shown} ({row[column] / base[column]:.2f})"


def main(smk) -> None:
    """Write table and figure."""
    params = parameters(smk.params)
    study = {"study": smk.wildcards.study}
    networks = read_table(Path(smk.input.networks), NETWORKS, study).to_pandas()
    latencies = read_table(Path(smk.input.latencies), LATENCIES, study).to_pandas()
    table = comparison(networks, latencies)
    write_text(Path(smk.output.csv), table.to_csv(index=False))
    processor = str(latencies["processor"].iloc[0])
    write_text(
        Path(smk.output.md), table_in_markdown(table, params.labels, params.panels, processor)
    )
    figure = draw(table, params)
    save(figure, (smk.output.png, smk.output.svg), params.plot["dpi"])


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
