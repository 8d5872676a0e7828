"""Writes examples.tfrecord beside this file with TensorFlow; the same bytes on every run.

    $(python3 tests/environment.py clients) tests/data/make_examples.py

100 `tf.train.Example`s: `id` (int64), `label` (bytes), `scores` (0 to 4 floats) and `image`
(0 to 1500 bytes).
"""

import os
import random
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import tensorflow as tf

EXAMPLES = Path(__file__).with_name("examples.tfrecord")
COUNT = 100
LABELS = (b"cat", b"dog", b"horse", b"platypus")


def example(number: int, chance: random.Random) -> tf.train.Example:
    image = b"" if number == 0 else chance.randbytes(chance.randint(0, 1500))
    features = {
        "id": tf.train.Feature(int64_list=tf.train.Int64List(value=[number])),
        "label": tf.train.Feature(bytes_list=tf.train.BytesList(value=[chance.choice(LABELS)])),
        "scores": tf.train.Feature(
            float_list=tf.train.FloatList(value=[chance.random() for _ in range(number % 5)])
        ),
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
    }
    return tf.train.Example(features=tf.train.Features(feature=features))


def write(path: Path) -> None:
    chance = random.Random(2026)
    with tf.io.TFRecordWriter(os.fspath(path)) as writer:
        for number in range(COUNT):
            writer.write(example(number, chance).SerializeToString(deterministic=True))


if __name__ == "__main__":
    write(EXAMPLES)
    print(f"{EXAMPLES}: {COUNT} records, {EXAMPLES.stat().st_size} bytes")
