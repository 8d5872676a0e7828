"""Indexes a TFRecord file that TensorFlow wrote, and reads random records by the index.

pip install ./bindings/python && python examples/quickstart.py [TFRECORD]
"""

import random
import sys
import tempfile
from pathlib import Path

import tfr_index

HERE = Path(__file__).resolve().parent
tfrecord_path = sys.argv[1] if len(sys.argv) > 1 else HERE / "../tests/data/examples.tfrecord"
tfrecord_path = Path(tfrecord_path).resolve()

with tempfile.TemporaryDirectory() as directory:
    index_path = Path(directory, "train.tfrecord.idx")
    count = tfr_index.create_index(tfrecord_path, index_path)
    print(f"{tfrecord_path.name}: {tfrecord_path.stat().st_size} bytes, {count} records indexed")
    print("the index begins with", index_path.read_text().splitlines()[:3])

    with tfr_index.Reader(tfrecord_path, index_path) as reader:
        for record in random.sample(range(len(reader)), min(len(reader), 5)):
            payload = reader[record]
            print(f"record {record}: {len(payload)} bytes of payload: {payload[:8]}…")
