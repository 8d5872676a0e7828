"""examples/random_access.*: built and run as their first comments say, they all print the
same."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tfrecords import CHECKSUMS, walk

ROOT = Path(__file__).resolve().parents[2]
DATA = "tests/data/examples.tfrecord"
BYTES = (ROOT / DATA).read_bytes()
FRAMES = walk(BYTES)
LIB = ROOT / "target/usr/lib"
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # pkg-config is beside Python
    "PKG_CONFIG_PATH": str(LIB / "pkgconfig"),
    "LD_LIBRARY_PATH": str(LIB),
    "CARGO_TARGET_DIR": str(ROOT / "target"),
}


def shell(line):
    return subprocess.run(
        ["bash", "-c", line],
        cwd=ROOT,
        env=ENVIRONMENT,
        text=True,
        capture_output=True,
        check=False,
    )


def good(*records):
    """The expected output for the records."""
    lines = [f"{len(FRAMES)} records\n"]
    for record in records:
        offset, size = FRAMES[record]
        begin = BYTES[offset + 12 : offset + size - 4][:8].hex()
        lines.append(f"record {record}: {size - 16} bytes {begin}\n")
    return "".join(lines)


@pytest.fixture(scope="module", params=["c", "cpp", "py", "rs"])
def program(request):
    """Runs a built example on a file and record numbers."""
    source = (ROOT / f"examples/random_access.{request.param}").read_text()
    lines = re.findall(r"^\W*((?:make|cc|c\+\+|cargo|python3|target/\S+) .*)$", source, re.M)
    for line in lines:
        done = shell(line)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    assert done.stdout == good(42, 7)
    command = line.removesuffix(f"{DATA} 42 7")
    return lambda *arguments: shell(" ".join([command, *map(str, arguments)]))


def test_good_records(program):
    done = program(DATA)
    assert (done.returncode, done.stdout, done.stderr) == (0, good(), "")
    everything = range(len(FRAMES))
    done = program(DATA, *everything)
    assert (done.returncode, done.stdout, done.stderr) == (0, good(*everything), "")


def test_a_record_that_is_not_there(program):
    done = program(DATA, 7, 100, 42)
    said = f"{DATA}: record 100: out of range, the index has 100 records\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, good(7), said)


def test_damage(program, tmp_path):
    damaged = tmp_path / "damaged.tfrecord"
    offset, size = FRAMES[42]
    data = bytearray(BYTES)
    data[offset + 20] ^= 1
    damaged.write_bytes(data)
    stored = int.from_bytes(data[offset + size - 4 : offset + size], "little")
    computed = CHECKSUMS["crc32c"](bytes(data[offset + 12 : offset + size - 4]))
    done = program(damaged, 7, 42, 8)
    crcs = f"stored {stored:#010x}, computed {computed:#010x}"
    said = f"{damaged}: record 42 at byte {offset}: payload CRC mismatch ({crcs}): "
    said += "the payload is damaged; copy the file again\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, good(7), said)

    data[offset + 1] ^= 1
    damaged.write_bytes(data)
    done = program(damaged, 7)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{damaged}: record 42 at byte {offset}: length CRC mismatch")
    assert done.stderr.count("\n") == 1


def test_no_file_and_no_argument(program):
    done = program("none.tfrecord")
    said = "none.tfrecord: cannot open: No such file or directory (os error 2)\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)
    done = program()
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith("usage: ")


def test_the_quick_start():
    done = subprocess.run(
        [sys.executable, ROOT / "examples/quickstart.py"],
        text=True,
        capture_output=True,
        check=True,
    )
    first, second, *records = done.stdout.splitlines()
    assert first == f"examples.tfrecord: {len(BYTES)} bytes, {len(FRAMES)} records indexed"
    lines = ["{} {}".format(*frame) for frame in FRAMES[:3]]
    assert second == f"the index begins with {lines}"
    for line in records:
        record, size = map(int, re.findall(r"\d+", line)[:2])
        assert size == FRAMES[record][1] - 16
    assert len(records) == 5


FEATURES = """\
record 2: label 9, weight 1.0
box 4.5 5.5, 2 words: few words
record 0: label 7, weight 1.0
box 0.5 1.5, 1 words: a
sum of the labels: 16
record 0 lacks feature size
"""


def test_features(tmp_path):
    """The example writes a file and reads it."""
    command = [sys.executable, ROOT / "examples/features.py", tmp_path / "x.tfrecord"]
    done = subprocess.run(command, text=True, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (FEATURES, "")
