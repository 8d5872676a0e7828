"""Runs tools in turn, each in its own process, and checks every answer."""

from __future__ import annotations

import filecmp
import json
import statistics
import subprocess
import sys
import time
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from data import File
from environment import ROOT

TOOLS = ROOT / "target" / "bench-tools"  # machine and lookup, compiled
MACHINE = str(TOOLS / "machine")
WORKER = str(Path(__file__).with_name("worker.py"))
OUT = ROOT / "target" / "bench-data" / "out.idx"


class Tool(NamedTuple):
    """One way to do a piece of work."""

    name: str
    command: list[str]  # {data}, {index}, {out} and {index_size} stand for the file's
    answer: str | None  # "index": writes it to {out}; else which field of File it prints
    reports: bool = False  # it prints its time and answer; else its whole process is timed
    ours: bool = False


def python_tool(
    name: str, function: str, *arguments: str, answer: str, ours: bool = False, script: str = WORKER
) -> Tool:
    """A call that worker.py, or another script such as it, times."""
    return Tool(name, [sys.executable, script, function, *arguments], answer, True, ours)


class Run(NamedTuple):
    seconds: float
    peak_rss: int  # bytes
    wall: float  # seconds with all that isn't timed


class Result:
    """The results of a tool's runs."""

    def __init__(self, tool: Tool) -> None:
        self.tool = tool
        self.runs: list[Run] = []
        self.faults: list[str] = []

    @property
    def times(self) -> list[float]:
        return [run.seconds for run in self.runs]

    @property
    def median(self) -> float:
        return statistics.median(self.times)

    @property
    def peak_rss(self) -> int:
        return max(run.peak_rss for run in self.runs)

    def add(self, run: Run, fault: str | None) -> None:
        self.runs.append(run)
        if fault and fault not in self.faults:
            self.faults.append(fault)
            print(f"{self.tool.name}: {fault}", flush=True)


def measure(file: File, tools: list[Tool], rounds: int, budget: float, cold=False) -> list[Result]:
    """A B C A B C …; a tool that has used up `budget` seconds sits the further rounds out."""
    results = [Result(tool) for tool in tools]
    for _ in range(rounds):
        for result in results:
            if sum(run.wall for run in result.runs) < budget:
                _set_cache(file, cold)
                result.add(*_run(result.tool, file))
    return results


def _set_cache(file: File, cold: bool) -> None:
    """Brings data and index into the page cache; then takes the data out of it for a cold run.

    Cold runs follow a reading of the whole file, too: what was read before, and how, shows in the
    storage behind a virtual machine, and would favour the tool that comes after another reader.
    """
    for action, path in (("warm", file.index), ("warm", file.path), ("evict", file.path)):
        if action == "warm" or cold:
            for _ in range(3):  # other programs may empty or fill the cache
                pages, total = map(int, _call([MACHINE, action, str(path)]).stdout.split())
                wrong = pages if action == "evict" else total - pages
                if not wrong:
                    break
            else:
                print(f"note: {action}: {wrong} pages of {path.name} are not where they should be")


def _run(tool: Tool, file: File) -> tuple[Run, str | None]:
    OUT.unlink(missing_ok=True)
    places = {"data": file.path, "index": file.index, "out": OUT}
    places["index_size"] = file.index.stat().st_size
    command = [part.format(**places) for part in tool.command]
    start = time.perf_counter()
    said = _call([MACHINE, "run", *command])
    wall = time.perf_counter() - start
    *output, _, last = said.stdout.splitlines()
    whole, peak_rss_kib, exit_code = last.split()
    if exit_code != "0":
        sys.exit("\n".join([*output, f"{said.stderr}{tool.name}: exit code {exit_code}"]))
    report = json.loads(output[-1]) if tool.reports else {"seconds": float(whole)}
    fault = None
    if tool.answer == "index":
        fault = _difference(OUT, file.index)
    elif tool.answer and report["answer"] != getattr(file, tool.answer):
        fault = f"answers {report['answer']}, not {getattr(file, tool.answer)}"
    return Run(report["seconds"], int(peak_rss_kib) * 1024, wall), fault


def _difference(index: Path, right: Path) -> str | None:
    """Where an index differs from the right one."""
    if not index.exists():
        return "writes no index"
    if filecmp.cmp(index, right, shallow=False):
        return None
    with open(index, "rb") as ours, open(right, "rb") as theirs:
        pairs = enumerate(zip_longest(ours, theirs), start=1)
        line, (found, wanted) = next((line, pair) for line, pair in pairs if pair[0] != pair[1])
    return f"its index differs from line {line} on: {found!r}, not {wanted!r}"


def _call(command: list[str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{done.stdout}{done.stderr}\nfailed: {' '.join(command)}")
    return done
