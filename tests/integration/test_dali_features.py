"""`fn.tfr.reader(features=…)` beside `fn.readers.tfrecord`."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "clients")

import random
import struct
import sys
from pathlib import Path

import dali_plugin
import numpy
import nvidia.dali.tfrecord as tfrec
import pytest
import tfr_index
import tfrecords
from nvidia.dali import Pipeline, fn, pipeline_def
from nvidia.dali.data_node import DataNode
from tfexamples import block, bytes_list, example, float_list, int64_list


@pytest.fixture(scope="module", autouse=True)
def plugin():
    dali_plugin.build()
    sys.path.insert(0, str(Path(dali_plugin.LIBRARY).parent))
    import dali_tfr  # noqa: F401  (it changes fn.tfr.reader)


@pipeline_def(batch_size=8, num_threads=2, device_id=None, seed=1)
def pipeline_of(read, names):
    record = read()
    return tuple(record[name] for name in names)


@pipeline_def(batch_size=8, num_threads=2, device_id=None)
def any_pipeline(read):
    outputs = read()
    outputs = outputs.values() if isinstance(outputs, dict) else outputs
    return tuple(outputs) if not isinstance(outputs, DataNode) else outputs


def read(reader, names, count):
    """The values of `count` records by feature, as arrays."""
    pipeline = pipeline_of(reader, names)
    pipeline.build()
    found = {name: [] for name in names}
    while len(found[names[0]]) < count:
        for name, batch in zip(names, pipeline.run(), strict=True):
            found[name] += [numpy.array(batch.at(i)) for i in range(len(batch))]
    return {name: values[:count] for name, values in found.items()}


def write(path, payloads):
    path.write_bytes(tfrecords.tfrecord(payloads))
    tfr_index.create_index(path)
    return str(path)


def ours(path, features, **options):
    return lambda: fn.tfr.reader(path, features=features, **options)


def theirs(path, features):
    return lambda: fn.readers.tfrecord(path=path, index_path=f"{path}.idx", features=features)


def test_outputs_are_those_of_their_reader(tmp_path):
    chance = random.Random(3)

    def some(count):
        return [chance.randrange(-(2**63), 2**63) >> chance.randrange(64) for _ in range(count)]

    payloads = [
        example(
            {
                "image": bytes_list(chance.randbytes(chance.randrange(3000))),
                "label": int64_list(*some(1)),
                "shaped": int64_list(*some(6)),
                "box": float_list(*(chance.random() for _ in range(4))),
                "tokens": int64_list(*some(chance.randrange(9))),
                "points": float_list(*(chance.random() for _ in range(3 * chance.randrange(4)))),
                "unwanted": bytes_list(b"x", b"y"),
            }
        )
        for _ in range(100)
    ]
    path = write(tmp_path / "x.tfrecord", payloads)
    features = {
        "label": tfrec.FixedLenFeature([], tfrec.int64, -1),
        "image": tfrec.FixedLenFeature((), tfrec.string, ""),
        "shaped": tfrec.FixedLenFeature([2, 3], tfrec.int64, 0),
        "box": tfrec.FixedLenFeature([4], tfrec.float32, 0.0),
        "tokens": tfrec.VarLenFeature(tfrec.int64, 0),
        "points": tfrec.VarLenFeature([3], tfrec.float32, 0.0),
    }
    names = list(features)
    right = read(theirs(path, features), names, 100)
    for options in ({}, {"checksums": "none"}):
        found = read(ours(path, features, **options), names, 100)
        for name in names:
            for one, other in zip(found[name], right[name], strict=True):
                assert one.dtype == other.dtype and one.shape == other.shape, name
                assert one.tobytes() == other.tobytes(), name


def test_what_records_lack_is_the_default_or_nothing(tmp_path):
    path = write(tmp_path / "x.tfrecord", [example({}), example({"a": b"", "b": b"", "d": b""})])
    features = {
        "a": tfrec.FixedLenFeature([2, 1], tfrec.int64, -7),
        "b": tfrec.FixedLenFeature([], tfrec.float32, 0.5),
        "c": tfrec.FixedLenFeature([], tfrec.string, "none"),
        "d": tfrec.VarLenFeature(tfrec.float32, 1.0),
        "e": tfrec.VarLenFeature([3], tfrec.int64, 1),
        "f": tfrec.FixedLenFeature([0], tfrec.int64, 1),
    }
    for values in zip(*read(ours(path, features), list(features), 2).values(), strict=True):
        a, b, c, d, e, f = values
        assert a.tolist() == [[-7], [-7]] and b == numpy.float32(0.5) and b.shape == ()
        assert c.tobytes() == b"none"
        assert (d.shape, e.shape, f.shape) == ((0,), (0, 3), (0,))
        assert (d.dtype, e.dtype) == (numpy.float32, numpy.int64)


def test_one_feature_and_none(tmp_path):
    payloads = [example({"a": int64_list(number)}) for number in range(5)]
    path = write(tmp_path / "x.tfrecord", payloads)
    label = {"a": tfrec.FixedLenFeature([], tfrec.int64, 0)}
    assert [int(one) for one in read(ours(path, label), ["a"], 5)["a"]] == list(range(5))

    @pipeline_def(batch_size=5, num_threads=1, device_id=None)
    def plain():
        return fn.tfr.reader(paths=[path], name="reader")

    pipeline = plain()
    pipeline.build()
    (batch,) = pipeline.run()
    assert [batch.at(i).tobytes() for i in range(5)] == payloads
    assert pipeline.reader_meta("reader")["epoch_size"] == 5


def test_pipeline_can_be_stored_and_says_where_samples_are(tmp_path):
    path = write(tmp_path / "x.tfrecord", [example({"a": int64_list(n, n)}) for n in range(8)])
    features = {"a": tfrec.FixedLenFeature([2], tfrec.int64, 0)}
    pipeline = Pipeline.deserialize(pipeline_of(ours(path, features), ["a"]).serialize())
    (batch,) = pipeline.run()
    assert [batch.at(i).tolist() for i in range(8)] == [[n, n] for n in range(8)]
    second = tfr_index.read_index(f"{path}.idx")[1][0]
    assert batch[1].source_info() == f"{path} at index {second}"


FIXED = tfrec.FixedLenFeature([], tfrec.int64, -1)
PACKED = block(3, block(1, b"\x01") + block(1, b"\x02"))


@pytest.mark.parametrize(
    ("feature", "bad", "message"),
    [
        # Their reader gives garbage, or another record's label.
        (FIXED, int64_list(), 'feature "a": has 0 values, not 1'),
        (
            tfrec.FixedLenFeature([2], tfrec.int64, -1),
            int64_list(1),
            "has 1 values, not 2",
        ),
        (FIXED, PACKED, "has 2 values, not 1"),
        (FIXED, float_list(1.0), "has float values, not int64"),
        (
            tfrec.FixedLenFeature([], tfrec.string, ""),
            bytes_list(),
            "has 0 values, not 1",
        ),
        (
            tfrec.FixedLenFeature([], tfrec.string, ""),
            bytes_list(b"a", b"b"),
            "has 2 values",
        ),
        (
            tfrec.VarLenFeature(tfrec.int64, 0),
            bytes_list(b"a"),
            "has bytes values, not int64",
        ),
        (
            tfrec.VarLenFeature([3], tfrec.int64, 0),
            int64_list(1, 2),
            "has 2 values, which do not",
        ),
        (FIXED, struct.pack("<B", 0xFF), "the payload is not a tf.train.Example"),
    ],
)
def test_what_does_not_fit_is_an_error_that_says_where(tmp_path, feature, bad, message):
    path = write(tmp_path / "x.tfrecord", [example({}), example({}), example({"a": bad})])
    reader = ours(path, {"a": feature}, dont_use_mmap=True)
    pipeline = pipeline_of(reader, ["a"])
    pipeline.build()
    with pytest.raises(RuntimeError) as raised:
        pipeline.run()
    third = tfr_index.read_index(f"{path}.idx")[2][0]
    assert message in str(raised.value)
    assert f"{path}: record 2 at byte {third}: " in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"features": {"a": tfrec.VarLenFeature(tfrec.string, "")}},
            "strings make no tensor",
        ),
        (
            {"features": {"a": tfrec.FixedLenFeature([2], tfrec.string, "")}},
            "strings make no",
        ),
        (
            {"features": {"a": tfrec.FixedLenFeature([-1], tfrec.int64, 0)}},
            "is negative",
        ),
        (
            {"features": {"a": tfrec.FixedLenFeature([2**40, 2**40], tfrec.int64, 0)}},
            "too large",
        ),
        (
            {"features": {"a": tfrec.VarLenFeature([0], tfrec.int64, 0)}},
            "has no values",
        ),
        ({"feature_names": ["a"]}, "features has 0 elements, but feature_names 1"),
        ({"feature_names": ["a", "a"], "features": [FIXED, FIXED]}, "is listed twice"),
        ({"features": {}}, "features is empty: leave it out for the payloads"),
        ({"features": {b"a": FIXED}}, "the name of a feature must be str, not b'a'"),
    ],
)
def test_features_that_make_no_sense_are_refused(tmp_path, arguments, message):
    path = write(tmp_path / "x.tfrecord", [example({})])
    with pytest.raises((ValueError, RuntimeError, TypeError), match=message):
        pipeline = any_pipeline(lambda: fn.tfr.reader(path, **arguments))
        pipeline.build()
        pipeline.run()


def test_the_code_that_a_report_shows_runs(tmp_path, monkeypatch):
    """On the processor: the code asks for a GPU."""
    monkeypatch.chdir(tmp_path)
    for shard in range(2):
        payloads = [
            example(
                {
                    "image/encoded": bytes_list(b"jpeg" * shard + b"%d" % number),
                    "label": int64_list(100 * shard + number),
                    "box": float_list(0.5, 1.5, 2.5, number),
                    "tokens": int64_list(*range(number % 4)),
                }
            )
            for number in range(16)
        ]
        write(tmp_path / f"train-{shard:05}-of-00002.tfrecord", payloads)
    spec = tfr_index.infer_features("train@2.tfrecord")
    rows = tfr_index.Dataset("train@2.tfrecord", features=spec)
    code = tfr_index.report("train@2.tfrecord").to_dict()["snippets"]["dali"]
    assert "'train@2.tfrecord'" in code or '"train@2.tfrecord"' in code
    assert "device_id=0" in code
    scope = {}
    exec(code.replace("device_id=0", "device_id=None"), scope)
    pipeline = scope["records"]()
    pipeline.build()
    names = list(scope["features"])
    assert sorted(names) == sorted(spec) == ["box", "image/encoded", "label", "tokens"]
    outputs = dict(zip(names, pipeline.run(), strict=True))
    for number in range(32):
        assert numpy.array(outputs["label"].at(number)) == rows[number]["label"]
        image = numpy.array(outputs["image/encoded"].at(number)).tobytes()
        assert image == rows[number]["image/encoded"]
        assert numpy.array_equal(outputs["box"].at(number), rows[number]["box"])
        assert numpy.array_equal(outputs["tokens"].at(number), rows[number]["tokens"])
