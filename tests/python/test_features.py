"""Features of `tf.train.Example` records: specifications, columns, rows, and what is written."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import copy
import gc
import math
import os
import pickle
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
import tfr_index
from hypothesis import given
from hypothesis import strategies as st
from tfexamples import bytes_list, example, float_list, int64_list, sequence_example
from tfr_index import (
    Bytes,
    BytesColumn,
    Columns,
    Dataset,
    Float,
    Int64,
    Ragged,
    Reader,
    RecordWriter,
    TfrExampleError,
    TfrFeatureError,
    TfrValueError,
)
from tfrecords import tfrecord

INVALID = "TFR_ERR_INVALID_ARGUMENT"
SPEC = {
    "label": Int64(default=-1),
    "box": Float(2, 2),
    "tokens": Int64(ragged=True),
    "weights": Float(ragged=True),
    "image": Bytes(),
    "pair": Bytes(2, default=["x", "yz"]),
    "words": Bytes(ragged=True),
}


def row(number: int) -> dict[str, object]:
    """What record `number` has. Some features are missing in some records."""
    found = {
        "box": np.arange(4, dtype=np.float32).reshape(2, 2) + number,
        "tokens": np.arange(number % 4) - number,
        "weights": np.full(number % 3, number / 2, np.float32),
        "image": bytes([number]) * (number * 37 % 50),
        "words": [b"w%d" % word for word in range(number % 3)],
    }
    found["label"] = number if number % 5 else -1
    found["pair"] = [b"a%d" % number, b""] if number % 4 else [b"x", b"yz"]
    return found


def payload(number: int) -> bytes:
    one = row(number)
    features = {
        "box": float_list(*one["box"].ravel()),
        "image": bytes_list(one["image"]),
        "not wanted": bytes_list(b"x" * 100),
    }
    if number % 5:
        features["label"] = int64_list(one["label"])
    if number % 4:
        features["pair"] = bytes_list(*one["pair"])
        features["tokens"] = int64_list(*one["tokens"])
    if number % 3:
        features["weights"] = float_list(*one["weights"])
        features["words"] = bytes_list(*one["words"])
    return example(features)


COUNT = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("features")
    for shard, records in enumerate([range(25), range(25, 26), range(26, COUNT)]):
        folder.joinpath(f"x-{shard}.tfrecord").write_bytes(tfrecord(map(payload, records)))
    return folder


@pytest.fixture
def dataset(folder) -> Dataset:
    return Dataset(f"{folder}/x-*")


def assert_rows(columns: Columns, records: list[int]) -> None:
    """The columns have exactly the values of these records."""
    rows = list(map(row, records))
    assert list(columns) == list(SPEC) and columns.num_records == len(records)
    assert columns.records.tolist() == records
    label, box = columns["label"], columns["box"]
    assert label.dtype == np.int64 and label.tolist() == [one["label"] for one in rows]
    assert box.dtype == np.float32 and box.shape == (len(records), 2, 2)
    assert all((mine == one["box"]).all() for mine, one in zip(box, rows, strict=True))
    tokens, weights = columns["tokens"], columns["weights"]
    assert tokens.values.dtype == np.int64 and weights.values.dtype == np.float32
    assert tokens.to_list() == [one["tokens"].tolist() for one in rows]
    assert weights.to_list() == [one["weights"].tolist() for one in rows]
    assert columns["image"].to_list() == [one["image"] for one in rows]
    assert columns["pair"].to_list() == [one["pair"] for one in rows]
    assert columns["words"].to_list() == [one["words"] for one in rows]


def assert_row(found: dict[str, object], number: int) -> None:
    """The item of a data set with features is this record."""
    expected = row(number)
    assert list(found) == list(SPEC)
    for name, value in found.items():
        assert np.array_equal(value, expected[name]), (name, value)
    assert type(found["label"]) is np.int64 and type(found["image"]) is bytes
    assert type(found["box"]) is np.ndarray and type(found["tokens"]) is np.ndarray


# Specifications


@pytest.mark.parametrize(
    "feature",
    [
        Bytes(),
        Bytes(3),
        Bytes(default=b"\xff"),
        Bytes(2, default=("a", b"b")),
        Float(ragged=True),
        Float(2, 2, default=[[1, 2], [3, 4]]),
        Float(default=math.nan),
        Float(1, default=-math.inf),
        Int64(0),
        Int64(np.int64(3), default=np.arange(3)),
        Int64(default=-(2**63)),
        Float(4, sequence=True),
        Bytes(ragged=True, sequence=True, allow_missing=True),
    ],
    ids=repr,
)
def test_a_feature_is_its_repr(feature):
    names = {"Bytes": Bytes, "Float": Float, "Int64": Int64}
    for same in (eval(repr(feature), names), copy.deepcopy(feature)):
        assert same == feature and hash(same) == hash(feature) and repr(same) == repr(feature)
    assert pickle.loads(pickle.dumps(feature)) == feature
    assert feature != Int64(77) and feature != repr(feature)
    with pytest.raises(AttributeError, match="cannot be changed"):
        feature.shape = ()
    with pytest.raises(AttributeError, match="cannot be changed"):
        del feature.shape


def test_what_features_keep():
    feature = Int64(np.int64(3), default=np.arange(3))
    assert (feature.shape, feature.default, feature.ragged) == ((3,), (0, 1, 2), False)
    assert Bytes(default="é").default == "é".encode()
    assert Float(2, default=1).default == 1.0
    assert Float(default=[0.5]).default == 0.5
    assert Int64() != Float() and Int64(1) != Int64()


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (
            lambda: Int64(-1),
            TfrValueError,
            "Int64: a size of the shape must be between 0 and",
        ),
        (
            lambda: Int64(1.5),
            TypeError,
            "Int64: a size of the shape must be an integer, not float",
        ),
        (lambda: Int64(3, ragged=True), TfrValueError, "a ragged feature has no shape"),
        (lambda: Int64(*[1] * 31), TfrValueError, "at most 30 dimensions, not 31: numpy"),
        (
            lambda: Int64(default=1, ragged=True),
            TfrValueError,
            "a ragged feature has no default",
        ),
        (
            lambda: Int64(default=2**63),
            TfrValueError,
            "Int64: a default must be between",
        ),
        (
            lambda: Int64(default=0.5),
            TypeError,
            "Int64: a default must be an integer, not float",
        ),
        (
            lambda: Int64(3, default=[1, 2]),
            TfrValueError,
            "has 2 values, but must be one value or 3",
        ),
        (
            lambda: Int64(default=[]),
            TfrValueError,
            "has 0 values, but must be one value or 1",
        ),
        (
            lambda: Float(default="1"),
            TypeError,
            "Float: a default must be a number, not str",
        ),
        (lambda: Float(default=1e39), TfrValueError, "too large for 32 bits"),
        (
            lambda: Bytes(default=1),
            TypeError,
            "Bytes: a default must be bytes or str, not int",
        ),
        (lambda: Bytes(default="\ud800"), TfrValueError, "is not UTF-8: pass bytes"),
        (
            lambda: Int64(2, default={1: 2, 3: 4}),
            TypeError,
            "Int64: a default must be an integer, not dict",
        ),
    ],
)
def test_features_that_contradict_themselves(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


@pytest.mark.parametrize(
    ("spec", "kind", "message"),
    [
        (
            [("label", Int64())],
            TypeError,
            "features must be a dict by name, .* not list",
        ),
        (
            {"label": Int64},
            TypeError,
            r"feature 'label': must be tfr_index.Bytes\(\), Float\(\)",
        ),
        ({"label": "int64"}, TypeError, "feature 'label': must be"),
        ({3: Int64()}, TypeError, "a feature's name must be str, or bytes, not int"),
        ({"\udcff": Int64()}, TfrValueError, "is not UTF-8: pass bytes"),
        ({"k": Int64(), b"k": Int64()}, TfrValueError, 'feature "k": .*listed twice'),
        (
            {"k": Int64(2**33, 2**33)},
            TfrValueError,
            'feature "k": the shape is too large',
        ),
    ],
)
def test_bad_specifications(dataset, spec, kind, message):
    reader = Reader(dataset.paths[0])
    for use in (
        lambda: dataset.read_columns([0], spec),
        lambda: dataset.batches(3, features=spec),
        lambda: Dataset(dataset.paths, features=spec),
        lambda: reader.read_columns([0], spec),
    ):
        with pytest.raises(kind, match=message) as caught:
            use()
        if isinstance(caught.value, tfr_index.TfrError) and "k" in spec:
            assert caught.value.feature == "k"


# Columns


@given(st.lists(st.integers(0, COUNT - 1), max_size=30))
def test_columns_are_those_of_the_records(folder, records):
    assert_rows(Dataset(f"{folder}/x-*").read_columns(records, SPEC), records)
    first = [record for record in records if record < 25]
    reader = Reader(folder / "x-0.tfrecord")
    assert_rows(reader.read_columns(np.array(first, np.int32), SPEC), first)


def test_records_are_integers_in_one_dimension(folder):
    reader, dataset = Reader(folder / "x-0.tfrecord"), Dataset(f"{folder}/x-*")
    for bad in ([[0], [1, 0]], [[0], [1]], np.zeros((1, 1), int), [0.0], [slice(1)], [None], "0"):
        for of in (reader, dataset):
            with pytest.raises(
                TypeError, match=r"^a record number must be an integer, not \w+: read"
            ):
                of.read_columns(bad, SPEC)
            with pytest.raises(
                TypeError, match=r"^a record number must be an integer, not \w+: read"
            ):
                of.read_many(bad)
    for mask in ([True, False], (True, False), np.array([True, False])):
        for of in (reader, dataset):
            with pytest.raises(TypeError, match="must be numbers, not a mask"):
                of.read_columns(mask, SPEC)
            with pytest.raises(TypeError, match="must be numbers, not a mask"):
                of.read_many(mask)


@pytest.mark.parametrize("part", [slice(None), slice(7, 50, 3), slice(None, None, -1), slice(3, 3)])
def test_columns_of_slices(dataset, folder, part):
    """Their `records` are the numbers in the slice."""
    for source in (dataset, Reader(folder / "x-2.tfrecord")):
        first = 0 if source is dataset else 26
        numbers = range(first, COUNT)[part]
        count = len(source[part])
        columns = source[part].read_columns(range(count), {"label": Int64(default=-1)})
        assert columns.records.tolist() == list(range(count))
        assert columns["label"].tolist() == [row(number)["label"] for number in numbers]
        if count:
            assert source[part].read_columns([-1, 0], {}).records.tolist() == [
                count - 1,
                0,
            ]
            assert source[part].read_columns(iter([0]), {}).num_records == 1
        for bad in (count, -count - 1, 2**70):
            with pytest.raises(IndexError, match=f"^record {bad} is not in"):
                source[part].read_columns([0] * (count > 0) + [bad], {})
    with pytest.raises(TypeError, match="not a mask"):
        dataset.read_columns(np.ones(COUNT, bool), {})
    with pytest.raises(TypeError, match="must be an integer"):
        dataset.read_columns([0.5], {})


def test_batches_of_columns(dataset):
    order = tfr_index.Order(COUNT, seed=7)
    for prefetch in (0, 2):
        batches = dataset.batches(16, order, features=SPEC, prefetch=prefetch)
        found = []
        for batch in batches:
            assert_rows(batch, batches.records)
            found += batches.records
        assert found == order[:]
    assert [len(batch["label"]) for batch in dataset[::2].batches(16, features=SPEC)] == [16, 14]
    assert next(dataset[::2].batches(4, features=SPEC)).records.tolist() == [0, 1, 2, 3]


def test_arrays_are_writable_and_share_the_memory_of_their_batch(dataset):
    columns = dataset.read_columns(range(COUNT), SPEC)
    for name in ("label", "box"):
        assert columns[name].flags.writeable and not columns[name].flags.owndata
        assert columns[name] is columns[name]
    columns["label"][3] = 77
    assert columns["label"][3] == 77
    again = dataset.read_columns(range(COUNT), SPEC)
    assert again["label"][3] == 3
    view = columns["image"][3]
    assert type(view) is memoryview and view.readonly and view == row(3)["image"]


def test_arrays_keep_their_memory(dataset):
    def kept() -> list[object]:
        columns = dataset.read_columns(range(COUNT), SPEC)
        return [
            columns["label"][1:],
            columns["box"][:, 0],
            columns["tokens"][7],
            columns["tokens"].offsets,
            columns["image"][9],
            columns["pair"][4][1],  # a default
            columns["words"].values[1],
        ]

    found = [kept() for _ in range(20)]
    gc.collect()
    for _ in range(20):
        dataset.read_columns(range(COUNT), SPEC)["label"][:] = 1
    for label, box, tokens, offsets, image, default, word in found:
        assert label.tolist() == [row(number)["label"] for number in range(1, COUNT)]
        assert box[5].tolist() == row(5)["box"][0].tolist()
        assert tokens.tolist() == row(7)["tokens"].tolist()
        assert offsets[-1] == sum(len(row(number)["tokens"]) for number in range(COUNT))
        assert bytes(image) == row(9)["image"]
        assert bytes(default) == b"yz"
        assert bytes(word) == b"w0"


def test_memory_is_freed_with_the_last_array(dataset):
    columns = dataset.read_columns(range(COUNT), SPEC)
    label = columns["label"]
    batch = weakref.ref(columns._native.owner)
    del columns
    gc.collect()
    assert batch() is not None
    del label
    gc.collect()
    assert batch() is None


def test_payloads_in_memory_are_decoded(folder):
    with Reader(folder / "x-0.tfrecord") as reader:
        block, listed = reader.read_buffer(range(25)), list(reader)
    for payloads in (block, listed, iter(listed), [memoryview(one) for one in listed]):
        columns = tfr_index.decode_examples(payloads, SPEC)
        del payloads
        gc.collect()
        assert_rows(columns, list(range(25)))
        assert_rows(pickle.loads(pickle.dumps(columns)), list(range(25)))
    assert tfr_index.decode_examples([], SPEC, threads=1).num_records == 0
    bad = [payload(0), payload(1)[:-1]]
    with pytest.raises(TfrExampleError, match="record 1: the payload is not a") as raised:
        tfr_index.decode_examples(bad, SPEC)
    assert (raised.value.record, raised.value.path) == (1, None)
    with pytest.raises(TfrFeatureError, match=r'^record 0: feature "none": is missing'):
        tfr_index.decode_examples(listed, {"none": Int64()})
    with pytest.raises(TypeError):
        tfr_index.decode_examples(["text"], SPEC)
    with pytest.raises(TypeError, match="bytes objects, not one"):
        tfr_index.decode_examples(payload(0), SPEC)


def test_columns_are_a_mapping(dataset):
    columns = dataset.read_columns([3, 1], SPEC)
    assert len(columns) == 7 and "label" in columns and "other" not in columns
    assert list(columns.keys()) == list(SPEC)
    with pytest.raises(KeyError):
        columns["other"]
    assert columns == columns and columns != dataset.read_columns([3, 1], SPEC)
    assert hash(columns) == hash(columns)
    assert repr(columns).startswith("<tfr_index.Columns of 2 records: 'label', 'box', ")
    assert repr(columns["words"]) == "<tfr_index.Ragged of 2 records, 1 values>"
    assert repr(columns["pair"]) == "<tfr_index.BytesColumn of shape (2, 2), 4 bytes>"
    nothing = dataset.read_columns([], SPEC)
    assert_rows(nothing, [])
    assert nothing["box"].shape == (0, 2, 2) and nothing["pair"].shape == (0, 2)
    assert nothing["tokens"].padded(0).shape == (0, 0)
    assert dataset.read_columns([1, 2], {}).num_records == 2


def test_pickles_have_only_what_is_needed(dataset):
    columns = dataset.read_columns(range(COUNT), SPEC)
    for protocol in (2, pickle.HIGHEST_PROTOCOL):
        assert_rows(pickle.loads(pickle.dumps(columns, protocol)), list(range(COUNT)))
    assert_rows(copy.deepcopy(columns), list(range(COUNT)))
    label = dataset.read_columns(range(COUNT), {"label": Int64(default=-1)})
    assert len(pickle.dumps(label)) < 3000  # the payloads have 100 bytes each
    image = columns["image"]
    assert len(pickle.dumps(image[:2])) < len(pickle.dumps(image)) < 5000
    assert pickle.loads(pickle.dumps(columns["pair"]))[4].to_list() == [b"x", b"yz"]


def test_a_forked_process_reads_columns(dataset):
    columns = dataset.read_columns(range(COUNT), SPEC)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            assert_rows(columns, list(range(COUNT)))
            assert_rows(dataset.read_columns([59, 3], SPEC), [59, 3])
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def test_names_that_are_not_utf_8():
    record = tfrecord([example({b"\xff": int64_list(7), "é": int64_list(8)})])
    columns = Reader(memoryview(record)).read_columns([0], {b"\xff": Int64(), "é": Int64()})
    assert {name: int(column[0]) for name, column in columns.items()} == {
        b"\xff": 7,
        "é": 8,
    }


def test_byte_strings(dataset):
    pair = dataset.read_columns([1, 4, 6], SPEC)["pair"]
    assert len(pair) == 3 and pair.shape == (3, 2)
    assert pair.sizes.tolist() == [[2, 0], [1, 2], [2, 0]]
    assert [one.to_list() for one in pair] == pair.to_list()
    assert [bytes(one) for one in pair[1]] == [b"x", b"yz"]
    assert pair[::-1].to_list() == pair.to_list()[::-1]
    assert bytes(pair[-2][-1]) == b"yz"
    array = np.asarray(pair)
    assert array.dtype == object and array.tolist() == pair.to_list()
    for bad in (3, -4):
        with pytest.raises(IndexError):
            pair[bad]
    for kind in (BytesColumn, Columns):
        with pytest.raises(TypeError, match="read_columns"):
            kind()


# Ragged


RAGGED = [[1, 2, 3], [], [4], [5, 6]]


@pytest.fixture(params=["numbers", "bytes"])
def ragged(request) -> tuple[Ragged, list[list[object]]]:
    if request.param == "numbers":
        return Ragged(np.arange(1, 7), [0, 3, 3, 4, 6]), RAGGED
    rows = [[b"%d" % one for one in record] for record in RAGGED]
    record = tfrecord([example({"k": bytes_list(*one)}) for one in rows])
    columns = Reader(memoryview(record)).read_columns(range(4), {"k": Bytes(ragged=True)})
    return columns["k"], rows


@given(st.slices(4))
def test_slices_of_ragged(part):
    for one, rows in (
        ragged.__wrapped__(type("", (), {"param": kind})) for kind in ("numbers", "bytes")
    ):
        assert one[part].to_list() == rows[part]
        assert one[part].offsets.tolist() == list(accumulate(map(len, rows[part]), initial=0))
        assert pickle.loads(pickle.dumps(one[part])).to_list() == rows[part]


def test_items_of_ragged(ragged):
    ragged, rows = ragged
    assert len(ragged) == 4 and [len(one) for one in ragged] == [3, 0, 1, 2]
    for number in range(-4, 4):
        assert [
            one.tobytes() if isinstance(one, memoryview) else one for one in ragged[number]
        ] == rows[number]
    for bad in (4, -5):
        with pytest.raises(IndexError, match=f"record {bad} is not in <tfr_index.Ragged of 4"):
            ragged[bad]


def test_padded(ragged):
    ragged, rows = ragged
    fill = b"-" if isinstance(rows[0][0], bytes) else -1
    for length in (None, 0, 1, 2, 5):
        width = 3 if length is None else length
        expected = [(one + [fill] * width)[:width] for one in rows]
        assert ragged.padded(fill, length).tolist() == expected
        assert ragged.padded(fill, length).shape == (4, width)
    assert ragged[1:2].padded(fill).shape == (1, 0)


def test_padding_that_is_no_value():
    for fill in (0.5, 2**63, "x", None, math.nan):
        with pytest.raises(TfrValueError, match="fill must be a value of type int64"):
            Ragged([1, 2], [0, 2]).padded(fill)
    for fill in (None, "x", 1e39, [1]):
        with pytest.raises(TfrValueError, match="fill must be a value of type float32"):
            Ragged(np.ones(2, np.float32), [0, 2]).padded(fill)
    for fill in (math.nan, -math.inf, np.float64(0.5), 3):
        padded = Ragged(np.ones(1, np.float32), [0, 0, 1]).padded(fill)
        assert np.array_equal(padded[:, 0], [fill, 1], equal_nan=True)


@pytest.mark.parametrize(
    ("values", "offsets", "message"),
    [
        ([1, 2], [0, 3], "between 0 and 2"),
        ([1, 2], [-1, 2], "between 0 and 2"),
        ([1, 2], [], "between 0 and 2"),
        ([1, 2], [0, 2, 1, 2], "ascend"),
        ([1, 2], [0.0, 2.0], "integers"),
        ([[1, 2]], [0, 2], "between 0 and 1"),
        ([1, 2], [[0, 2]], "one dimension"),
    ],
)
def test_offsets_that_do_not_fit(values, offsets, message):
    with pytest.raises(TfrValueError, match=message):
        Ragged(values, np.array(offsets, None if offsets else int))


# Sequences

STEPS = {
    "grid": Int64(2, 2, sequence=True),
    "sizes": Float(sequence=True, allow_missing=True),
    "tokens": Int64(ragged=True, sequence=True),
    "frames": Bytes(sequence=True),
    "words": Bytes(ragged=True, sequence=True),
}


def steps(number: int) -> dict[str, list[object]]:
    """The steps of record `number`."""
    count = number % 4
    return {
        "grid": [[[step, number], [7, 8]] for step in range(count)],
        "sizes": [step / 2 for step in range(count if number % 3 else 0)],
        "tokens": [list(range(step)) for step in range(count)],
        "frames": [b"%d" % step * number for step in range(count)],
        "words": [[b"w"] * (step % 2) for step in range(count)],
    }


def sequence(number: int) -> bytes:
    lists = {}
    for name, values in steps(number).items():
        make = {Int64: int64_list, Float: float_list, Bytes: bytes_list}[type(STEPS[name])]
        if STEPS[name].ragged:
            lists[name] = [make(*step) for step in values]
        elif name == "grid":
            lists[name] = [make(*first, *second) for first, second in values]
        elif values or name != "sizes":  # some records lack it
            lists[name] = [make(step) for step in values]
    return sequence_example({"id": int64_list(number)}, lists)


@pytest.fixture
def sequences(tmp_path) -> Path:
    tmp_path.joinpath("s.tfrecord").write_bytes(tfrecord(map(sequence, range(20))))
    return tmp_path / "s.tfrecord"


def test_sequences(sequences):
    columns = Reader(sequences).read_columns(range(20), {"id": Int64(), **STEPS})
    assert columns["id"].tolist() == list(range(20))
    for same in (columns, pickle.loads(pickle.dumps(columns))):
        for name in STEPS:
            assert same[name].to_list() == [steps(number)[name] for number in range(20)], name
            assert [len(one) for one in same[name]] == [len(steps(n)[name]) for n in range(20)]
    assert columns["grid"][7].shape == (3, 2, 2) and columns["grid"].values.shape[1:] == (2, 2)
    assert type(columns["tokens"][7]) is Ragged and columns["tokens"][7].to_list() == [
        [],
        [0],
        [0, 1],
    ]
    assert columns["grid"].padded(-1).shape == (20, 3, 2, 2)
    assert columns["grid"].padded(-1)[5].tolist() == [*steps(5)["grid"], *[[[-1] * 2] * 2] * 2]
    assert columns["tokens"].padded(-1)[7].tolist() == [[-1, -1], [0, -1], [0, 1]]
    assert columns["tokens"].padded(-1, 2)[6].tolist() == [[-1, -1], [0, -1]]
    for name in STEPS:
        for part in (slice(3, 9), slice(None, None, -2), slice(3, 3, 2)):
            assert columns[name][part].to_list() == columns[name].to_list()[part], (name, part)
    words = tfr_index.infer_features(sequences)
    assert words == {
        "id": Int64(),
        "grid": Int64(4, sequence=True),
        "sizes": Float(sequence=True, allow_missing=True),
        "tokens": Int64(ragged=True, sequence=True),
        "frames": Bytes(sequence=True),
        "words": Bytes(ragged=True, sequence=True),
    }
    with pytest.raises(TfrFeatureError, match='feature "sizes"'):
        Reader(sequences).read_columns([0], {"sizes": Float(sequence=True)})


def test_rows_of_sequences(sequences, tmp_path):
    item = Dataset(sequences, features=STEPS)[7]
    assert item["grid"].tolist() == steps(7)["grid"] and item["sizes"].tolist() == [0, 0.5, 1]
    assert item["frames"] == steps(7)["frames"] and item["words"] == steps(7)["words"]
    assert item["tokens"].to_list() == steps(7)["tokens"]
    assert item["grid"].base is item["tokens"].values.base is item["tokens"].offsets.base is None
    columns = Reader(sequences).read_columns(range(20), STEPS)
    with RecordWriter(tmp_path / "x") as writer:
        for name in ("grid", "tokens", "words"):
            with pytest.raises(TfrValueError, match=f'"{name}": has the steps of a sequence'):
                writer.write_examples({name: columns[name]})


# Rows


def test_a_data_set_of_dicts(folder):
    dataset = Dataset(f"{folder}/x-*", features=SPEC)
    for same in (dataset, pickle.loads(pickle.dumps(dataset))):
        for number in (0, 30, -1):
            assert_row(same[number], number % COUNT)
        for found in (
            same.read_many([3, 59, 3]),
            same.__getitems__(np.array([3, 59, 3])),
        ):
            list(map(assert_row, found, [3, 59, 3]))
        for number, found in enumerate(same):
            assert_row(found, number)
        for number, found in zip(range(50, 3, -2), same[50:3:-2], strict=True):
            assert_row(found, number)
        for batch in same.batches(25):
            assert_rows(batch, batch.records.tolist())
    for bad in (COUNT, -COUNT - 1):
        with pytest.raises(IndexError, match=f"^record {bad} is not in"):
            dataset[bad]
        with pytest.raises(IndexError, match=f"^record {bad} is not in"):
            dataset.read_many([0, bad])
    assert list(dataset[3:3]) == dataset.read_many([]) == []
    with pytest.raises(TypeError, match="a Dataset with features= cannot be searched"):
        dataset.index(payload(0))
    assert list(Dataset(f"{folder}/x-*", features={})) == [{}] * COUNT


def test_items_do_not_keep_their_batch(folder):
    dataset = Dataset(f"{folder}/x-*", features=SPEC)
    item = dataset.read_many(range(COUNT))[7]
    assert item["box"].base is item["tokens"].base is None  # nor the other rows of it
    item["box"][:] = 0
    assert_row(dataset[7], 7)


def test_what_excludes_features(folder):
    for other in ({"decode": len}, {"raw_frames": True}):
        with pytest.raises(TfrValueError, match=f"features and {next(iter(other))} cannot both"):
            Dataset(f"{folder}/x-*", features=SPEC, **other)
    dataset = Dataset(f"{folder}/x-*", features=SPEC)
    with pytest.raises(TfrValueError, match="buffers=True gives payloads"):
        dataset.batches(2, buffers=True)
    with pytest.raises(TfrValueError, match="buffers=True gives payloads"):
        Dataset(dataset.paths).batches(2, buffers=True, features=SPEC)
    for raw in (
        Dataset(dataset.paths, raw_frames=True),
        Reader(dataset.paths[0], raw_frames=True),
    ):
        with pytest.raises(TfrValueError, match="raw"):
            raw.read_columns([0], SPEC)
    with pytest.raises(TfrValueError, match="raw"):
        Dataset(dataset.paths, raw_frames=True).batches(2, features=SPEC)
    # A function that decodes payloads does not get in the way of columns.
    assert_rows(Dataset(dataset.paths, decode=len).read_columns([3], SPEC), [3])


# Errors


@pytest.fixture
def damaged(tmp_path) -> Path:
    """Records 1 and 2 of the second file are bad: no Example, and one without a label."""
    labels = [example({"label": int64_list(number)}) for number in range(5)]
    bad = [labels[3], b"\xff" * 9, example({"lab": int64_list(1)}), labels[4]]
    tmp_path.joinpath("0.tfrecord").write_bytes(tfrecord(labels[:3]))
    tmp_path.joinpath("1.tfrecord").write_bytes(tfrecord(bad))
    return tmp_path


def test_errors_name_file_record_and_feature(damaged):
    dataset, spec = Dataset(f"{damaged}/*"), {"label": Int64()}
    path = str(damaged / "1.tfrecord")
    offset = 16 + len(example({"label": int64_list(3)}))
    for read in (
        lambda: dataset.read_columns([0, 5, 4], spec),
        lambda: Dataset(f"{damaged}/*", features=spec).read_many([0, 5, 4]),
        lambda: Reader(path).read_columns([0, 2, 1], spec),
    ):
        with pytest.raises(TfrFeatureError) as caught:
            read()
        error = caught.value
        assert (error.status, error.feature) == ("TFR_ERR_FEATURE", "label")
        assert (error.path, error.record, error.offset) == (path, 2, offset + 16 + 9)
        assert f'{path}: record 2 at byte {error.offset}: feature "label": is missing' in str(error)
        for same in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert type(same) is TfrFeatureError and vars(same) == vars(error)
    with pytest.raises(TfrExampleError) as caught:
        dataset.read_columns([4], spec)
    error = caught.value
    assert type(error) is TfrExampleError and isinstance(error, ValueError)
    assert (error.status, error.record, error.feature) == ("TFR_ERR_EXAMPLE", 1, None)
    with pytest.raises(TfrFeatureError, match='feature "label"'):
        dataset.read_columns([0], {"label": Float()})
    with pytest.raises(TfrFeatureError, match='feature "label"'):
        dataset.read_columns([0], {"label": Int64(2)})


def test_readers_of_objects_and_closed_ones(folder):
    class Pread:
        def __init__(self, data: bytes) -> None:
            self.data, self.size, self.broken = data, len(data), False

        def pread(self, size: int, offset: int) -> bytes:
            if self.broken:
                raise LookupError("no such object")
            return self.data[offset : offset + size]

    source = Pread((folder / "x-0.tfrecord").read_bytes())
    reader = Reader(source)
    assert_rows(reader.read_columns([24, 3], SPEC), [24, 3])
    source.broken = True
    with pytest.raises(LookupError, match="no such object"):
        reader.read_columns([24, 3], SPEC)
    reader.close()
    with pytest.raises(ValueError, match="the reader is closed"):
        reader.read_columns([24, 3], SPEC)


def test_many_threads_use_the_same_columns(dataset):
    columns = [dataset.read_columns(range(COUNT), SPEC) for _ in range(20)]

    def use(number: int) -> None:
        for one in columns:
            assert_rows(one, list(range(COUNT)))
        batch = dataset.read_columns([number], {f"f{number}": Int64(default=number)})
        assert batch[f"f{number}"].tolist() == [number]

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(use, range(8)))


def test_bad_records_are_skipped(damaged):
    spec = {"label": Int64()}
    with pytest.warns(tfr_index.TfrWarning, match="such records are skipped"):
        dataset = Dataset(f"{damaged}/*", on_error="skip")
        columns = dataset.read_columns(range(7), spec)
    assert columns["label"].tolist() == [0, 1, 2, 3, 4]
    assert np.isin(range(7), columns.records).tolist() == [True] * 4 + [False] * 2 + [True]
    assert dataset.skipped.records == 2
    assert [error.feature for error in dataset.skipped.errors] == [None, "label"]
    found = [batch["label"].tolist() for batch in dataset.batches(3, features=spec)]
    assert found == [[0, 1, 2], [3], [4]]
    with pytest.warns(tfr_index.TfrWarning, match="such records are skipped"):
        rows = Dataset(f"{damaged}/*", on_error="skip", features=spec)
        assert [one["label"] for one in rows] == [0, 1, 2, 3, 4]
    assert [one["label"] for one in rows.__getitems__(range(2, 7))] == [2, 3, 4]
    for read in (lambda: rows[5], lambda: rows.read_many([6, 5])):
        with pytest.raises(TfrFeatureError) as caught:
            read()
        path = str(damaged / "1.tfrecord")
        offset = Reader(path).index[2][0]
        right = f'{path}: record 2 at byte {offset}: feature "label": '
        assert str(caught.value).startswith(right)
        assert (caught.value.path, caught.value.record, caught.value.offset) == (path, 2, offset)


def test_iteration_continues_after_a_bad_record(damaged):
    batches = Dataset(f"{damaged}/*").batches(1, features={"label": Int64()}, prefetch=0)
    found = []
    for _ in range(7):
        try:
            found += next(batches)["label"].tolist()
        except TfrExampleError as error:
            found.append(error.status)
    assert found == [0, 1, 2, 3, "TFR_ERR_EXAMPLE", "TFR_ERR_FEATURE", 4]


# Inference


def test_inferred_features_read_the_records(folder, dataset):
    spec = tfr_index.infer_features(f"{folder}/x-*")
    assert spec == {
        "box": Float(4),
        "image": Bytes(),
        "label": Int64(ragged=True),
        "not wanted": Bytes(),
        "pair": Bytes(ragged=True),
        "tokens": Int64(ragged=True),
        "weights": Float(ragged=True),
        "words": Bytes(ragged=True),
    }
    assert tfr_index.infer_features(f"{folder}/x-*", None) == spec
    assert dataset.read_columns(range(COUNT), spec)["box"].shape == (COUNT, 4)
    # One record has all that it has, with this number of values.
    assert tfr_index.infer_features(folder / "x-1.tfrecord", 1)["words"] == Bytes()
    for bad in (0, -1):
        with pytest.raises(TfrValueError, match="records must be between 1 and"):
            tfr_index.infer_features(f"{folder}/x-*", bad)


def test_inference_warns_and_fails(damaged):
    damaged.joinpath("0.tfrecord.idx").write_text("0 17\n")
    with pytest.warns(tfr_index.TfrWarning, match="0.tfrecord.idx"):
        assert tfr_index.infer_features(damaged / "0.tfrecord") == {"label": Int64()}
    with pytest.raises(TfrExampleError, match=r"1\.tfrecord: record 1 "):
        tfr_index.infer_features(damaged / "1.tfrecord")
    with pytest.raises(tfr_index.TfrFileNotFoundError):
        tfr_index.infer_features(damaged / "missing-*")
    record = example({b"\xff": int64_list(7), "é": int64_list(8)})
    damaged.joinpath("2.tfrecord").write_bytes(tfrecord([record]))
    assert tfr_index.infer_features(damaged / "2.tfrecord") == {
        "é": Int64(),
        b"\xff": Int64(),
    }


# Encoding


def written(path: Path, features: dict[str, object]) -> list[bytes]:
    with RecordWriter(path) as writer:
        writer.write_examples(features)
    return list(Reader(path, checksums="full"))


def test_what_is_written_is_read_again(tmp_path, dataset):
    columns = dataset.read_columns(range(COUNT), SPEC)
    payloads = written(tmp_path / "x", columns)
    again = Reader(tmp_path / "x").read_columns(range(COUNT), SPEC)
    assert_rows(again, list(range(COUNT)))
    rows = [
        tfr_index.encode_example({name: column[number] for name, column in columns.items()})
        for number in range(1, COUNT)
        if number % 12
    ]
    # A row has memory views of its byte strings, and the empty lists of features that are ragged.
    assert rows == [payloads[number] for number in range(1, COUNT) if number % 12]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, int64_list(7)),
        (-1, int64_list(-1)),
        (True, int64_list(1)),
        (0.5, float_list(0.5)),
        (b"x", bytes_list(b"x")),
        ("é", bytes_list("é".encode())),
        (bytearray(b"x"), bytes_list(b"x")),
        (memoryview(b"xyz")[1:], bytes_list(b"yz")),
        ([1, 2], int64_list(1, 2)),
        ((1, 2.5), float_list(1, 2.5)),
        ([True, 3], int64_list(1, 3)),
        ([True, 2**24 + 2, 0.5], float_list(1, 2**24 + 2, 0.5)),
        ([2**24 + 1, 2**63 - 1], int64_list(2**24 + 1, 2**63 - 1)),
        (["a", b"bc"], bytes_list(b"a", b"bc")),
        ([[1, 2], [3]], int64_list(1, 2, 3)),
        (np.float32(0.1), float_list(np.float32(0.1))),
        (np.uint8(7), int64_list(7)),
        (np.array(7), int64_list(7)),
        (np.arange(6).reshape(2, 3), int64_list(*range(6))),
        (np.arange(6)[::-2], int64_list(5, 3, 1)),
        (np.ones(2, np.float16), float_list(1, 1)),
        (np.array([b"a", b"bc"]), bytes_list(b"a", b"bc")),
        (np.array(["é"]), bytes_list("é".encode())),
        (np.array([b"a\0", "b"], object), bytes_list(b"a\0", b"b")),
        (np.empty(0, int), int64_list()),
        (np.empty(0, np.float32), float_list()),
        (range(3), int64_list(0, 1, 2)),
        (np.uint64(2**63 - 1), int64_list(2**63 - 1)),
        (-(2**63), int64_list(-(2**63))),
    ],
    ids=repr,
)
def test_values_of_an_example(value, expected):
    assert tfr_index.encode_example({"k": value}) == example({"k": expected})


def test_rows_of_columns_are_values(tmp_path):
    column = {"i": [[1], []], "f": [[0.5], []], "s": [["a"], []]}
    payloads = written(tmp_path / "x", column)
    spec = {"i": Int64(ragged=True), "f": Float(ragged=True), "s": Bytes(ragged=True)}
    columns = Reader(tmp_path / "x").read_columns([0, 1], spec)
    for number, right in enumerate(payloads):
        row = {name: columns[name][number] for name in columns}
        assert tfr_index.encode_example(row) == right


def test_a_name_that_is_given_twice(tmp_path):
    twice = {"k": [1], b"k": [2]}
    with pytest.raises(TfrValueError, match=r'^feature "k": the feature is listed twice'):
        written(tmp_path / "x", twice)
    with pytest.raises(TfrValueError, match=r'^feature "k": the feature is listed twice'):
        tfr_index.encode_example(twice)


def test_names_in_messages_are_printable():
    with pytest.raises(TfrValueError, match=r'^feature "\\u202ea\\nb": has both') as caught:
        tfr_index.encode_example({"\u202ea\nb": [1, "x"]})
    assert caught.value.feature == "\u202ea\nb"


def test_names_are_sorted():
    encoded = tfr_index.encode_example({"b": 1, b"\xff": 2, "a": 3})
    wanted = {"a": int64_list(3), "b": int64_list(1), b"\xff": int64_list(2)}
    assert encoded == example(wanted)
    assert tfr_index.encode_example({}) == example({})


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (np.arange(4).reshape(2, 2), [int64_list(0, 1), int64_list(2, 3)]),
        (
            np.arange(4, dtype=float).reshape(2, 1, 2),
            [float_list(0, 1), float_list(2, 3)],
        ),
        (np.array([True, False]), [int64_list(1), int64_list(0)]),
        ([[1], [2, 3]], [int64_list(1), int64_list(2, 3)]),
        ([[], (2.5,)], [float_list(), float_list(2.5)]),
        ([np.arange(2), np.empty(0, int)], [int64_list(0, 1), int64_list()]),
        ([np.array([]), np.arange(2)], [int64_list(), int64_list(0, 1)]),
        ([np.array([]), np.array([])], [float_list(), float_list()]),
        (
            [np.array([b"a"]), np.array(["é", "b"])],
            [bytes_list(b"a"), bytes_list("é".encode(), b"b")],
        ),
        ([np.ones((1, 2)), np.array(3)], [float_list(1, 1), float_list(3)]),
        ([np.arange(2), [5]], [int64_list(0, 1), int64_list(5)]),
        ([[[1, 2], [3]], [[]]], [int64_list(1, 2, 3), int64_list()]),
        (["a", b"b"], [bytes_list(b"a"), bytes_list(b"b")]),
        ([["a"], []], [bytes_list(b"a"), bytes_list()]),
        (
            np.array([["a", "b"], ["c", "d"]]),
            [bytes_list(b"a", b"b"), bytes_list(b"c", b"d")],
        ),
        (Ragged(np.arange(9), [2, 3, 5]), [int64_list(2), int64_list(3, 4)]),
        (np.empty((2, 0), np.float32), [float_list(), float_list()]),
    ],
    ids=repr,
)
def test_columns_that_are_written(tmp_path, column, expected):
    assert written(tmp_path / "x", {"k": column}) == [example({"k": one}) for one in expected]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, "a"], "has both byte strings and other values"),
        ([1, [2]], "has both values and lists of values"),
        (["a", ["b"]], "has both values and lists of values"),
        ([2**63, 1], "does not fit into 64 bits"),
        ([2**70, 1], "does not fit into 64 bits"),
        (np.array([2**63, 1], np.uint64), "does not fit into 64 bits"),
        ([np.array([1], np.uint64), np.array([-1])], "has arrays of int64 and of uint64"),
        ([np.array([1]), np.array(["a"])], "has both byte strings and other values"),
        ([None, 1], "values must be .*, not NoneType and int|not NoneType"),
        (
            [1j, 1],
            "values must be integers, floating-point numbers, bytes or str, not complex128",
        ),
        (
            np.array(["2020", "2021"], "datetime64[D]"),
            "values must be .*, not datetime64",
        ),
        ([Ragged([1, 2], [0, 1, 2])] * 2, "has the steps of a sequence"),
        ([{"a": 1}, {}], "values must be .*, not dict"),
        ([{1}, {2}], "values must be .*, not set"),
        ([[{"a": 1}], []], "values must be .*, not dict"),
        ({"a": 1, "b": 2}, "must be an array or a list with an item for each record, not dict"),
        ([1e39, 0.0], "has a number that is too large for 32 bits"),
        ([np.array([1e39]), []], "has a number that is too large for 32 bits"),
        (["\ud800", "a"], "has a str that is not UTF-8: pass bytes"),
        (np.ma.array([1, 2], mask=[False, True]), "has missing values"),
        ([[], []], "no record has a value, so their kind is not known"),
        ("ab", "must be an array or a list with an item for each record, not str"),
        (7, "must be an array or a list with an item for each record, not int"),
        (
            np.array(7),
            "must be an array or a list with an item for each record, not ndarray",
        ),
        ([1, 2, 3], 'has 3 records, but feature "first" has 2'),
        ([2**24 + 1, 0.5], "an integer that float32 cannot hold: convert"),
        ([-(2**24) - 1, np.float32(0.5)], "an integer that float32 cannot hold"),
        ([[2**63 - 1], [0.5]], "an integer that float32 cannot hold"),
        ([np.array([2**24 + 1]), np.array([0.5])], "an integer that float32 cannot hold"),
        ([2**70, 0.5], "has an integer that does not fit into 64 bits"),
        ([np.ma.array([1, 2], mask=[0, 1]), np.array([3])], "has missing values"),
    ],
    ids=repr,
)
def test_values_that_are_refused(tmp_path, value, message):
    with RecordWriter(tmp_path / "x") as writer:
        writer.write(b"before")
        with pytest.raises(TfrValueError, match=f'^feature "k": .*(?:{message})') as caught:
            writer.write_examples({"first": [1, 2], "k": value})
        assert (caught.value.status, caught.value.feature) == (INVALID, "k")
        assert writer.num_records == 1
        writer.write(b"after")
    assert list(Reader(tmp_path / "x")) == [b"before", b"after"]


def test_arguments_that_are_no_columns(tmp_path):
    with RecordWriter(tmp_path / "x") as writer:
        for bad in ([("k", 1)], b"payload", None):
            with pytest.raises(TypeError, match="features must be a dict by name"):
                writer.write_examples(bad)
            with pytest.raises(TypeError, match="features must be a dict by name"):
                tfr_index.encode_example(bad)
        with pytest.raises(TfrValueError, match="it is not known how many records"):
            writer.write_examples({})
        with pytest.raises(TfrValueError, match="listed twice"):
            writer.write_examples({"k": [1], b"k": [2]})
        with pytest.raises(TypeError, match="a feature's name must be str, or bytes, not int"):
            writer.write_examples({3: [1]})
        writer.write_examples({"k": []})
        writer.write_examples({"k": np.empty((0, 3))})
        assert writer.num_records == 0
    with pytest.raises(TfrValueError, match="the writer is closed"):
        writer.write_examples({"k": [1]})


def test_records_and_examples_keep_their_order(tmp_path):
    with RecordWriter(tmp_path / "x") as writer:
        for number in range(100):
            writer.write(b"%d" % number)
            writer.write_examples({"k": [number, number]})
        assert writer.num_records == 300
    found = list(Reader(tmp_path / "x"))
    assert found[::3] == [b"%d" % number for number in range(100)]
    assert found[1::3] == found[2::3] == [example({"k": int64_list(n)}) for n in range(100)]


# numpy


def test_numpy_is_imported_when_it_is_needed(folder):
    program = f"""
import sys
sys.modules["numpy"] = None  # as if it were not installed
import tfr_index

dataset = tfr_index.Dataset({str(folder)!r} + "/x-*")
assert len(dataset[0]) > 0 and tfr_index.infer_features(dataset.paths)["image"] == tfr_index.Bytes()
for use in (
    lambda: dataset.read_columns([0], {{}}),
    lambda: next(dataset.batches(1, features={{}})),
    lambda: tfr_index.encode_example({{"k": 1}}),
):
    try:
        use()
    except ImportError as error:
        assert error.name == "numpy" and "pip install numpy" in str(error), error
    else:
        raise AssertionError
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    program = "import sys, tfr_index; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_arrow_needs_pyarrow(dataset, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    columns = dataset.read_columns([0], SPEC)
    for one in (columns, columns["tokens"], columns["image"]):
        for export in (one.__arrow_c_array__, one.__arrow_c_schema__):
            with pytest.raises(ImportError, match="pip install pyarrow"):
                export()
