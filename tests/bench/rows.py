"""Measures work on data sets, features, compressed files: `run.py --sets`, `--features`, `--gzip`.

    rows.py JSON [--quick] [--features | --gzip]

Each row compares ours with a floor: a loop that does the least of the same work. Both run by turns,
each in a process of its own; the ratio of their medians is held against a target. Answers are
checked, and only a wrong one makes the exit status 1. The rows are in modules that have
`rows(quick)`: see SETS, FEATURES and GZIP.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import NamedTuple

import compressed
import data
import features
import report
import sets_create
import sets_read
from setrow import Row

SETS, FEATURES, GZIP = [sets_create, sets_read], [features], [compressed]
ROUNDS, QUICK_ROUNDS = 7, 3


class Measured(NamedTuple):
    """The times of a row, in seconds."""

    ours: list[float]
    floor: list[float]
    faults: list[str]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.floor)


def measure(row: Row, rounds: int) -> Measured:
    """Floor, ours, floor, ours, …"""
    measured = Measured([], [], [])
    for _ in range(rounds):
        for times, work in ((measured.floor, row.floor), (measured.ours, row.ours)):
            row.before()
            times.append(work())
        fault = row.fault()
        if fault and fault not in measured.faults:
            measured.faults.append(fault)
    return measured


def main() -> None:
    json_path, quick = Path(sys.argv[1]), "--quick" in sys.argv
    about = report.machine()
    data.FOLDER.mkdir(parents=True, exist_ok=True)
    print(", ".join(f"{key}: {value}" for key, value in about.items()))
    if about["busy_cores_at_start"] > 0.1:
        print("note: something else is running: ratios may be wrong")
    print(f"\n{'work':<76} {'ours s':>8} {'floor s':>8} {'ratio':>6} {'at most':>8}")
    found, is_wrong = [], False
    parts = FEATURES if "--features" in sys.argv else GZIP if "--gzip" in sys.argv else SETS
    for part in parts:
        for row in part.rows(quick):
            measured = measure(row, QUICK_ROUNDS if quick else ROUNDS)
            ours, floor = map(statistics.median, (measured.ours, measured.floor))
            met = "" if measured.ratio <= row.at_most else "  MISSED"
            print(
                f"{row.title:<76} {ours:>8.3f} {floor:>8.3f} {measured.ratio:>6.2f} "
                f"{row.at_most:>8.3g}{met}{'  WRONG ' * bool(measured.faults)}",
                flush=True,
            )
            for fault in measured.faults:
                is_wrong = True
                print(f"WRONG: {row.title}: {fault}")
            found.append(
                {
                    "work": row.title,
                    "floor_is": row.floor_is,
                    "at_most": row.at_most,
                    **measured._asdict(),
                }
            )
    if quick:
        print("\n--quick: the targets are for sets that are 20 times as large, or more.")
    json_path.write_text(json.dumps({"machine": about, "quick": quick, "rows": found}) + "\n")
    sys.exit(is_wrong)


if __name__ == "__main__":
    main()
