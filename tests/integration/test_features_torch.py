"""Features in PyTorch, Grain, JAX, PyArrow and Polars: without a copy, and without TensorFlow."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "loaders")

import gc
import subprocess
import sys
import threading
import warnings
import weakref
from pathlib import Path

import jax
import numpy as np
import polars
import pyarrow
import pytest
import tfr_index
import torch
from absl import flags
from tfr_index import Bytes, Columns, Dataset, Float, Int64, Order, RecordWriter
from torch.utils.data import DataLoader, default_collate

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import grain

flags.FLAGS.mark_as_parsed()  # Grain asks for flags if JAX is installed

COUNT = 300
SPEC = {"label": Int64(), "box": Float(2, 2), "image": Bytes(), "pair": Bytes(2)}
RAGGED = {
    "tokens": Int64(ragged=True),
    "weights": Float(ragged=True),
    "words": Bytes(ragged=True),
}
VALUES = {
    "label": np.arange(COUNT),
    "box": np.arange(COUNT * 4, dtype=np.float32).reshape(COUNT, 2, 2),
    "image": [bytes([number % 255 + 1]) * (number % 40) for number in range(COUNT)],
    "pair": [[b"%d" % number, b"x"] for number in range(COUNT)],
    "tokens": [list(range(number % 5)) for number in range(COUNT)],
    "weights": [np.arange(number % 3, dtype=np.float32) for number in range(COUNT)],
    "words": [["é"] * (number % 3) for number in range(COUNT)],
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("features")
    for shard in range(3):
        with RecordWriter(folder / f"{shard}.tfrecord") as writer:
            part = slice(shard * 100, shard * 100 + 100)
            writer.write_examples({name: column[part] for name, column in VALUES.items()})
    return f"{folder}/*.tfrecord"


@pytest.fixture
def columns(paths) -> Columns:
    return Dataset(paths).read_columns(range(COUNT), SPEC | RAGGED)


# PyTorch


def test_tensors_share_the_memory(columns):
    for name in ("label", "box"):
        array = columns[name]
        for tensor in (
            torch.from_numpy(array),
            torch.from_dlpack(array),
            torch.as_tensor(array),
        ):
            assert tensor.data_ptr() == array.ctypes.data and tensor.shape == array.shape
            assert tensor.tolist() == VALUES[name].tolist()
    tokens = columns["tokens"]
    nested = torch.nested.nested_tensor_from_jagged(
        torch.from_numpy(tokens.values), torch.from_numpy(tokens.offsets)
    )
    assert [one.tolist() for one in nested.unbind()] == VALUES["tokens"]
    image = torch.frombuffer(bytearray(columns["image"][7]), dtype=torch.uint8)
    assert image.tolist() == list(VALUES["image"][7])


def test_default_collate_takes_the_items(paths):
    dataset = Dataset(paths, features=SPEC)
    batch = default_collate([dataset[3], dataset[5]])
    assert batch["label"].tolist() == [3, 5] and batch["label"].dtype == torch.int64
    assert batch["box"].tolist() == VALUES["box"][[3, 5]].tolist()
    assert batch["box"].dtype == torch.float32
    assert batch["image"] == [VALUES["image"][3], VALUES["image"][5]]
    assert batch["pair"] == [
        (b"3", b"5"),
        (b"x", b"x"),
    ]  # transposed, as it does with lists


@pytest.mark.parametrize("workers", [None, "fork", "spawn"])
def test_a_data_loader_of_dicts(paths, workers, monkeypatch):
    sizes = []
    getitems = Dataset.__getitems__

    def count(self, records):
        sizes.append(len(records))
        return getitems(self, records)

    monkeypatch.setattr(Dataset, "__getitems__", count)
    options = {} if workers is None else {"num_workers": 2, "multiprocessing_context": workers}
    generator = torch.Generator().manual_seed(1)
    dataset = Dataset(paths, features=SPEC)
    seen = []
    for batch in DataLoader(dataset, 64, shuffle=True, generator=generator, **options):
        numbers = batch["label"].tolist()
        assert batch["box"].tolist() == VALUES["box"][numbers].tolist()
        assert batch["image"] == [VALUES["image"][number] for number in numbers]
        seen += numbers
    assert sorted(seen) == list(range(COUNT)) != seen
    if workers is None:  # a batch is one call
        assert sizes == [64, 64, 64, 64, 44]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader_of_columns(paths, workers):
    """Each item is a batch: workers pickle columns."""
    loader = DataLoader(_Batches(paths), None, num_workers=workers)
    found = [(batch["label"].tolist(), batch["image"].to_list()) for batch in loader]
    assert sorted(label for labels, _ in found for label in labels) == list(range(COUNT))
    assert all(images == [VALUES["image"][n] for n in labels] for labels, images in found)


class _Batches(torch.utils.data.IterableDataset):
    def __init__(self, paths: str) -> None:
        self.dataset = Dataset(paths)

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        step, start = (1, 0) if worker is None else (worker.num_workers, worker.id)
        return iter(self.dataset[start::step].batches(32, features=SPEC))


def test_an_error_of_a_worker_names_the_feature(paths):
    loader = DataLoader(Dataset(paths, features={"lable": Int64()}), 32, num_workers=1)
    with pytest.raises(tfr_index.TfrFeatureError) as caught:
        next(iter(loader))
    assert (caught.value.feature, caught.value.record) == ("lable", 0)
    assert 'feature "lable"' in str(caught.value)


TRAINING = """
import sys
import numpy as np
import tfr_index
import torch
from absl import flags
from tfr_index import Bytes, Int64

