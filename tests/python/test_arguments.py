"""Wrong arguments: each gives one error, which says what to pass."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import gc
import re
import sys
import traceback

import numpy as np
import pytest
import s3dlio
import tfr_index
from tfr_index import Dataset, Index, Indexer, Payloads, Reader, RecordWriter, TfrValueError
from tfrecords import tfrecord

DATA = tfrecord([b"a", b"bb"])
INDEX = tfr_index.index_bytes(DATA)


@pytest.fixture
def path(tmp_path) -> str:
    path = tmp_path / "x.tfrecord"
    path.write_bytes(DATA)
    return str(path)


CONSTRUCTORS = {
    "Dataset": lambda path, **named: Dataset([path], **named),
    "Reader": lambda path, **named: Reader(path, **named),
    "RecordWriter": lambda path, **named: RecordWriter(f"{path}.new", **named),
    "Index": lambda path, **named: Index([(0, 21)], **named),
    "Indexer": lambda path, **named: Indexer(**named),
    "Payloads": lambda path, **named: Payloads(memoryview(b""), memoryview(b""), **named),
    "create_index": lambda path, **named: tfr_index.create_index(path, **named),
    "read_index": lambda path, **named: tfr_index.read_index(path, **named),
    "scan": lambda path, **named: tfr_index.scan(path, **named),
    "index_bytes": lambda path, **named: tfr_index.index_bytes(DATA, **named),
}


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_a_wrong_keyword_is_one_error(name, path, monkeypatch, tmp_path):
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    with pytest.raises(TypeError, match="nonsense") as caught:
        CONSTRUCTORS[name](path, nonsense=1)
    shown = "".join(traceback.format_exception(caught.value))
    assert shown.count("Traceback") == 1
    del caught
    gc.collect()  # objects whose constructor failed
    assert not unraisable
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.tfrecord"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda path: tfr_index.scan(path, threads=-1),
            "threads must be between 0 and 2**32 - 1, not -1",
        ),
        (
            lambda path: Reader(path, threads=2**32),
            "threads must be between 0 and 2**32 - 1, not 4294967296",
        ),
        (
            lambda path: Reader(path, checksums="ful"),
            "checksums must be one of 'auto', 'none', 'length', 'full', not 'ful'",
        ),
        (
            lambda path: INDEX.check(path, "deep"),
            "level must be one of 'quick', 'headers', 'full', not 'deep'",
        ),
        (
            lambda _: INDEX.shard(0, 2, by="size"),
            "by must be one of 'records', 'bytes', not 'size'",
        ),
        (
            lambda _: INDEX.shard(0, 2, remainder="cut"),
            "remainder must be one of 'keep', 'drop', 'pad', not 'cut'",
        ),
        (lambda _: INDEX.shard(-1, 2), "rank must be between 0 and 2**64 - 1, not -1"),
        (
            lambda _: INDEX.shuffle(seed=2**64),
            "seed must be between 0 and 2**64 - 1, not 18446744073709551616",
        ),
        (
            lambda path: Dataset(path, max_open_files=0),
            "max_open_files must be between 1 and 2**64 - 1, not 0",
        ),
        (lambda _: Dataset([]), "no files are given: give at least one path"),
        (
            lambda _: Index([(0, 21), (-1, 21)]),
            "entry 1: offset and size must be between 0 and 2**64 - 1",
        ),
    ],
)
def test_what_a_value_must_be(path, call, message):
    with pytest.raises(TfrValueError, match=f"^{re.escape(message)}$") as caught:
        call(path)
    assert "".join(traceback.format_exception(caught.value)).count("Traceback") == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda path: tfr_index.scan(path, threads="2"), "threads must be an integer, not str"),
        (lambda _: INDEX.shuffle(1.5), "seed must be an integer, not float"),
        (lambda path: Dataset(path, max_open_files="1"), "max_open_files must be an integer"),
        (
            lambda path: Reader(path)[[1, 0]],
            "not list: read_many() takes several, in one dimension",
        ),
        (
            lambda path: Reader(path)[np.array([1, 0])],
            "not ndarray: read_many() takes several, in one dimension",
        ),
        (lambda path: Dataset(path, decode=1), "decode must be a function, not int"),
        (lambda path: Dataset(path).batches(2, [1, 0]), "order must be an Order, not list"),
        (
            lambda path: Dataset(path)[[1, 0]],
            "not list: read_many() takes several, in one dimension",
        ),
        (lambda _: INDEX[[1, 0]], "not list: for several records, use select()"),
    ],
)
def test_what_a_type_must_be(path, call, message):
    with pytest.raises(TypeError, match=re.escape(message)) as caught:
        call(path)
    assert "".join(traceback.format_exception(caught.value)).count("Traceback") == 1


@pytest.mark.parametrize(
    ("sequence", "message"),
    [
        (lambda path: tfr_index.Manifest.build(path), "row 99 is not in <Manifest of 1 shards"),
        (lambda path: Reader(path).read_buffer([0, 1]), "payload 99 is not in <tfr_index.Payloads"),
        (lambda path: Dataset(path), "record 99 is not in <tfr_index.Dataset"),
        (lambda path: Reader(path), "record 99 is not in <tfr_index.Reader"),
        (lambda _: INDEX, "record 99 is not in "),
    ],
)
def test_what_is_not_there_is_named(path, sequence, message):
    with pytest.raises(IndexError, match=f"^{re.escape(message)}"):
        sequence(path)[99]


class Example:
    """Like protobuf's messages."""

    def SerializeToString(self) -> bytes:
        return b"serialized"


def test_a_message_must_be_serialized(tmp_path):
    with RecordWriter(tmp_path / "x.tfrecord") as writer:
        for write in (writer.write, lambda example: writer.write_many([example])):
            with pytest.raises(TypeError, match=r"not Example: pass .* SerializeToString\(\)"):
                write(Example())
        with pytest.raises(TypeError, match=r"must be bytes or a bytes-like object, not str$"):
            writer.write("text")
        writer.write(Example().SerializeToString())
    assert list(Reader(tmp_path / "x.tfrecord")) == [b"serialized"]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (s3dlio.index_tfrecord_bytes, "0 17\n17 18\n"),
        (s3dlio.get_tfrecord_index_entries, [(0, 17), (17, 18)]),
    ],
)
def test_the_shim_takes_data_by_both_names(function, expected):
    assert function(DATA) == function(data=DATA) == function(tfrecord_bytes=DATA) == expected
    for call in (
        lambda: function(),
        lambda: function(DATA, tfrecord_bytes=DATA),
        lambda: function(data=DATA, tfrecord_bytes=DATA),
        lambda: function(nonsense=DATA),
    ):
        with pytest.raises(TypeError, match="argument"):
            call()


@pytest.mark.parametrize(
    "call",
    [
        Dataset,
        tfr_index.Manifest.build,
        tfr_index.create_indexes,
        tfr_index.infer_features,
        tfr_index.report,
        lambda paths: tfr_index.reshard(paths, "out", shards=1),
    ],
)
@pytest.mark.parametrize("paths", [3, None])
def test_what_is_no_path(call, paths):
    kind = type(paths).__name__
    with pytest.raises(
        TypeError, match=f"^paths must be a path or an iterable of paths, not {kind}$"
    ):
        call(paths)


def test_what_is_no_state(path):
    sampler = tfr_index.Sampler(Dataset([path]))
    with pytest.raises(TypeError, match=r"^the state must be a dict, not NoneType$"):
        sampler.load_state_dict(None)
