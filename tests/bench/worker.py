"""One Python call of one tool, timed in a process of its own: worker.py TOOL FILE [OUT].

Prints {"seconds": …, "answer": …}. The interpreter's start, imports and the check of the answer are
not in the time. Nothing is imported here that the tool at hand doesn't need: it would be in its
memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import runpy
import sys
import time
import types
from array import array
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

Answer = int | str | None
Call = Callable[[], object]
Check = Callable[..., Answer]


def _no_answer(result: object) -> None:
    """The answer is the index file, which the caller checks."""


def create_s3dlio(path: str, out: str) -> tuple[Call, Check]:
    import s3dlio

    return lambda: s3dlio.create_tfrecord_index(path, out), _no_answer


def create_vahidk(path: str, out: str) -> tuple[Call, Check]:
    from tfrecord.tools.tfrecord2idx import create_index

    return lambda: create_index(path, out), _no_answer


def create_dali(path: str, out: str) -> tuple[Call, Check]:
    sys.modules["tensorflow"] = None  # type: ignore[assignment] # as if it were not installed
    return _dali_script(path, out), _no_answer


def create_dali_tensorflow(path: str, out: str) -> tuple[Call, Check]:
    import tensorflow  # noqa: F401

    # The script takes TensorFlow's files if this imports too. It is there for file systems that
    # TensorFlow lacks, and its wheels don't fit a TensorFlow of today.
    sys.modules["tensorflow_io"] = types.ModuleType("tensorflow_io")
    return _dali_script(path, out), _no_answer


def _dali_script(path: str, out: str) -> Call:
    script = os.path.join(os.path.dirname(sys.executable), "tfrecord2idx")
    sys.argv = [script, path, out]
    return lambda: runpy.run_path(script, run_name="__main__")


def read_ours(path: str) -> tuple[Call, Check]:
    import tfr_index

    return lambda: tfr_index.read_index(path), _digest_of_pairs


def read_shim(path: str) -> tuple[Call, Check]:
    """The s3dlio.py in our wheel; `import s3dlio` would give the real one, which is here too."""
    import tfr_index

    shim = runpy.run_path(str(Path(tfr_index.__file__).parent.with_name("s3dlio.py")))
    return lambda: shim["read_tfrecord_index"](path), _digest_of_pairs


def read_s3dlio(path: str) -> tuple[Call, Check]:
    import s3dlio

    return lambda: s3dlio.read_tfrecord_index(path), _digest_of_pairs


def _digest_of_pairs(entries: list[tuple[int, int]]) -> str:
    return hashlib.sha256(array("Q", chain.from_iterable(entries))).hexdigest()


def payloads_tensorflow(path: str) -> tuple[Call, Check]:
    """Every payload through tf.data, counted in C++: no Python object is made of any.

    In batches, because a call of the counting function costs more than reading a record.
    """
    import numpy as np
    import tensorflow as tf

    @tf.function
    def count(path):
        batches = tf.data.TFRecordDataset(path).batch(64)
        return batches.reduce(np.int64(0), lambda total, batch: total + tf.size(batch, tf.int64))

    count(tf.constant(os.devnull))  # builds the graph: not part of the reading
    return lambda: count(tf.constant(path)), int


def lookup_records(count: int) -> Iterator[int]:
    """The records that a million look-ups at random ask for; lookup.c has the same formula."""
    return (i * 2654435761 % count for i in range(1_000_000))


def items_ours(path: str) -> tuple[Call, Check]:
    import tfr_index

    return _items(tfr_index.read_index(path))


def items_s3dlio(path: str) -> tuple[Call, Check]:
    import s3dlio

    return _items(s3dlio.read_tfrecord_index(path))


def _items(index) -> tuple[Call, Check]:
    records = list(lookup_records(len(index)))
    return lambda: [index[record] for record in records], _sum_of_pairs


def _sum_of_pairs(entries: list[tuple[int, int]]) -> int:
    return sum(chain.from_iterable(entries)) % 2**64


def slice_ours(path: str) -> tuple[Call, Check]:
    import tfr_index

    index = tfr_index.read_index(path)
    return lambda: list(index[:1_000_000]), _digest_of_pairs


def slice_s3dlio(path: str) -> tuple[Call, Check]:
    import s3dlio

    index = s3dlio.read_tfrecord_index(path)
    return lambda: list(index[:1_000_000]), _digest_of_pairs


def numpy_ours(path: str) -> tuple[Call, Check]:
    import numpy as np
    import tfr_index

    index = tfr_index.read_index(path)
    return _gather(np.asarray(index.offsets), np.asarray(index.sizes))


def numpy_plain(path: str) -> tuple[Call, Check]:
    """Arrays that are numpy's own."""
    import numpy as np
    import tfr_index

    index = tfr_index.read_index(path)
    return _gather(np.array(index.offsets), np.array(index.sizes))


def _gather(offsets, sizes) -> tuple[Call, Check]:
    import numpy as np

    records = np.fromiter(lookup_records(len(offsets)), dtype=np.int64)
    return lambda: (offsets[records], sizes[records]), _sum_of_arrays


def _sum_of_arrays(columns) -> int:
    return sum(int(column.sum()) for column in columns) % 2**64


def main(tools: dict[str, Any]) -> None:
    tool, *arguments = sys.argv[1:]
    call, check = tools[tool](*arguments)
    start = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - start
    print()  # after any output of the tool
    print(json.dumps({"seconds": seconds, "answer": check(result)}))


if __name__ == "__main__":
    main(globals())
