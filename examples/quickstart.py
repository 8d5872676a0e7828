"""Indexes a TFRecord file that TensorFlow wrote, and reads records at random through the index.

pip install ./bindings/python && python examples/quickstart.py [TFRECORD]
"""

import random
import sys
import tempfile
from pathlib import Path

import s3dlio  # tfr-index's stand-in for it: the same calls

HERE = Path(__file__).resolve().parent
tfrecord_path = sys.argv[1] if len(sys.argv) > 1 else HERE / "../tests/data/examples.tfrecord"
tfrecord_path = Path(tfrecord_path).resolve()

with tempfile.TemporaryDirectory() as folder:
    index_path = str(Path(folder) / "train.tfrecord.idx")
    count = s3dlio.create_tfrecord_index(str(tfrecord_path), index_path)
    print(f"{tfrecord_path.name}: {tfrecord_path.stat().st_size} bytes, {count} records indexed")
    with open(index_path) as lines:
        print("the index begins with", [next(lines).rstrip() for _ in range(min(count, 3))])
    index = s3dlio.read_tfrecord_index(index_path)

with open(tfrecord_path, "rb") as data:
    for record in random.sample(range(count), min(count, 5)):
        offset, size = index[record]
        data.seek(offset)
        frame = data.read(size)
        length = int.from_bytes(frame[:8], "little")
        assert length == size - 16, "the frame's own length agrees with the index"
        payload = frame[12:-4]
        print(f"record {record}: {length} bytes of payload from byte {offset + 12}: {payload[:8]}…")
