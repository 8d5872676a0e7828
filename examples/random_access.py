"""Prints the number of records in a TFRecord file, and the size and first bytes of some.

python3 -m venv target/venv
target/venv/bin/pip install ./bindings/python
target/venv/bin/python examples/random_access.py tests/data/examples.tfrecord 42 7
"""

import argparse
import sys

import tfr_index

parser = argparse.ArgumentParser()
parser.add_argument("file")
parser.add_argument("records", type=int, nargs="*")
arguments = parser.parse_args()

try:
    reader = tfr_index.Reader(arguments.file)
    print(len(reader), "records")
    for record in arguments.records:
        payload = reader[record]
        print(f"record {record}: {len(payload)} bytes {payload[:8].hex()}")
except tfr_index.TfrError as error:
    sys.exit(str(error))
except IndexError:
    message = f"record {record}: out of range, the index has {len(reader)} records"
    sys.exit(f"{arguments.file}: {message}")
