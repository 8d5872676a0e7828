"""Measures all works; what run.py runs in the benchmarks' environment: suite.py JSON [--quick]."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import data
import report
from measure import Result, measure
from works import WORKS

ROUNDS, QUICK_ROUNDS = 7, 3
# Seconds that a tool may take within one work before it sits out: slow peers run few rounds.
BUDGET, QUICK_BUDGET = 15, 4


def main() -> None:
    json_path, quick = Path(sys.argv[1]), "--quick" in sys.argv
    about = report.machine()
    begin(about)
    rounds, budget = (QUICK_ROUNDS, QUICK_BUDGET) if quick else (ROUNDS, BUDGET)
    every: list[Result] = []
    works, targets = [], []
    for work in WORKS:
        file = data.prepare(data.recipe(work.data, quick))
        title = work.title.format(records=report.describe(file))
        results = measure(file, work.tools, rounds, budget, work.cold)
        rows = report.rows(work, file, results)
        report.print_rows(title, rows)
        works.append({"work": title, "tools": rows})
        targets += report.targets(work, title, results)
        every += results
    targets.append(report.memory_target(every))
    report.print_targets(targets)
    if quick:
        print("\n--quick: the targets are for files that are 50 times as large.")
    everything = {"machine": about, "quick": quick, "works": works, "targets": targets}
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
