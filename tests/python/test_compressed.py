"""Files that are compressed as a whole: by zlib with all its options, and by Snappy."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import gzip
import os
import random
import shutil
import subprocess
import zlib
from pathlib import Path

import deflate
import pytest
import tfr_index
from hypothesis import given, settings
from hypothesis import strategies as st
from isal import igzip, isal_zlib
from tfrecords import tfrecord, walk

CHANCE = random.Random(5)
WORDS = [CHANCE.randbytes(CHANCE.randrange(2, 12)) for _ in range(300)]
PAYLOADS = [
    b" ".join(CHANCE.choices(WORDS, k=CHANCE.randrange(1, 400)))
    if number % 5
    else CHANCE.randbytes(CHANCE.randrange(9000))
    for number in range(1500)
]
DATA = tfrecord(PAYLOADS)
ENTRIES = walk(DATA)
FLUSHES = (
    zlib.Z_NO_FLUSH,
    zlib.Z_PARTIAL_FLUSH,
    zlib.Z_SYNC_FLUSH,
    zlib.Z_FULL_FLUSH,
    zlib.Z_BLOCK,
)


def compressed(data, bits=31, level=6, strategy=0, flush=zlib.Z_NO_FLUSH, step=1 << 30, memory=8):
    packer = zlib.compressobj(level, zlib.DEFLATED, bits, memory, strategy)
    pieces = []
    for at in range(0, len(data), step):
        pieces += [packer.compress(data[at : at + step]), packer.flush(flush)]
    return b"".join([*pieces, packer.flush()])


def bgzf(data):
    """Members of at most 64 KiB that say their own size, and an empty one at the end."""
    out = []
    for piece in [data[at : at + 65280] for at in range(0, len(data), 65280)] + [b""]:
        body = compressed(piece, -15)
        size = (len(body) + 25).to_bytes(2, "little")
        out += [b"\x1f\x8b\x08\4\0\0\0\0\0\xff\6\0BC\2\0", size, body]
        out += [zlib.crc32(piece).to_bytes(4, "little"), len(piece).to_bytes(4, "little")]
    return b"".join(out)


def snappy(data, size=256 << 10):
    """TensorFlow's container: blocks with their sizes. Here they hold literals alone."""
    blocks = []
    for block in (data[at : at + size] for at in range(0, len(data), size)):
        pieces = [block[at : at + 60] for at in range(0, len(block), 60)]
        packed = bytearray()
        left = len(block)
        while left > 0x7F:
            packed.append(left & 0x7F | 0x80)
            left >>= 7
        packed.append(left)
        for piece in pieces:
            packed += bytes([len(piece) - 1 << 2]) + piece
        blocks += [len(packed).to_bytes(4, "big"), bytes(packed)]
    return b"".join(blocks)


SNAPSHOT = Path(__file__).parent.parent / "data" / "tfdata.snapshot"
CONTAINERS = {
    "gzip": gzip.compress(DATA),
    "gzip of Python, without a time": gzip.compress(DATA, mtime=0),
    "as TensorFlow's GZIP": compressed(DATA, memory=9),
    "as TensorFlow's ZLIB": compressed(DATA, 15, memory=9),
    "zlib, small window": compressed(DATA, 9),
    "stored": compressed(DATA, level=0),
    "fastest": compressed(DATA, level=1),
    "fixed": compressed(DATA, strategy=zlib.Z_FIXED),
    "Huffman only": compressed(DATA, strategy=zlib.Z_HUFFMAN_ONLY),
    "run lengths": compressed(DATA, strategy=zlib.Z_RLE),
    **{f"flush {flush}": compressed(DATA, flush=flush, step=70_000) for flush in FLUSHES[1:]},
    "flushed often": compressed(DATA, flush=zlib.Z_SYNC_FLUSH, step=100),
    "a member for each record": b"".join(
        gzip.compress(DATA[offset : offset + size]) for offset, size in ENTRIES
    ),
    "many members": b"".join(
        gzip.compress(DATA[at : at + 300_001]) for at in range(0, len(DATA), 300_001)
    ),
    "empty members": gzip.compress(b"") * 3 + gzip.compress(DATA) + gzip.compress(b""),
    "BGZF": bgzf(DATA),
    "Snappy": snappy(DATA),
    "Snappy, small blocks": snappy(DATA, 1000),
    "zeros at the end": gzip.compress(DATA) + bytes(10_000),
}


@pytest.fixture(params=CONTAINERS)
def path(request, tmp_path):
    path = tmp_path / "train.tfrecord.gz"
    path.write_bytes(CONTAINERS[request.param])
    return path


