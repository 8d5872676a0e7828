"""The table of docs/bad-input.md: what this library and other tools do with bad input, as they run.

TFR_UPDATE=1 updates the table.
"""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "clients")

import gzip
import os
import resource
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from tfrecords import crc32c, frame, index_text, masked, tfrecord, walk

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "bad-input.md"
BEGIN, END = "<!-- bad input: made by tests/integration/test_bad_input.py -->\n", "<!-- end -->\n"

PAYLOADS = [bytes([number]) * 40 for number in range(5)]
GOOD = tfrecord(PAYLOADS)
ENTRIES = walk(GOOD)
HANGS_AFTER = 10  # seconds for another tool to read 300 bytes; it may use 4 GB of memory
MEMORY = 4 << 30


def with_length(length: int) -> bytes:
    """The last record claims this length, with a true checksum."""
    stored = struct.pack("<Q", length)
    header = stored + struct.pack("<I", masked(crc32c(stored)))
    return GOOD[: ENTRIES[-1][0]] + header + PAYLOADS[-1] + b"\0\0\0\0"


WRONG_CRC = bytearray(GOOD)
WRONG_CRC[ENTRIES[2][0] + 8] ^= 1
LFS = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)

OLD_INDEX = index_text(ENTRIES)  # correct for an earlier version of the file

# What the file holds, and its correct index if it has one.
INPUTS: dict[str, tuple[bytes | None, str | None]] = {
    "4 stray bytes at the end": (GOOD + b"\0\1\2\3", None),
    "10 stray bytes at the end": (GOOD + bytes(range(10)), None),
    "a payload cut short": (GOOD[:-15], None),
    "a wrong length CRC": (bytes(WRONG_CRC), None),
    "a length of 2^40": (with_length(2**40), None),
    "a length of 2^64 - 16": (with_length(2**64 - 16), None),
    "a length of 2^64 - 1": (with_length(2**64 - 1), None),
    "gzip": (gzip.compress(GOOD, mtime=1_700_000_000), OLD_INDEX),
    "a Git LFS pointer": (LFS, None),
    "64 zero bytes": (bytes(64), None),
    "no such file": (None, None),
    "an empty file": (b"", ""),
    "a good file": (frame(b"one") + frame(b""), "0 19\n19 16\n"),
}

OURS = "import sys, tfr_index; tfr_index.create_index(*sys.argv[1:])"
S3DLIO = "import sys, s3dlio; s3dlio.create_tfrecord_index(*sys.argv[1:])"
DALI = (
    "import os, runpy, sys; sys.modules['tensorflow'] = None;"
    "script = os.path.join(os.path.dirname(sys.executable), 'tfrecord2idx');"
    "sys.argv[0] = script; runpy.run_path(script, run_name='__main__')"
)


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    """Each tool's name, interpreter and program."""
    theirs = tmp_path_factory.mktemp("s3dlio")
    subprocess.run([sys.executable, "-m", "venv", theirs], check=True)
    python = str(theirs / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--only-binary=:all:", "s3dlio==0.10.0"]
    subprocess.run(pip, check=True)
    return [
        ("tfr-index", sys.executable, OURS),
        ("s3dlio 0.10.0", python, S3DLIO),
        ("DALI's tfrecord2idx", sys.executable, DALI),
    ]


def limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def ended(python: str, program: str, data: Path, index: Path) -> str:
    """A tool's outcome: "done", "error", or worse."""
    command = [python, "-I", "-c", program, str(data), str(index)]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=HANGS_AFTER, preexec_fn=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return "hangs"
    if done.returncode < 0 or b"memory allocation of" in done.stderr:
        return "takes 4 GB of memory, then aborts"
    return "error" if done.returncode else "done"


def outcome(python: str, program: str, content: bytes | None, right: str | None, at: Path) -> str:
    at.mkdir()
    data, index = at / "x.tfrecord", at / "x.tfrecord.idx"
    if content is not None:
        data.write_bytes(content)
    index.write_text(OLD_INDEX)
    how = ended(python, program, data, index)
    text = index.read_text() if index.exists() else None
    seek = index.with_suffix(".seek")  # of compressed files
    assert set(os.listdir(at)) <= {data.name, index.name, seek.name}, "a file is left over"
    if how == "done":
        if right is not None:
            return "indexed" if text == right else "**wrong index, no error**"
        lines = (text or "").count("\n")
        return f"**no error**, {lines} lines" if lines else "**no error**, **empty index**"
    if text == OLD_INDEX:
        return how if how == "error" else f"**{how}**"
    return f"{how}, and **a good index is gone**"


def table(tools, folder: Path) -> str:
    names = [name for name, _, _ in tools]
    lines = [f"| input | {' | '.join(names)} |", "|---" * (1 + len(names)) + "|"]
    for number, (title, (content, right)) in enumerate(INPUTS.items()):
        cells = [
            outcome(python, program, content, right, folder / f"{number}-{tool}")
            for tool, (_, python, program) in enumerate(tools)
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def test_the_pages_table_is_what_happens(tools, tmp_path):
    made = table(tools, tmp_path)
    before, rest = PAGE.read_text().split(BEGIN)
    written, after = rest.split(END)
    if "TFR_UPDATE" in os.environ:
        PAGE.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}")
    else:
        assert written.strip() == made.strip()
    ours = [line.split(" | ")[1] for line in made.splitlines()[2:]]
    bad = [content is None or right is None for content, right in INPUTS.values()]
    assert ours == ["error" if one else "indexed" for one in bad]
