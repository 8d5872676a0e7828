"""The benchmark of indexes: the work, the tools, and the expected answers."""

from __future__ import annotations

from typing import NamedTuple

from data import prepare  # noqa: F401  # what suite.py calls
from environment import ROOT
from measure import MACHINE, TOOLS, Tool, python_tool

TFR_INDEX = str(ROOT / "target" / "release" / "tfr-index")
LOOKUP = str(TOOLS / "lookup")

CREATE = Tool("tfr-index", [TFR_INDEX, "create", "{data}", "-o", "{out}"], "index", ours=True)
FULL = Tool(
    "tfr-index, checksums full",
    [TFR_INDEX, "create", "--checksums", "full", "{data}", "-o", "{out}"],
    "index",
    ours=True,
)
S3DLIO = python_tool("s3dlio", "create_s3dlio", "{data}", "{out}", answer="index")
DALI = python_tool("DALI's script", "create_dali", "{data}", "{out}", answer="index")
DALI_TENSORFLOW = python_tool(
    "DALI's script, TensorFlow", "create_dali_tensorflow", "{data}", "{out}", answer="index"
)
VAHIDK = python_tool("vahidk tfrecord", "create_vahidk", "{data}", "{out}", answer="index")
TENSORFLOW = python_tool("tf.data", "payloads_tensorflow", "{data}", answer="records")
READ = Tool("read the file", [MACHINE, "read", "{data}"], None)
FLOOR = Tool("floor", [MACHINE, "floor", "{data}", "{index_size}", "{out}"], None)

PEERS = [S3DLIO, DALI, DALI_TENSORFLOW, VAHIDK]


class Target(NamedTuple):
    """A ratio of two medians, `tool`'s to `to`'s, or seconds if that is None."""

    tool: str
    to: str | None
    bound: float
    at_least: bool

    def met(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound


def faster_than(peer: str, factor: float, tool: str = CREATE.name) -> Target:
    return Target(peer, tool, factor, at_least=True)


def within(floor: str, factor: float, tool: str = CREATE.name) -> Target:
    return Target(tool, floor, factor, at_least=False)


class Work(NamedTuple):
    """Tools that do the same to one file."""

    title: str  # {records} stands for how many and how large they are
    data: str  # the name of its recipe
    tools: list[Tool]  # those of others after the one of ours that they are compared with
    targets: list[Target]
    cold: bool = False
    floor: str | None = FLOOR.name  # the tool that the others are compared with
    read: str = "data"  # what the tools read, for GB/s: "data", "index", or nothing of note


ITEMS, SLICE, ARRAYS = "index[i]", "slice", "arrays"

WORKS = [
    Work(
        "create, {records}, warm",
        "small",
        [CREATE, FLOOR, *PEERS],
        [faster_than(S3DLIO.name, 12), faster_than(DALI.name, 50), within(FLOOR.name, 1.3)],
    ),
    Work(
        "create, {records}, warm",
        "medium",
        [CREATE, FLOOR, *PEERS],
        [faster_than(S3DLIO.name, 14), faster_than(DALI.name, 15), within(FLOOR.name, 1.2)],
    ),
    Work(
        "create, {records}, warm",
        "large",
        [CREATE, FLOOR, *PEERS],
        [faster_than(S3DLIO.name, 50), faster_than(DALI.name, 15), within(FLOOR.name, 0.25)],
    ),
    Work("create, a mix of these sizes, {records}, warm", "mix", [CREATE, FLOOR, *PEERS], []),
    Work(
        "create, {records}, cold",
        "large",
        [CREATE, READ, *PEERS],
        [faster_than(S3DLIO.name, 3), within(READ.name, 0.6)],
        cold=True,
        floor=READ.name,
    ),
    Work(
        "create with all checksums, {records}, warm",
        "medium",
        [FULL, READ, TENSORFLOW],
        [within(READ.name, 1.4, FULL.name), faster_than(TENSORFLOW.name, 5, FULL.name)],
        floor=READ.name,
    ),
    Work(
        "create with all checksums, {records}, warm",
        "large",
        [FULL, READ, TENSORFLOW],
        [within(READ.name, 1.4, FULL.name), faster_than(TENSORFLOW.name, 5, FULL.name)],
        floor=READ.name,
    ),
    Work(
        "read the index from Python, {records}",
        "small",
        [
            python_tool("tfr_index", "read_ours", "{index}", answer="pairs_digest", ours=True),
            python_tool("s3dlio", "read_s3dlio", "{index}", answer="pairs_digest"),
            python_tool("our s3dlio.py", "read_shim", "{index}", answer="pairs_digest", ours=True),
        ],
        [faster_than("s3dlio", 15, "tfr_index"), faster_than("s3dlio", 1, "our s3dlio.py")],
        floor=None,
        read="index",
    ),
    Work(
        "1 M look-ups, {records}",
        "small",
        [
            Tool("C", [LOOKUP, "library", "{index}"], "lookup_sum", reports=True, ours=True),
            Tool("C, own array", [LOOKUP, "array", "{index}"], "lookup_sum", reports=True),
            python_tool(ITEMS, "items_ours", "{index}", answer="lookup_sum", ours=True),
            python_tool(f"s3dlio, {ITEMS}", "items_s3dlio", "{index}", answer="lookup_sum"),
            python_tool(SLICE, "slice_ours", "{index}", answer="start_digest", ours=True),
            python_tool(f"s3dlio, {SLICE}", "slice_s3dlio", "{index}", answer="start_digest"),
            python_tool(ARRAYS, "numpy_ours", "{index}", answer="lookup_sum", ours=True),
            python_tool(f"numpy's own {ARRAYS}", "numpy_plain", "{index}", answer="lookup_sum"),
        ],
        # A call of a C function costs some 180 ns: 0.18 s if there were one for each record.
        [
            within("C, own array", 1.1, "C"),
            Target(SLICE, None, 0.15, at_least=False),
            Target(ARRAYS, None, 0.15, at_least=False),
        ],
        floor=None,
        read="",
    ),
]
PEAK_RSS_LIMIT = 32 << 20  # of every create by the command-line program