def test_all_records_are_read_whatever_is_there(path):
    records = [CHANCE.randrange(len(PAYLOADS)) for _ in range(200)]
    expected = [PAYLOADS[record] for record in records]
    for step in ("nothing", "both", "seek file", "index"):
        if step == "both":
            assert tfr_index.create_index(path, checksums="full") == len(PAYLOADS)
        elif step == "seek file":
            os.remove(f"{path}.idx")
        elif step == "index":
            tfr_index.create_index(path)
            os.remove(f"{path}.seek")
        reader = tfr_index.Reader(path)
        assert len(reader) == len(PAYLOADS)
        assert list(reader.index) == ENTRIES
        assert reader.read_many(records) == expected
        assert list(reader) == PAYLOADS
        assert [reader[record] for record in records[:20]] == expected[:20]
        reader.close()
    tfr_index.read_index(f"{path}.idx").check(path, "full")


def test_data_sets_mix_plain_and_compressed_shards(tmp_path):
    plain, packed = tmp_path / "a.tfrecord", tmp_path / "b.tfrecord.gz"
    plain.write_bytes(DATA)
    packed.write_bytes(CONTAINERS["gzip"])
    tfr_index.create_index(packed)
    data = tfr_index.Dataset(str(tmp_path))
    assert len(data) == 2 * len(PAYLOADS)
    order = list(range(len(data)))
    CHANCE.shuffle(order)
    assert data.read_many(order[:500]) == [PAYLOADS[i % len(PAYLOADS)] for i in order[:500]]


def test_ranks_share_chunks_of_plain_and_compressed_shards(tmp_path):
    """Each record comes once, also after a stop; all ranks and all copies have the same chunks."""
    for name, data in (("a", DATA), ("b", CONTAINERS["gzip"]), ("c", CONTAINERS["BGZF"])):
        tmp_path.joinpath(f"{name}.tfrecord").write_bytes(data)
    records = []
    for rank in range(3):
        data = tfr_index.Dataset(str(tmp_path))  # without indexes
        order = tfr_index.Order(data, seed=7, shuffle="chunks", rank=rank, world_size=3)
        size = order.state_dict()["chunk_records"]
        assert size == data.chunk_records() and size * len(DATA) // len(PAYLOADS) in range(
            2_000_000, 2_200_000
        )
        assert data[100:][::-7].chunk_records() == size // 7
        order = order.replace(chunk_records=100)
        batches = data.batches(64, order)
        first = [(next(batches), batches.records) for _ in range(10)]
        order = tfr_index.Order(**order.state_dict() | {"start": batches.state()})
        batches = tfr_index.Dataset(str(tmp_path)).batches(64, order, prefetch=0)
        for payloads, numbers in (*first, *((batch, batches.records) for batch in batches)):
            assert payloads == [PAYLOADS[record % len(PAYLOADS)] for record in numbers]
            records += numbers
    assert sorted(records) == list(range(3 * len(PAYLOADS)))


