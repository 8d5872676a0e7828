"""Measures all works; what run.py runs in the benchmarks' environment.

suite.py JSON [--read | --dali] [--quick]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import dali
import data
import reads
import report
import works
from measure import Result, measure

ROUNDS, QUICK_ROUNDS = 7, 3
# Seconds that a tool may take within one work before it sits out: slow peers run few rounds.
BUDGET, QUICK_BUDGET = 15, 4


def main() -> None:
    json_path, quick = Path(sys.argv[1]), "--quick" in sys.argv
    suite = reads if "--read" in sys.argv else dali if "--dali" in sys.argv else works
    about = report.machine()
    begin(about)
    rounds, budget = (QUICK_ROUNDS, QUICK_BUDGET) if quick else (ROUNDS, BUDGET)
    every: list[Result] = []
    files: dict[str, data.File | reads.File | dali.File] = {}
    measured, targets = [], []
    for work in suite.WORKS:
        if work.data not in files:
            files[work.data] = suite.prepare(data.recipe(work.data, quick))
        file = files[work.data]
        title = work.title.format(records=report.describe(file))
        results = measure(file, work.tools, rounds, budget, work.cold)
        rows = report.rows(work, file, results)
        report.print_rows(title, rows)
        measured.append({"work": title, "tools": rows})
        targets += report.targets(work, title, results)
        every += results
    targets += report.memory_targets(every)
    report.print_targets(targets)
    if quick:
        print("\n--quick: the targets are for files that are 50 times as large.")
    everything = {"machine": about, "quick": quick, "works": measured, "targets": targets}
    json_path.write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n")
    end(every)


def begin(about: dict[str, object]) -> None:
    print(", ".join(f"{key}: {value}" for key, value in about.items()))
    if about["busy_cores_at_start"] > 0.1:
        print("note: something else is running: times will be too long")
    data.clean()


def end(results: list[Result]) -> None:
    """Exits with 1 if an answer of ours is wrong."""
    for result in results:
        for fault in result.faults:
            print(f"{'WRONG' if result.tool.ours else 'peer'}: {result.tool.name}: {fault}")
    sys.exit(any(result.tool.ours and result.faults for result in results))


if __name__ == "__main__":
    main()