# Images of 8 x 8 bytes: class 0 is bright on the left, class 1 on the right.
rng = np.random.default_rng(7)
labels = rng.integers(0, 2, 512)
images = rng.integers(0, 100, (512, 8, 8), np.uint8)
for image, label in zip(images, labels):
    image[:, 4 * label : 4 * label + 4] += 100
with tfr_index.RecordWriter(sys.argv[1]) as writer:
    writer.write_examples({"image": [image.tobytes() for image in images], "label": labels})

features = {"image": Bytes(), "label": Int64()}
dataset = tfr_index.Dataset(sys.argv[1])
model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    order = tfr_index.Order(len(dataset), seed=7, epoch=epoch)
    for batch in dataset.batches(32, order, features=features):
        pixels = np.stack([np.frombuffer(image, np.uint8) for image in batch["image"]])
        inputs = torch.from_numpy(pixels.astype(np.float32) / 255 - 0.5).reshape(-1, 8, 8)
        loss = torch.nn.functional.cross_entropy(model(inputs), torch.from_numpy(batch["label"]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
pixels = torch.from_numpy(images.astype(np.float32) / 255 - 0.5)
right = (model(pixels).argmax(1) == torch.from_numpy(labels)).float().mean().item()
assert not {"tensorflow", "google"} & {name.split(".")[0] for name in sys.modules}
print(right)
"""


def test_a_model_learns_from_images_without_tensorflow(tmp_path: Path):
    command = [
        sys.executable,
        "-W",
        "error",
        "-c",
        TRAINING,
        tmp_path / "train.tfrecord",
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert float(done.stdout) > 0.9


# Grain


def test_grain(paths):
    dataset = Dataset(paths, features=SPEC)
    assert isinstance(dataset, grain.sources.RandomAccessDataSource)
    batches = grain.MapDataset.source(dataset).shuffle(seed=1).batch(50)
    seen = []
    for batch in batches:
        numbers = batch["label"].tolist()
        assert batch["box"].tolist() == VALUES["box"][numbers].tolist()
        assert batch["image"].tolist() == [VALUES["image"][number] for number in numbers]
        seen += numbers
    assert sorted(seen) == list(range(COUNT)) != seen


def test_grains_workers(paths):
    sampler = grain.samplers.IndexSampler(COUNT, grain.sharding.NoSharding(), True, 1, seed=3)
    source = Dataset(paths, features=SPEC)
    loader = grain.DataLoader(data_source=source, sampler=sampler, worker_count=2)
    found = list(loader)
    assert sorted(int(one["label"]) for one in found) == list(range(COUNT))
    assert all(one["image"] == VALUES["image"][int(one["label"])] for one in found)


# JAX


def test_jax_takes_arrays(columns):
    box = jax.numpy.from_dlpack(columns["box"])
    assert box.dtype == jax.numpy.float32 and (box == VALUES["box"]).all()
    label = jax.numpy.asarray(columns["label"])  # int64 becomes int32, as always in JAX
    assert label.tolist() == VALUES["label"].tolist()
    tokens = columns["tokens"]
    sizes = jax.numpy.diff(tokens.offsets)
    rows = jax.numpy.repeat(jax.numpy.arange(COUNT), sizes, total_repeat_length=len(tokens.values))
    sums = jax.ops.segment_sum(jax.numpy.asarray(tokens.values), rows, COUNT)
    assert sums.tolist() == [sum(record) for record in VALUES["tokens"]]


def test_jax_trains_on_batches(tmp_path):
    chance = np.random.default_rng(1)
    x = chance.normal(size=(512, 8)).astype(np.float32)
    right = np.arange(8, dtype=np.float32)
    with RecordWriter(tmp_path / "x.tfrecord") as writer:
        writer.write_examples({"x": x, "y": x @ right})

    @jax.jit
    def step(weights: jax.Array, batch: dict[str, jax.Array]) -> jax.Array:
        def loss(weights: jax.Array) -> jax.Array:
            return jax.numpy.mean((batch["x"] @ weights - batch["y"]) ** 2)

        return weights - 0.1 * jax.grad(loss)(weights)

    weights = jax.numpy.zeros(8)
    dataset = Dataset(tmp_path / "x.tfrecord")
    for epoch in range(20):
        order = Order(len(dataset), seed=1, epoch=epoch)
        for batch in dataset.batches(64, order, features={"x": Float(8), "y": Float()}):
            weights = step(weights, dict(batch))
    assert np.allclose(weights, right, atol=1e-3)


# Arrow


def lists(values: object) -> list[object]:
    return values.tolist() if isinstance(values, np.ndarray) else values


def test_pyarrow_takes_columns(columns):
    batch = pyarrow.record_batch(columns)
    assert batch.schema.names == list(columns) and batch.num_rows == COUNT
    batch.validate(full=True)
    assert [str(kind) for kind in batch.schema.types] == [
        "int64",
        "fixed_size_list<item: fixed_size_list<item: float>[2]>[2]",
        "large_binary",
        "fixed_size_list<item: large_binary>[2]",
        "large_list<item: int64>",
        "large_list<item: float>",
        "large_list<item: large_binary>",
    ]
    for name, column in columns.items():
        assert batch[name].to_pylist() == lists(
            column if name in ("label", "box") else column.to_list()
        )
    assert pyarrow.table(batch).num_rows == COUNT
    for part in (slice(0, 0), slice(3, 20)):
        for name in ("tokens", "words", "image", "pair"):
            array = pyarrow.array(columns[name][part])
            array.validate(full=True)
            assert array.to_pylist() == columns[name][part].to_list()
            assert (
                pyarrow.DataType._import_from_c_capsule(columns[name].__arrow_c_schema__())
                == array.type
            )


def test_arrow_numbers_are_not_copied(columns):
    batch = pyarrow.record_batch(columns)
    assert batch["label"].buffers()[1].address == columns["label"].ctypes.data
    assert batch["box"].flatten().flatten().buffers()[1].address == columns["box"].ctypes.data
    tokens = pyarrow.array(columns["tokens"])
    assert tokens.values.buffers()[1].address == columns["tokens"].values.ctypes.data
    assert tokens.buffers()[1].address == columns["tokens"].offsets.ctypes.data


def test_arrow_arrays_keep_the_memory_and_free_it(paths):
    columns = Dataset(paths).read_columns(range(COUNT), SPEC | RAGGED)
    batch = weakref.ref(columns._native.owner)
    arrow = pyarrow.record_batch(columns)
    capsules = [
        columns.__arrow_c_array__(),
        columns.__arrow_c_schema__(),
    ]  # that nobody takes
    tokens = arrow["tokens"].values
    del columns, arrow
    gc.collect()
    assert batch() is not None
    assert tokens.to_pylist() == [one for row in VALUES["tokens"] for one in row]
    del capsules
    thread = threading.Thread(target=lambda held: held.clear(), args=([tokens],))
    del tokens
    thread.start()
    thread.join()
    del thread
    gc.collect()
    assert batch() is None


def test_arrow_arrays_end_while_an_exception_is_on_its_way(columns):
    for _ in range(3):
        with pytest.raises(KeyError):
            pyarrow.record_batch(columns).column("missing")
        with pytest.raises(AttributeError):
            _ = pyarrow.array(columns["words"]).missing
        with pytest.raises(polars.exceptions.ColumnNotFoundError):
            polars.DataFrame(columns).get_column("missing")
        with pytest.raises(AttributeError):
            _ = columns.__arrow_c_array__().missing


def test_arrow_takes_any_numbers(columns):
    for dtype in ("int8", "uint64", "float64", ">i4", ">f8"):
        values = np.arange(5).astype(dtype)
        ragged = tfr_index.Ragged(values[::-1], np.array([1, 3, 3, 4], np.uint8))
        assert pyarrow.array(ragged).to_pylist() == [[3, 2], [], [1]]
    with pytest.raises(tfr_index.TfrValueError, match="an array of type complex128 cannot become"):
        pyarrow.array(tfr_index.Ragged(np.ones(2, complex), [0, 2]))


@pytest.mark.parametrize("array", [pyarrow.array, polars.Series])
def test_missing_values_are_not_written_as_nan(tmp_path, array):
    with tfr_index.RecordWriter(tmp_path / "x") as writer:
        with pytest.raises(tfr_index.TfrValueError, match='feature "k": has missing values'):
            writer.write_examples({"k": array([1, None])})
        with pytest.raises(tfr_index.TfrValueError, match='feature "k": has missing values'):
            writer.write_examples({"k": [array([1, None]), array([3])]})
        writer.write_examples({"k": array([1, 2])})
    assert tfr_index.infer_features(tmp_path / "x") == {"k": tfr_index.Int64()}


def test_arrow_arrays_may_outlive_the_interpreters_modules(paths):
    program = f"""
import sys, tfr_index, pyarrow, polars

dataset = tfr_index.Dataset({paths!r})
columns = dataset.read_columns(range(9), tfr_index.infer_features(dataset.paths))
kept = [pyarrow.record_batch(columns), polars.DataFrame(columns), columns.__arrow_c_array__()]
kept.append(kept)  # a cycle, which Python ends late
sys.modules["kept"] = kept
"""
    subprocess.run([sys.executable, "-X", "dev", "-c", program], check=True)


def test_polars_takes_columns(columns):
    frame = polars.DataFrame(columns)
    assert frame.columns == list(columns) and frame.height == COUNT
    for name, column in columns.items():
        values = lists(column if name in ("label", "box") else column.to_list())
        assert frame[name].to_list() == values
        if name not in ("label", "box"):
            assert polars.Series(column).to_list() == values
    assert polars.from_arrow(pyarrow.record_batch(columns)).equals(frame)


def test_names_that_arrow_has_not(tmp_path: Path):
    for name in (b"\xff", "a\0b"):
        with RecordWriter(tmp_path / "x") as writer:
            writer.write_examples({name: [1]})
        columns = Dataset(tmp_path / "x").read_columns([0], {name: Int64()})
        with pytest.raises(
            tfr_index.TfrValueError, match="Arrow needs names in UTF-8, without NUL"
        ):
            pyarrow.record_batch(columns)


@pytest.mark.parametrize("wanted", [SPEC, SPEC | RAGGED])
def test_the_code_that_a_report_shows_runs(tmp_path, wanted):
    path = tmp_path / "train.tfrecord"
    with RecordWriter(path) as writer:
        writer.write_examples({name: VALUES[name] for name in wanted})
    code = tfr_index.report(path).to_dict()["snippets"]["pytorch"]
    code = code.replace("        ...\n", "        seen.append(batch)\n")
    scope = {"seen": []}
    exec(code.replace("num_workers=4", "num_workers=0"), scope)
    rows = [row for batch in scope["seen"] for row in (batch if "tokens" in wanted else [batch])]
    labels = np.concatenate([np.atleast_1d(row["label"]) for row in rows])
    assert len(labels) == 3 * COUNT and not np.array_equal(labels[:COUNT], np.arange(COUNT))
    for epoch in range(3):
        assert sorted(labels[epoch * COUNT : (epoch + 1) * COUNT]) == [*range(COUNT)]
