"""examples/dali_plugin, built as docs/dali.md says, beside NVIDIA DALI's own reader."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "clients")

import gzip
import os
import random
import re
import subprocess
import sys
from itertools import chain, islice, product
from pathlib import Path

import dali_plugin
import nvidia.dali.tfrecord as tfrec
import pages
import pytest
import tfr_index
import tfrecords
from environment import ROOT
from nvidia.dali import Pipeline, backend, fn, pipeline_def, plugin_manager

COUNTS = (40, 1, 0, 59)
SEED = 524287  # of shuffle_after_epoch, as in DALI's readers


@pytest.fixture(scope="module", autouse=True)
def plugin():
    dali_plugin.build()
    plugin_manager.load_library(dali_plugin.LIBRARY)


def test_page(tmp_path):
    """All of the page, except the commands that build the plugin: the fixture has run them."""
    path = f"{sys.prefix}/bin:{os.environ['PATH']}"
    session = pages.Session(tmp_path / "page", os.environ | {"PATH": path})
    (session.directory / "dali_plugin").symlink_to(Path(dali_plugin.LIBRARY).parent)
    printed = session.run(block for block in dali_plugin.BLOCKS if block != dali_plugin.BUILDING)
    size = tfr_index.scan(session.directory / "train.tfrecord")[0][1] - 16
    assert f"{size} bytes from train.tfrecord at index 0\n100 records\n" in printed


def test_build_is_for_the_python_on_the_path(tmp_path):
    """Not for the Python that the build directory was configured for before."""
    other = tmp_path / "bin" / "python3"
    other.parent.mkdir()
    other.write_text(f'#!/bin/sh\nexec {os.path.realpath(sys.executable)} -I -S "$@"\n')
    other.chmod(0o755)
    cmake = [f"{sys.prefix}/bin/cmake", "-S", ROOT / "examples" / "dali_plugin"]
    cmake += ["-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={dali_plugin.HOME}/tfr_index"]
    for folder, error in ((other.parent, "cannot import nvidia.dali"), (f"{sys.prefix}/bin", "")):
        variables = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}
        done = subprocess.run(cmake, env=variables, capture_output=True, text=True, check=False)
        assert (done.returncode != 0) == bool(error) and error in done.stderr, done.stderr


def test_page_has_every_argument():
    arguments = set(backend.GetSchema("tfr__Reader").GetArgumentNames())
    arguments -= {"bytes_per_sample_hint", "preserve"}  # every operator has these
    page = (ROOT / "docs" / "dali.md").read_text()
    assert arguments <= set(re.findall(r"`(\w+)[`=]", page))


def example(value: bytes) -> bytes:
    """A tf.train.Example whose feature "x" is this string."""

    def field(number: int, content: bytes) -> bytes:
        size = len(content)
        length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
        return bytes([number << 3 | 2]) + length + content

    strings = field(1, field(1, value))
    return field(1, field(1, field(1, b"x") + field(2, strings)))


def write(path: Path, payloads: list[bytes], checksums: str = "crc32c") -> str:
    path.write_bytes(tfrecords.tfrecord(payloads, checksums))
    return str(path)


@pytest.fixture(scope="module")
def values():
    """A different string for each record."""
    chance = random.Random(6)
    return [b"%d " % number + chance.randbytes(chance.randrange(400)) for number in range(100)]


@pytest.fixture
def payloads(values):
    return [example(value) for value in values]


@pytest.fixture
def files(payloads, tmp_path):
    """The records in files of COUNTS."""
    rest = iter(payloads)
    return [
        write(tmp_path / f"train-{name}.tfrecord", list(islice(rest, count)))
        for name, count in enumerate(COUNTS)
    ]


@pipeline_def(batch_size=8, num_threads=3, device_id=None, seed=1)
def pipeline_of(reader):
    return reader()


class Reader:
    """A pipeline of one reader."""

    def __init__(self, paths, *, build=None, checkpoint=None, **options):
        def reader():
            return fn.tfr.reader(paths=paths, name="reader", seed=5, **options)

        restore = {"enable_checkpointing": True, "checkpoint": checkpoint} if checkpoint else {}
        self.pipeline = pipeline_of(build or reader, **restore)
        self.pipeline.build()

    @property
    def meta(self):
        return self.pipeline.reader_meta("reader")

    def batch(self) -> list[bytes]:
        (batch,) = self.pipeline.run()
        return [batch.at(i).tobytes() for i in range(len(batch))]

    def read(self, count: int) -> list[bytes]:
        """This many records, in complete batches."""
        read = []
        while len(read) < count:
            read += self.batch()
        return read[:count]

    def epoch(self) -> list[bytes]:
        return self.read(self.meta["epoch_size"])


class TheirReader(Reader):
    """DALI's own reader. It returns features, so the Examples are built again."""

    def __init__(self, paths, **options):
        paths = [path for path in paths if os.path.getsize(path)]
        for path in paths:
            tfr_index.create_index(path)

        def reader():
            features = {"x": tfrec.FixedLenFeature([], tfrec.string, "")}
            index_paths = [f"{path}.idx" for path in paths]
            return fn.readers.tfrecord(
                path=paths,
                index_path=index_paths,
                features=features,
                name="reader",
                seed=5,
                **options,
            )["x"]

        super().__init__(paths, build=reader)

    def batch(self) -> list[bytes]:
        return [example(value) for value in super().batch()]