@pytest.mark.parametrize("bits", [31, 15])
def test_every_cut_is_noticed(tmp_path, bits):
    small = tfrecord([b"hello", b"", b"x" * 300])
    whole = compressed(small, bits)
    path = tmp_path / "x"
    for end in range(1, len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(tfr_index.TfrError) as raised:
            tfr_index.scan(path)
        if bits == 31 or end > 40:
            known = ("TFR_ERR_TRUNCATED", "TFR_ERR_NOT_TFRECORD")
            assert raised.value.status in known[: 1 if end > 2 else 2], end
    path.write_bytes(whole)
    assert list(tfr_index.scan(path)) == walk(small)


def test_snapshots_of_tf_data_are_read(tmp_path):
    """Their first block says that it is one, by a record's header inside it."""
    path = tmp_path / "00000000.snapshot"
    whole = SNAPSHOT.read_bytes()
    path.write_bytes(whole)
    assert tfr_index.create_index(path, checksums="full") == 2000
    with tfr_index.Reader(path, checksums="full") as reader:
        payloads = list(reader)
        assert reader.read_many([1999, 5, 1000]) == [payloads[1999], payloads[5], payloads[1000]]
    assert len(tfrecord(payloads)) == 57_277
    os.remove(f"{path}.idx")
    for end in range(40, len(whole), 61):
        path.write_bytes(whole[:end])
        with pytest.raises(tfr_index.TfrError, match=f"ends at byte {end},") as raised:
            tfr_index.scan(path)
        assert raised.value.status == "TFR_ERR_TRUNCATED"
    path.write_bytes(whole + b"\0\0\0\2\1\7")
    with pytest.raises(tfr_index.TfrError, match=f"damaged at byte {len(whole)},") as raised:
        tfr_index.scan(path)
    assert raised.value.status == "TFR_ERR_COMPRESSED" and raised.value.record == 2000


@pytest.mark.parametrize("bits", [31, 15])
def test_no_flipped_bit_makes_a_wrong_record(tmp_path, bits):
    small = tfrecord([b"hello", b"a word, a word, and a word", b"x" * 300])
    whole, path = compressed(small, bits), tmp_path / "x"
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            with tfr_index.Reader(path, checksums="none") as reader:
                assert list(reader) == [b"hello", b"a word, a word, and a word", b"x" * 300]
        except tfr_index.TfrError:
            pass


def test_errors_name_the_compressed_byte_and_the_record(tmp_path):
    path = tmp_path / "x.gz"
    whole = CONTAINERS["gzip"]
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(tfr_index.TfrError) as raised:
        tfr_index.create_index(path)
    error = raised.value
    assert error.status == "TFR_ERR_TRUNCATED" and error.path == str(path)
    assert f"ends at byte {len(whole) // 2}," in str(error)
    assert error.offset == ENTRIES[error.record][0]
    assert os.listdir(tmp_path) == ["x.gz"]

    damaged = bytearray(whole)
    damaged[-6] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(tfr_index.TfrError, match="CRC-32 of a member is wrong") as raised:
        tfr_index.scan(path)
    assert raised.value.status == "TFR_ERR_COMPRESSED"
    assert raised.value.record == len(PAYLOADS)
    path.write_bytes(CONTAINERS["as TensorFlow's ZLIB"] * 2)
    with pytest.raises(tfr_index.TfrError, match="more bytes follow the end of the zlib stream"):
        tfr_index.scan(path)


def test_salvage_finds_what_is_before_damage_and_in_later_members(tmp_path):
    path = tmp_path / "x.gz"
    first, last = tfrecord(PAYLOADS[:500]), tfrecord(PAYLOADS[500:])
    damaged = bytearray(gzip.compress(first))
    damaged[len(damaged) // 2] ^= 0xFF
    path.write_bytes(bytes(damaged) + gzip.compress(last))
    regions = []
    options = {"salvage": True, "checksums": "full", "on_skipped": regions.append}
    count = tfr_index.create_index(path, **options)
    assert 1100 < count < 1500 and regions
    assert not Path(f"{path}.seek").exists()
    with tfr_index.Reader(path) as reader:
        payloads = list(reader)
    assert payloads[-1000:] == PAYLOADS[500:]
    assert all(payload in PAYLOADS for payload in payloads)


class Ranges:
    """An object in a store, which counts the bytes that are read."""

    def __init__(self, data):
        self.data, self.size, self.read = data, len(data), 0

    def pread(self, size, offset):
        self.read += size
        return self.data[offset : offset + size]


@pytest.mark.parametrize("name", ["gzip", "as TensorFlow's ZLIB", "Snappy"])
def test_objects_are_decompressed(tmp_path, name):
    path = tmp_path / "x"
    path.write_bytes(CONTAINERS[name])
    tfr_index.create_index(path)
    index, seek_file = tfr_index.read_index(f"{path}.idx"), Path(f"{path}.seek").read_bytes()
    whole = Ranges(CONTAINERS[name])
    with tfr_index.Reader(tfr_index.GzipSource(whole)) as reader:
        assert list(reader) == PAYLOADS and list(reader.index) == ENTRIES
    for points in (f"{path}.seek", memoryview(seek_file)):
        ranges = Ranges(CONTAINERS[name])
        with tfr_index.Reader(tfr_index.GzipSource(ranges, seek_file=points), index) as reader:
            assert reader[1400] == PAYLOADS[1400]
            assert ranges.read < ranges.size // 2 < whole.read
            assert reader.read_many([7, 1499, 7]) == [PAYLOADS[7], PAYLOADS[1499], PAYLOADS[7]]
    memory = tfr_index.GzipSource(memoryview(CONTAINERS[name]))
    assert list(tfr_index.scan(memory)) == ENTRIES
    index.check(memory, "full")
    assert tfr_index.create_index(memory, tmp_path / "y.idx") == len(PAYLOADS)
    assert list(tfr_index.scan(tfr_index.GzipSource(memoryview(DATA)))) == ENTRIES
    with pytest.raises(tfr_index.TfrMismatch, match="not that of this data"):
        tfr_index.GzipSource(memoryview(CONTAINERS[name] + b"x"), seek_file=memoryview(seek_file))
    with pytest.raises(ValueError, match="is a path"):
        tfr_index.GzipSource(path)


def test_damage_of_objects_and_what_they_raise_are_errors():
    half = CONTAINERS["gzip"][: len(CONTAINERS["gzip"]) // 2]
    for use in (tfr_index.Reader, tfr_index.scan):
        with pytest.raises(tfr_index.TfrError, match="ends at byte") as raised:
            use(tfr_index.GzipSource(memoryview(half)))
        assert raised.value.status == "TFR_ERR_TRUNCATED"

    class Broken(Ranges):
        def pread(self, size, offset):
            if offset > 100_000:
                raise LookupError("gone")
            return super().pread(size, offset)

    with pytest.raises(LookupError, match="gone"):
        tfr_index.Reader(tfr_index.GzipSource(Broken(CONTAINERS["gzip"])))


@pytest.fixture
def cache_bytes():
    before = tfr_index.cache_bytes()
    yield
    tfr_index.set_cache_bytes(before)


def test_the_size_of_the_cache_is_set(tmp_path, cache_bytes):
    assert tfr_index.cache_bytes() == 64 << 20
    path = tmp_path / "x.gz"
    path.write_bytes(CONTAINERS["gzip"])
    with tfr_index.Reader(path) as reader:
        for size in (0, 300_000, 1 << 40, 0):
            tfr_index.set_cache_bytes(size)
            assert tfr_index.cache_bytes() == size
            assert [reader[record] for record in range(0, 1500, 50)] == PAYLOADS[::50]
    for wrong in (-1, 1 << 64):
        with pytest.raises(ValueError, match="size must be between"):
            tfr_index.set_cache_bytes(wrong)


def test_what_needs_plain_files_is_refused(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(CONTAINERS["gzip"])
    for option, message in [("resume", "cannot be continued"), ("allow_incomplete_tail", "grows")]:
        with pytest.raises(ValueError, match=message):
            tfr_index.create_index(path, **{option: True})
    (tmp_path / "x.gz.seek").write_text("something else")
    with pytest.raises(ValueError, match="refusing to overwrite"):
        tfr_index.create_index(path)
    assert (tmp_path / "x.gz.seek").read_text() == "something else"


#: The encoders of igzip and libdeflate.
ENCODERS = {
    **{
        f"igzip -{level}": lambda data, level=level: igzip.compress(data, level)
        for level in range(4)
    },
    "igzip, zlib": isal_zlib.compress,
    **{
        f"libdeflate -{level}": lambda data, level=level: deflate.gzip_compress(data, level)
        for level in (1, 6, 12)
    },
    "libdeflate, zlib": deflate.zlib_compress,
}


@pytest.mark.parametrize("name", ENCODERS)
def test_what_other_encoders_write_is_read(tmp_path, name):
    path = tmp_path / "x"
    path.write_bytes(ENCODERS[name](DATA))
    assert tfr_index.create_index(path, checksums="full") == len(PAYLOADS)
    with tfr_index.Reader(path) as reader:
        assert [reader[record] for record in range(1499, -1, -100)] == PAYLOADS[1499::-100]
        assert list(reader) == PAYLOADS


@pytest.mark.parametrize("command", ["gzip", "pigz", "bgzip", "igzip", "libdeflate-gzip"])
def test_what_commands_write_is_read(tmp_path, command):
    if not shutil.which(command):
        pytest.skip(f"{command} is not installed")
    packed = subprocess.run([command, "-c"], input=DATA, check=True, capture_output=True).stdout
    (tmp_path / "x").write_bytes(packed)
    assert tfr_index.create_index(tmp_path / "x", checksums="full") == len(PAYLOADS)
    with tfr_index.Reader(tmp_path / "x") as reader:
        assert reader[1400] == PAYLOADS[1400] and list(reader) == PAYLOADS


@pytest.mark.skipif(not shutil.which("gztool"), reason="gztool is not installed")
@pytest.mark.parametrize("name", ["gzip", "many members", "stored"])
def test_gztool_reads_our_seek_files(tmp_path, name):
    path = tmp_path / "x.gz"
    path.write_bytes(CONTAINERS[name])
    tfr_index.create_index(path)
    for at in (0, 1, 300_000, 1_000_000, len(DATA) - 10):
        command = ["gztool", "-b", str(at), "-I", f"{path}.seek", path]
        read = subprocess.run(command, check=True, capture_output=True).stdout
        assert read == DATA[at:]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.binary(max_size=4000) | st.integers(0, 60_000).map(bytes), max_size=8),
    st.sampled_from([31, 15]),
    st.integers(0, 9),
    st.integers(0, 4),
    st.sampled_from(FLUSHES),
    st.integers(1, 5000),
)
def test_all_that_zlib_writes_is_read(
    tmp_path_factory, payloads, bits, level, strategy, flush, step
):
    path = tmp_path_factory.mktemp("zlib") / "x"
    path.write_bytes(compressed(tfrecord(payloads), bits, level, strategy, flush, step))
    assert list(tfr_index.Reader(path)) == payloads


def test_a_record_without_checksums_that_looks_compressed_is_plain(tmp_path):
    for length in (0x08_8B1F, 0x9C78, 0x0178):
        path = tmp_path / "x"
        path.write_bytes(tfrecord([bytes(length)], "zeros"))
        assert [len(payload) for payload in tfr_index.Reader(path)] == [length]
        path.write_bytes(tfrecord([bytes(length)]))
        assert [len(payload) for payload in tfr_index.Reader(path)] == [length]
