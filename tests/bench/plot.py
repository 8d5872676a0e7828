"""Draws the time of create against the size of the records; plot.py JSON [--quick].

Draws record-size.svg, which is committed; with --quick one in target/, because its files are small.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import data
import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import report
import works
from environment import ROOT
from measure import Result, measure
from suite import begin, end

SIZES = [64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20]
TOOLS = [works.CREATE, works.FLOOR, works.S3DLIO, works.DALI, works.VAHIDK]
# Hues of middle lightness, and grey for text: they show on white and on black.
COLORS = ["#e5484d", "#8a8f98", "#3b82f6", "#2f9e63", "#c9822b"]
GREY = "#7d848e"
STYLE = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "record-size",  # the same ids each time
    "font.family": "sans-serif",
    "text.color": GREY,
    "axes.labelcolor": GREY,
    "axes.edgecolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
}


def main() -> None:
    json_path, quick = Path(sys.argv[1]), "--quick" in sys.argv
    about = report.machine()
    begin(about)
    every: list[Result] = []
    seconds: dict[str, list[float]] = {tool.name: [] for tool in TOOLS}
    for size in SIZES:
        file = data.prepare(data.point(size, quick))
        results = measure(file, TOOLS, 5, budget=5)
        for result in results:
            seconds[result.tool.name].append(result.median)
        print(f"{short(size)}:", *(f"{one.tool.name} {one.median:.4f}" for one in results))
        every += results
    everything = {"machine": about, "quick": quick, "record_sizes": SIZES, "seconds": seconds}
    json_path.write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n")
    home = ROOT / "target" if quick else Path(__file__).parent
    draw(seconds, "16 MiB" if quick else "256 MiB", home / "record-size.svg")
    end(every)


def draw(seconds: dict[str, list[float]], total: str, path: Path) -> None:
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7.2, 4.2))
        for (name, times), color in zip(seconds.items(), COLORS, strict=True):
            dashes = "--" if name == works.FLOOR.name else "-"
            label = "read it, write the index" if name == works.FLOOR.name else name
            axes.loglog(SIZES, times, dashes, color=color, marker="o", markersize=3.5, label=label)
        axes.set_xticks(SIZES, [short(size) for size in SIZES])
        axes.minorticks_off()
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("size of a record")
        axes.set_ylabel("seconds")
        axes.set_title(f"Creating the index of a file of {total}, in the page cache", fontsize=11)
        axes.grid(color=GREY, alpha=0.25, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9)
        about = {"Date": None, "Creator": None}
        figure.savefig(path, transparent=True, bbox_inches="tight", metadata=about)
    print(f"drew {path.relative_to(ROOT)}")


def short(size: int) -> str:
    power = (size.bit_length() - 1) // 10
    return f"{size >> 10 * power} {('B', 'KB', 'MB')[power]}"


if __name__ == "__main__":
    main()
