"""Writes tf.train.Example records, and reads their features as columns. Needs numpy alone.

The examples in C, C++ and Rust read the file, too.

python3 -m venv target/venv
target/venv/bin/pip install ./bindings/python numpy
target/venv/bin/python examples/features.py target/features.tfrecord
"""

import argparse
import sys

import tfr_index
from tfr_index import Bytes, Float, Int64

parser = argparse.ArgumentParser()
parser.add_argument("file")
arguments = parser.parse_args()

# The values of three records: a number, two numbers, and any number of words.
columns = {
    "label": [7, 8, 9],
    "box": [[0.5, 1.5], [2.5, 3.5], [4.5, 5.5]],
    "words": [["a"], [], ["few", "words"]],
}
wanted = {
    "label": Int64(),
    "box": Float(2),
    "words": Bytes(ragged=True),
    "weight": Float(default=1.0),  # which the records lack
}

try:
    with tfr_index.RecordWriter(arguments.file) as writer:
        writer.write_examples(columns)
    dataset = tfr_index.Dataset(arguments.file)
    batch = dataset.read_columns([2, 0], wanted)
    for place, record in enumerate(batch.records):
        words = [bytes(word).decode() for word in batch["words"][place]]
        left, right = batch["box"][place]
        label, weight = batch["label"][place], batch["weight"][place]
        print(f"record {record}: label {label}, weight {weight:.1f}")
        print(f"box {left:.1f} {right:.1f}, {len(words)} words:", *words)
    print("sum of the labels:", batch["label"].sum())
    dataset.read_columns([0], {"size": Int64()})
except tfr_index.TfrFeatureError as error:
    print(f"record {error.record} lacks feature {error.feature}")
except tfr_index.TfrError as error:
    sys.exit(str(error))
