"""The quick reference's examples as written: random access, shuffled epochs, a shard per GPU."""

if __name__ == "__main__":
    import environment

    environment.run_as_script(__file__, "quick")

import random
import shutil

import pytest
import s3dlio
from tfrecords import payload_of, payloads, walk

QUICK_START = """
import s3dlio

# Create index (auto-generates .idx file)
num_records = s3dlio.create_tfrecord_index("train.tfrecord")

# Read index for random access
index = s3dlio.read_tfrecord_index("train.tfrecord.idx")
offset, size = index[42]  # Access record 42
"""

RANDOM_ACCESS = """
import s3dlio

# Generate and load index
s3dlio.create_tfrecord_index("data.tfrecord")
index = s3dlio.read_tfrecord_index("data.tfrecord.idx")

# Read any record directly
offset, size = index[42]
with open("data.tfrecord", "rb") as f:
    f.seek(offset)
    record_bytes = f.read(size)
"""

SHUFFLED_TRAINING = """
import random
import s3dlio

index = s3dlio.read_tfrecord_index("train.tfrecord.idx")

# Different shuffle each epoch
for epoch in range(10):
    indices = list(range(len(index)))
    random.shuffle(indices)

    for idx in indices:
        offset, size = index[idx]
        # Read record at offset...
"""

DISTRIBUTED_TRAINING = """
import s3dlio

index = s3dlio.read_tfrecord_index("train.tfrecord.idx")

# Shard across N GPUs
gpu_id = 0
num_gpus = 4
gpu_indices = list(range(gpu_id, len(index), num_gpus))

for idx in gpu_indices:
    offset, size = index[idx]
    # Read this GPU's records...
"""


@pytest.fixture
def data(examples, monkeypatch) -> bytes:
    """The bytes of train.tfrecord and data.tfrecord in the current directory."""
    monkeypatch.chdir(examples.parent)
    shutil.copy(examples, "data.tfrecord")
    return examples.read_bytes()


def run(block: str) -> dict:
    namespace: dict = {}
    exec(compile(block, "quick reference", "exec"), namespace)
    return namespace


def read(file, offset: int, size: int) -> bytes:
    """The payload of the record in this frame."""
    file.seek(offset)
    return payload_of(file.read(size))


def test_quick_start(data):
    done = run(QUICK_START)
    assert done["num_records"] == len(walk(data)) == 100
    assert done["index"] == walk(data)
    assert (done["offset"], done["size"]) == walk(data)[42]


def test_random_access(data):
    done = run(RANDOM_ACCESS)
    assert payload_of(done["record_bytes"]) == payloads(data)[42]


def test_random_access_to_every_record(data):
    s3dlio.create_tfrecord_index("data.tfrecord")
    index = s3dlio.read_tfrecord_index("data.tfrecord.idx")
    expected = payloads(data)
    order = random.Random(5).sample(range(len(index)), len(index))
    with open("data.tfrecord", "rb") as file:
        assert [read(file, *index[record]) for record in order] == [expected[i] for i in order]


def test_shuffled_training(data):
    s3dlio.create_tfrecord_index("train.tfrecord")
    done = run(SHUFFLED_TRAINING)
    assert done["epoch"] == 9
    assert sorted(done["indices"]) == list(range(100))
    assert (done["offset"], done["size"]) == walk(data)[done["idx"]]


def test_shuffled_epochs_read_every_record_once(data):
    s3dlio.create_tfrecord_index("train.tfrecord")
    index = s3dlio.read_tfrecord_index("train.tfrecord.idx")
    chance = random.Random(6)
    orders = set()
    with open("train.tfrecord", "rb") as file:
        for _ in range(3):
            indices = list(range(len(index)))
            chance.shuffle(indices)
            assert sorted(read(file, *index[idx]) for idx in indices) == sorted(payloads(data))
            orders.add(tuple(indices))
    assert len(orders) == 3


def test_distributed_training(data):
    s3dlio.create_tfrecord_index("train.tfrecord")
    done = run(DISTRIBUTED_TRAINING)
    assert done["gpu_indices"] == list(range(0, 100, 4))
    assert (done["offset"], done["size"]) == walk(data)[96]


@pytest.mark.parametrize("num_gpus", [1, 2, 3, 7, 100, 128])
def test_gpus_share_the_records_out(data, num_gpus):
    s3dlio.create_tfrecord_index("train.tfrecord")
    index = s3dlio.read_tfrecord_index("train.tfrecord.idx")
    seen = []
    with open("train.tfrecord", "rb") as file:
        for gpu_id in range(num_gpus):
            seen += [read(file, *index[idx]) for idx in range(gpu_id, len(index), num_gpus)]
    assert sorted(seen) == sorted(payloads(data))
