"""Measures tfr-index beside other tools for TFRecord files and their indexes, and the machine.

    python3 tests/bench/run.py            1 GB files; under a quarter of an hour
    python3 tests/bench/run.py --read     of records, instead of indexes: reading and writing them
    python3 tests/bench/run.py --dali     of DALI's readers: the plugin's, and its own
    python3 tests/bench/run.py --sets     of work on sets of many files
    python3 tests/bench/run.py --features  of tf.train.Example: decoding and encoding
    python3 tests/bench/run.py --gzip     of compressed files with 500 MB of data
    python3 tests/bench/run.py --quick    a fiftieth of that: to try the benchmarks, not the tools
    python3 tests/bench/run.py --plot     time of create against record size, as record-size.svg

Sets itself up under target/: a virtual environment with the peers, the tools built as their
sources are now, the data. Every tool runs in a process of its own, by turns with the others; every
answer is checked, and the exit status is 1 if one of ours is wrong. It is never a time that fails.
Micro-benchmarks of the core are `cargo bench`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH.parent))

import environment  # noqa: E402

ROOT = environment.ROOT


def build() -> None:
    """The command-line program, and the benchmarks' own in C."""
    cargo = ["cargo", "build", "--release", "--features=cli", f"--target-dir={ROOT / 'target'}"]
    subprocess.run([*cargo, "--quiet"], cwd=ROOT, check=True)
    tools = ROOT / "target" / "bench-tools"
    tools.mkdir(parents=True, exist_ok=True)
    cc = ["cc", "-std=c11", "-O2", "-Wall", f"-I{ROOT / 'include'}"]
    library = [ROOT / "target" / "release" / "libtfr_index.a", "-lpthread", "-ldl", "-lm"]
    for name, needs in (("machine", []), ("floors", []), ("lookup", library)):
        subprocess.run([*cc, BENCH / f"{name}.c", *needs, "-o", tools / name], check=True)
    shared = [*cc, "-fPIC", "-shared", BENCH / "slow_reads.c", "-o", tools / "slow_reads.so"]
    subprocess.run(shared, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures tfr-index beside other tools.")
    parser.add_argument("--quick", action="store_true", help="small files, few rounds")
    parser.add_argument("--read", action="store_true", help="reading and writing records")
    parser.add_argument("--dali", action="store_true", help="DALI's readers")
    parser.add_argument("--sets", action="store_true", help="sets of many files")
    parser.add_argument("--features", action="store_true", help="tf.train.Example")
    parser.add_argument("--gzip", action="store_true", help="compressed files")
    parser.add_argument("--plot", action="store_true", help="draw record-size.svg instead")
    parser.add_argument("--json", type=Path, metavar="PATH", help="[default: target/bench.json]")
    options = parser.parse_args()
    kinds = ("plot", "read", "dali", "sets", "features", "gzip")
    kinds = [kind for kind in kinds if getattr(options, kind)]
    name = f"{'-'.join(['bench', *kinds])}.json"
    json_path = (options.json or ROOT / "target" / name).absolute()

    [python] = environment.prepare("bench")
    build()
    rows = options.sets or options.features or options.gzip
    script = BENCH / ("plot.py" if options.plot else "rows.py" if rows else "suite.py")
    variables = {
        "PYTHONPATH": f"{BENCH.parent}:{BENCH.parent}/support",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # NumPy's threads would wait busily for 30 ms after its import, which is nobody's work.
        "OPENBLAS_NUM_THREADS": "1",
    }
    flags = ["--quick"] * options.quick + ["--read"] * options.read
    flags += ["--dali"] * options.dali + ["--features"] * options.features
    flags += ["--gzip"] * options.gzip
    os.execve(python, [python, str(script), str(json_path), *flags], os.environ | variables)


if __name__ == "__main__":
    main()
