"""Results as tables (Markdown) and JSON."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path

from data import File
from environment import ROOT
from measure import Result
from works import CREATE, FULL, PEAK_RSS_LIMIT, Work


def machine() -> dict[str, object]:
    """The machine and versions that the numbers depend on."""
    cpu = [line for line in _text("/proc/cpuinfo").splitlines() if line.startswith("model name")]
    commit = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return {
        "cpu": cpu[0].partition(": ")[2] if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "linux": ".".join(platform.release().split(".")[:2]),
        "python": platform.python_version(),
        "rust": _output(["rustc", "--version"]),
        "commit": _output(commit),
        "busy_cores_at_start": round(_busy_cores(), 2),
    }


def _busy_cores() -> float:
    """The number of cores that other programs use, measured during one second."""

    def not_idle() -> int:
        user, nice, system, _idle, _wait, *others = map(int, _text("/proc/stat").split()[1:9])
        return user + nice + system + sum(others)

    before = not_idle()
    time.sleep(1)
    return (not_idle() - before) / os.sysconf("SC_CLK_TCK")


def describe(file: File) -> str:
    """10 M x 100 B."""
    count, size = file.records, file.size / file.records
    many = f"{count / 1e6:.3g} M" if count >= 1e6 else f"{count / 1e3:.3g} k"
    large = f"{size:.0f} B" if size < 1e3 else f"{size / 1e3:.{int(size < 1e4)}f} KB"
    return f"{many} x {large}"


def rows(work: Work, file: File, results: list[Result]) -> list[dict[str, object]]:
    """A row for each tool: JSON's, and the table's."""
    floor = next((one.median for one in results if one.tool.name == work.floor), None)
    size = {"data": file.size, "index": file.index.stat().st_size}.get(work.read)
    found = []
    for result in results:
        if result.tool.ours:
            ours = result.median
        found.append(
            {
                "tool": result.tool.name,
                "seconds": result.median,
                "fastest": min(result.times),
                "slowest": max(result.times),
                "runs": len(result.runs),
                "gb_per_s": size and size / result.median / 1e9,
                "peak_rss_mib": result.peak_rss / 2**20,
                "to_ours": None if result.tool.ours else result.median / ours,
                "to_floor": floor and result.median / floor,
                "faults": result.faults,
            }
        )
    return found


def print_rows(title: str, rows: list[dict[str, object]]) -> None:
    heads = ["s", "fastest-slowest", "runs", "GB/s", "peak MiB", "x ours", "x floor", "answer"]
    cells = [
        [
            row["tool"],
            f"{row['seconds']:.4f}",
            f"{row['fastest']:.4f}-{row['slowest']:.4f}",
            row["runs"],
            _number(row["gb_per_s"]),
            f"{row['peak_rss_mib']:.1f}",
            _number(row["to_ours"]),
            _number(row["to_floor"]),
            "DIFFERS" if row["faults"] else "",
        ]
        for row in rows
    ]
    _print_table([title, *heads], cells)


def targets(work: Work, title: str, results: list[Result]) -> list[dict[str, object]]:
    """Each target of the work, with the measured value."""
    median = {result.tool.name: result.median for result in results}
    found = []
    for target in work.targets:
        value = median[target.tool] / (median[target.to] if target.to else 1)
        sign, unit = "≥≤"[not target.at_least], "x" if target.to else " s"
        found.append(
            {
                "work": title,
                "what": f"{target.tool} / {target.to}" if target.to else target.tool,
                "target": f"{sign} {target.bound}{unit}",
                "measured": f"{value:.3g}{unit}",
                "met": target.met(value),
            }
        )
    return found


def memory_targets(results: list[Result]) -> list[dict[str, object]]:
    """Peak memory of the command-line program, over all that it was measured at."""
    peaks = [one.peak_rss for one in results if one.tool in (CREATE, FULL)]
    return [
        {
            "work": "every create, command-line program",
            "what": "peak RSS",
            "target": f"≤ {PEAK_RSS_LIMIT / 2**20:.0f} MiB",
            "measured": f"{peak / 2**20:.1f} MiB",
            "met": peak <= PEAK_RSS_LIMIT,
        }
        for peak in sorted(peaks)[-1:]
    ]


def print_targets(targets: list[dict[str, object]]) -> None:
    cells = [
        [one["work"], one["what"], one["target"], one["measured"], "yes" if one["met"] else "NO"]
        for one in targets
    ]
    _print_table(["must show", "ratio of medians", "target", "measured", "met"], cells)


def _print_table(heads: list[str], rows: list[list[object]]) -> None:
    lines = [heads, *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    print()
    for line in lines:
        padded = [line[0].ljust(widths[0])]
        padded += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        print(f"| {' | '.join(padded)} |", flush=True)


def _number(value: object) -> str:
    return "" if value is None else f"{value:.3g}"


def _text(path: str) -> str:
    return Path(path).read_text() if os.path.exists(path) else ""


def _output(command: list[str]) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