@pytest.mark.parametrize("exec_dynamic", [False, True])
def test_every_record_is_read_as_it_is(tmp_path, exec_dynamic):
    chance = random.Random(7)
    sizes = [3, 0, 1, 70_000, 4096, 0, 2000, 300_000, 17, *([1800] * 90)]
    payloads = [chance.randbytes(size) for size in sizes]
    path = str(tmp_path / "train.tfrecord")
    with tfr_index.RecordWriter(path, index_path=str(tmp_path / "elsewhere.idx")) as writer:
        writer.write_many(payloads)
    pipeline = pipeline_of(lambda: fn.tfr.reader(paths=path), exec_dynamic=exec_dynamic)
    pipeline.build()
    entries = tfr_index.scan(path)
    expected = list(zip(payloads, entries, strict=True)) * 3
    for first in range(0, 2 * len(payloads), 8):
        (batch,) = pipeline.run()
        for tensor, (payload, entry) in zip(batch, expected[first : first + 8], strict=True):
            assert bytes(tensor) == payload
            assert tensor.source_info() == f"{path} at index {entry[0]}"
    assert not os.path.exists(f"{path}.idx")


OPTIONS = [
    {
        "num_shards": shards,
        "pad_last_batch": pad,
        "random_shuffle": shuffle,
        "stick_to_shard": stick,
    }
    for shards, pad, shuffle, stick in product((1, 3, 7), *[(False, True)] * 3)
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_order_is_that_of_their_reader(files, options):
    for shard in range(options["num_shards"]):
        ours = Reader(files, shard_id=shard, initial_fill=20, **options)
        theirs = TheirReader(files, shard_id=shard, initial_fill=20, **options)
        assert ours.meta == theirs.meta
        for _ in range(30):
            assert ours.batch() == theirs.batch()


def order_of(payloads: list[bytes], epoch: int, seed: int = SEED) -> list[bytes]:
    return [payloads[record] for record in tfr_index.Order(len(payloads), seed=seed, epoch=epoch)]


def test_shuffle_after_epoch_is_the_librarys_order(files, payloads):
    reader = Reader(files, shuffle_after_epoch=True)
    read = reader.read(3 * len(payloads))
    assert read == [payload for epoch in range(3) for payload in order_of(payloads, epoch)]
    assert sorted(read[:100]) == sorted(payloads)
    assert len({*map(tuple, (read[:100], read[100:200], read[200:], payloads))}) == 4
    other = Reader(files, shuffle_after_epoch=True, shuffle_after_epoch_seed=-7)
    assert other.epoch() == order_of(payloads, 0, 2**64 - 7)


def test_shuffle_chunks_is_the_librarys_order(tmp_path):
    paths = []
    for name, opener in (("a.tfrecord", open), ("b.tfrecord.gz", gzip.open)):
        payloads = [b"%s %d" % (name.encode(), number) + bytes(200_000) for number in range(60)]
        paths.append(str(tmp_path / name))
        with opener(paths[-1], "wb") as file:
            file.write(tfrecords.tfrecord(payloads))
    dataset = tfr_index.Dataset(paths)
    expected = []
    for epoch in range(2):
        order = tfr_index.Order(dataset, seed=SEED, shuffle="chunks", epoch=epoch)
        expected += dataset.read_many(order)
    options = {"shuffle_after_epoch": True, "shuffle_chunks": True}
    assert Reader(paths, **options).read(len(expected)) == expected
    shards = [Reader(paths, **options, shard_id=shard, num_shards=2) for shard in range(2)]
    assert [payload for shard in shards for payload in shard.read(60)] == expected[:120]


@pytest.mark.parametrize("num_shards", [2, 7])
def test_shards_of_a_shuffled_epoch_cover_every_record_once(files, payloads, num_shards):
    ends = [len(payloads) * shard // num_shards for shard in range(num_shards + 1)]
    shards = [
        Reader(files, shuffle_after_epoch=True, shard_id=shard, num_shards=num_shards)
        for shard in range(num_shards)
    ]
    sizes = [ends[shard + 1] - ends[shard] for shard in range(num_shards)]
    read = [shard.read(3 * size) for shard, size in zip(shards, sizes, strict=True)]
    for epoch in range(3):
        parts = [
            part[epoch * size : (epoch + 1) * size] for part, size in zip(read, sizes, strict=True)
        ]
        assert list(chain(*parts)) == order_of(payloads, epoch)


def test_padded_shards_of_a_shuffled_epoch_have_as_many_batches(files, payloads):
    options = {"shuffle_after_epoch": True, "pad_last_batch": True, "num_shards": 7}
    for shard in range(7):
        reader = Reader(files, shard_id=shard, **options)
        for epoch in range(3):
            part = order_of(payloads, epoch)[len(payloads) * shard // 7 :]
            part = part[: len(payloads) * (shard + 1) // 7 - len(payloads) * shard // 7]
            assert reader.batch() + reader.batch() == part + part[-1:] * (16 - len(part))


@pytest.mark.parametrize("batches", [0, 1, 5, 12, 13, 38])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"random_shuffle": True, "initial_fill": 20},
        {"shuffle_after_epoch": True},
        {"shuffle_after_epoch": True, "num_shards": 3, "shard_id": 1, "pad_last_batch": True},
        {"random_shuffle": True, "num_shards": 3, "shard_id": 2, "pad_last_batch": True},
        {"num_shards": 3, "shard_id": 2, "stick_to_shard": True},
    ],
    ids=str,
)
def test_checkpoint_goes_on_where_it_was_made(files, options, batches):
    def reader():
        return fn.tfr.reader(paths=files, name="reader", seed=5, **options)

    whole = pipeline_of(reader, enable_checkpointing=True)
    whole.build()
    for _ in range(batches):
        whole.run()
    checkpoint = whole.checkpoint()
    resumed = Reader(files, checkpoint=checkpoint, **options)
    for _ in range(40):
        (batch,) = whole.run()
        assert resumed.batch() == [bytes(tensor) for tensor in batch]


def damage(path: str, *records: int, byte: int) -> list[tuple[int, int]]:
    """Damages a byte in each of these records' frames; returns all entries."""
    data = bytearray(Path(path).read_bytes())
    entries = tfrecords.walk(bytes(data))
    for record in records:
        data[entries[record][0] + byte] ^= 1
    Path(path).write_bytes(data)
    return entries


@pytest.mark.parametrize("byte", [1, 13], ids=["length", "payload"])
def test_damage_is_an_error_that_says_where(files, byte):
    entries = damage(files[3], 17, byte=byte)
    place = re.escape(f"{files[3]}: record 17 at byte {entries[17][0]}: ")
    with pytest.raises(RuntimeError, match=place):
        Reader(files).epoch()
    with pytest.raises(RuntimeError, match=place):
        Reader(files, shuffle_after_epoch=True).epoch()


def test_salvage_leaves_damage_out_and_says_so(files, payloads, capfd):
    first = damage(files[0], 0, 39, byte=13)
    last = damage(files[3], 17, byte=3)
    data = Path(files[3]).read_bytes()
    Path(files[3]).write_bytes(data[:-5])
    tfr_index.create_index(files[0], salvage=True, on_skipped=lambda region: None)  # ignored here
    lost = {0, 39, 41 + 17, 41 + 58}
    left = [payload for record, payload in enumerate(payloads) if record not in lost]
    for options in ({}, {"shuffle_after_epoch": True}, {"random_shuffle": True}):
        capfd.readouterr()
        reader = Reader(files, salvage=True, **options)
        warnings = capfd.readouterr().err.splitlines()
        # Each with the number of the record that comes after the damage.
        regions = [(files[0], 0, first[0]), (files[0], 38, first[39])]
        regions += [(files[3], 17, last[17]), (files[3], 57, last[58])]
        assert len(warnings) == len(regions)
        for line, (path, record, (offset, _)) in zip(warnings, regions, strict=True):
            assert f"{path}: record {record} at byte {offset}: " in line
            assert f"; skipped bytes {offset} to " in line
        assert sorted(reader.epoch()) == sorted(left)
        assert reader.epoch() and not capfd.readouterr().err
    with pytest.raises(RuntimeError, match=re.escape(files[3])):
        Reader(files)


def test_salvage_by_lengths_lets_payloads_be(files, payloads, capfd):
    damage(files[0], 7, byte=30)
    reader = Reader(files, salvage=True, checksums="length")
    assert reader.meta["epoch_size"] == 100 and not capfd.readouterr().err
    assert [a == b for a, b in zip(reader.epoch(), payloads, strict=True)].count(False) == 1


def test_checksums(files, payloads, tmp_path):
    unchecked = write(tmp_path / "zeros.tfrecord", payloads, "zeros")
    assert Reader([unchecked]).epoch() == payloads
    for checksums in ("auto", "none"):
        assert Reader([unchecked], checksums=checksums).epoch() == payloads
    for checksums in ("full", "length"):
        with pytest.raises(RuntimeError, match=re.escape(unchecked)):
            Reader([unchecked], checksums=checksums)
    damage(files[0], 7, byte=30)
    for checksums in ("length", "none"):
        assert len(set(Reader(files, checksums=checksums).epoch()) - set(payloads)) == 1
    with pytest.raises(RuntimeError, match=re.escape(f"{files[0]}: record 7 ")):
        Reader(files).epoch()


def test_index_beside_the_file_is_used_if_it_accounts_for_all_records(files, payloads, capfd):
    index, index_path = tfr_index.scan(files[0]), f"{files[0]}.idx"
    index[::-1].write(index_path)
    assert Reader(files).epoch() == payloads[39::-1] + payloads[40:]
    assert "is not used" not in capfd.readouterr().err
    others = tfr_index.scan(files[3])[:40]
    for text in [others.to_text(), *(index.shard(rank, 4).to_text() for rank in range(4)), "none"]:
        Path(index_path).write_text(text)
        assert Reader(files).epoch() == payloads
        [line] = [line for line in capfd.readouterr().err.splitlines() if index_path in line]
        assert line.endswith("; this index is not used, the data is scanned")


def test_shards_that_are_given_are_used(files, payloads, tmp_path):
    shard = str(tmp_path / "shard.idx")
    for rank in range(4):
        tfr_index.scan(files[0]).shard(rank, 4).write(shard)
        given = Reader(files[0], index_paths=shard)
        assert given.epoch() == payloads[10 * rank : 10 * (rank + 1)]


def test_index_that_leaves_a_damaged_end_out_is_used(files, payloads, capfd):
    data = Path(files[0]).read_bytes()
    for end in (data[:-1], data[:-30] + bytes(30), data + b"junk" * 20, data + data[:20]):
        Path(files[0]).write_bytes(end)
        count = tfr_index.create_index(
            files[0], checksums="full", salvage=True, on_skipped=lambda region: None
        )
        assert Reader(files[0]).epoch() == payloads[:count]
        assert "is not used" not in capfd.readouterr().err


def test_index_paths_select_and_reorder(files, payloads, tmp_path):
    chosen = ([3, 39, 3, 0], [], [], [58, *range(20)])
    index_paths = []
    for number, (file, records) in enumerate(zip(files, chosen, strict=True)):
        index_paths.append(str(tmp_path / f"{number}.idx"))
        tfr_index.scan(file).select(records).write(index_paths[-1])
    expected = [payloads[record] for record in chosen[0]]
    expected += [payloads[41 + record] for record in chosen[3]]
    assert Reader(files, index_paths=index_paths).read(50) == (expected * 2)[:50]
    for wrong in (0, 3):  # each index belongs to the other file
        place = re.escape(f"{files[wrong]}: record ") + r"\d+ at byte \d+: the index has "
        with pytest.raises(RuntimeError, match=place):
            Reader(files[wrong], index_paths=index_paths[3 - wrong]).epoch()


def test_records_behind_the_end_of_their_file_take_no_memory(files, tmp_path):
    index = tmp_path / "large.idx"
    index.write_text(f"0 16\n16 {2**60}\n32 16\n")
    place = re.escape(f"{files[0]}: record 1 at byte 16: the index has a frame up to byte ")
    with pytest.raises(RuntimeError, match=place):
        Reader(files[0], index_paths=str(index)).batch()


def test_files_without_records(files, payloads, tmp_path):
    empty, other = (write(tmp_path / f"{name}.tfrecord", []) for name in ("empty", "other"))
    assert Reader([empty, *files, other]).epoch() == payloads
    for paths in (empty, [empty], [empty, other]):
        with pytest.raises(ValueError, match=re.escape(f"{empty}: contains no records")):
            Reader(paths)
    with pytest.raises(ValueError, match=re.escape(f"{empty}: contains no records")):
        Reader(files[0], index_paths=empty)


def test_paths_are_one_or_many_and_may_be_relative(files, payloads, monkeypatch):
    monkeypatch.chdir(Path(files[0]).parent)
    assert Reader("train-0.tfrecord").epoch() == payloads[:40]
    assert Reader(["./train-1.tfrecord", "train-3.tfrecord"]).epoch() == payloads[40:]


def test_paths_are_those_of_every_data_set(files, payloads, tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    for number, path in enumerate(files):
        os.link(path, folder / f"part-{number:05}-of-00004.tfrecord")
    names = (
        "",
        "/part-*",
        "/part@4.tfrecord",
        "/**/*.tfrecord",
        "/part-0000{0..3}-of-00004.tfrecord",
    )
    for name in names:
        assert Reader(f"{folder}{name}").epoch() == payloads
    with pytest.raises(RuntimeError, match="cannot find"):
        Reader(f"{folder}/none-*")
    with pytest.raises(ValueError, match="is given twice"):
        Reader([files[0], files[0]])
    (folder / "part-00002-of-00004.tfrecord").unlink()
    with pytest.raises(RuntimeError, match=r"part-00002-of-00004\.tfrecord: cannot find"):
        Reader(str(folder))


def test_index_dir_has_an_index_for_each_file(files, payloads, tmp_path):
    indexes = tmp_path / "indexes"
    indexes.mkdir()
    for path in files:
        tfr_index.scan(path)[::-1].write(indexes / f"{Path(path).name}.idx")
    expected = payloads[39::-1] + payloads[40:41] + payloads[:40:-1]
    assert Reader(files, index_dir=str(indexes)).epoch() == expected
    given = [str(indexes / f"{Path(path).name}.idx") for path in files]
    with pytest.raises(ValueError, match="index_paths and index_dir cannot be used together"):
        Reader(files, index_dir=str(indexes), index_paths=given)
    os.remove(given[1])
    with pytest.raises(RuntimeError, match=re.escape(f"{given[1]}: cannot find")):
        Reader(files, index_dir=str(indexes))


def test_manifest_needs_no_file_to_build_the_pipeline(files, payloads, tmp_path, capfd):
    manifest = str(tmp_path / "train.manifest.json")
    tfr_index.Manifest.build(files).write(manifest)
    for options in ({}, {"shuffle_after_epoch": True}, {"num_shards": 3, "shard_id": 2}):
        expected = Reader(files, **options)
        reader = Reader(manifest, **options)
        assert reader.meta == expected.meta and reader.epoch() == expected.epoch()
    Path(f"{files[3]}.idx").write_text("0 16\n")
    os.rename(files[3], f"{files[3]}.away")
    reader = Reader(manifest)
    os.rename(f"{files[3]}.away", files[3])
    assert "is not used" not in capfd.readouterr().err
    assert reader.read(300) == payloads * 3
    assert capfd.readouterr().err.count(f"{files[3]}.idx: ") == 1
    with open(files[3], "ab") as file:
        file.write(Path(files[1]).read_bytes())
    with pytest.raises(RuntimeError, match=re.escape(files[3]) + ": .*refresh train.manifest.json"):
        Reader(manifest).epoch()
    with pytest.raises(RuntimeError, match=re.escape(f"{files[0]}.manifest.json: cannot open")):
        Reader(f"{files[0]}.manifest.json")


def test_readers_side_by_side(files, payloads):
    theirs = TheirReader(files).epoch()

    def readers():
        features = {"x": tfrec.FixedLenFeature([], tfrec.string, "")}
        index = f"{files[0]}.idx"
        return (
            fn.tfr.reader(paths=files),
            fn.tfr.reader(paths=files, shuffle_after_epoch=True, lazy_init=True),
            fn.readers.tfrecord(path=files[0], index_path=index, features=features)["x"],
        )

    pipeline = pipeline_of(readers)
    pipeline.build()
    read = [[], [], []]
    for _ in range(13):
        for tensors, batch in zip(read, pipeline.run(), strict=True):
            tensors += map(bytes, batch)
    assert read[0][:100] == payloads == theirs
    assert read[1][:100] == order_of(payloads, 0)
    assert [example(value) for value in read[2]][:40] == payloads[:40]


def test_pipeline_can_be_stored(files, payloads):
    stored = Reader(files, shuffle_after_epoch=True).pipeline.serialize()
    pipeline = Pipeline.deserialize(stored)
    assert [bytes(tensor) for tensor in pipeline.run()[0]] == order_of(payloads, 0)[:8]


def open_files(folder: Path) -> int:
    return sum(
        os.path.dirname(os.path.realpath(link)) == str(folder)
        for link in Path("/proc/self/fd").iterdir()
    )


@pytest.mark.parametrize("shuffle", [False, True])
def test_open_files_are_bounded(tmp_path, shuffle):
    payloads = [b"%d" % number for number in range(180)]
    files = [
        write(tmp_path / f"{first}.tfrecord", payloads[first : first + 3])
        for first in range(0, 180, 3)
    ]
    reader = Reader(files, max_open_files=5, shuffle_after_epoch=shuffle)
    read = []
    while len(read) < 180:
        assert open_files(tmp_path) <= 5
        read += reader.batch()
    assert read[:180] == (order_of(payloads, 0) if shuffle else payloads)
    unbounded = Reader(files, max_open_files=sys.maxsize)
    unbounded.epoch()
    assert open_files(tmp_path) >= 60


@pytest.mark.parametrize(
    "options, message",
    [
        ({"checksums": "some"}, '"some", but must be "auto"'),
        ({"index_paths": ["a.idx"]}, "index_paths needs one index for each path: 4, not 1"),
        ({"index_paths": ["a.idx"] * 4, "salvage": True}, "cannot be used together"),
        ({"salvage": True, "checksums": "none"}, "salvage needs checksums"),
        ({"max_open_files": -1}, "max_open_files must be at least 0"),
        ({"index_paths": ["a.idx\0b"] * 4}, "a.idx: a path cannot contain a NUL"),
        (
            {"shard_id": -1, "num_shards": 2, "shuffle_after_epoch": True},
            "shard_id must be at least",
        ),
        ({"shard_id": -101, "stick_to_shard": True}, "shard_id must be at least"),
        ({"random_shuffle": True, "initial_fill": 0}, "initial_fill must be at least 1"),
        ({"skip_cached_images": True}, "skip_cached_images cannot be true"),
        ({"shuffle_after_epoch": True, "stick_to_shard": True}, "cannot both be true"),
        ({"shuffle_after_epoch": True, "random_shuffle": True}, "cannot both be true"),
        ({"shuffle_chunks": True}, "says how shuffle_after_epoch shuffles: set both to true"),
    ],
    ids=str,
)
def test_arguments_that_make_no_sense(files, options, message):
    with pytest.raises(ValueError, match=message):
        Reader(files, **options)


def test_files_that_are_not_there(files, tmp_path):
    missing = str(tmp_path / "missing.tfrecord")
    with pytest.raises(RuntimeError, match=re.escape(f"{missing}: cannot open")):
        Reader([*files, missing])
    with pytest.raises(RuntimeError, match=re.escape(f"{missing}: cannot open")):
        Reader([*files, missing], lazy_init=True).batch()
    with pytest.raises(RuntimeError, match=re.escape(f"{missing}: cannot open")):
        Reader(files, index_paths=[missing] * 4)
    with pytest.raises(ValueError, match="paths is empty"):
        Reader([])
    with pytest.raises(ValueError, match=re.escape(f"{files[0]}: a path cannot contain a NUL")):
        Reader(f"{files[0]}\0.tfrecord")
    with pytest.raises(RuntimeError, match="at least equal to the requested number of shards"):
        Reader(files, num_shards=101)
