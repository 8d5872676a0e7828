"""`Reader`: payloads by record number, compared with slices of the file's bytes."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import gc
import pickle
import random
import threading
import time
from array import array
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tfr_index
from hypothesis import given
from hypothesis import strategies as st
from interrupts import descriptors
from tfr_index import Reader, _iterate, _memory, _reader
from tfrecords import frame, payloads, tfrecord, walk

SIZES = [0, 1, 1, 2, 12, 100, 4096, 70_000]
PAYLOADS = [random.Random(n).randbytes(SIZES[n % len(SIZES)]) for n in range(100)]
HUGE = [b"before", bytes(range(256)) * (5 << 12), b"after"]  # more than one read gives


def write(path: Path, contents: list[bytes], checksums: str = "crc32c") -> Path:
    path.write_bytes(tfrecord(contents, checksums))
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("reader") / "x.tfrecord", PAYLOADS)


@pytest.fixture
def small_pieces(monkeypatch):
    """Reads in many pieces of 100 bytes or seven records, instead of one."""
    for module, size in ((_reader, "_PIECE"), (_reader, "_LARGE_PIECE"), (_memory, "SPARE")):
        monkeypatch.setattr(module, size, 100)
    monkeypatch.setattr(_iterate, "_MANY", 7)
    monkeypatch.setattr(_memory, "_spare", [])


def test_a_reader_is_like_a_list_of_payloads(data):
    reader = Reader(data)
    assert len(reader) == len(PAYLOADS)
    assert [reader[record] for record in range(-100, 100)] == PAYLOADS + PAYLOADS
    assert list(reader) == PAYLOADS
    assert list(reversed(reader)) == PAYLOADS[::-1]
    assert reader[np.int64(5)] == PAYLOADS[5]
    assert PAYLOADS[7] in reader and b"none of them" not in reader
    assert repr(reader) == f"<tfr_index.Reader of 100 records of {data}>"


def test_payloads_of_one_byte_are_bytes_of_their_own(tmp_path):
    every = [bytes([byte]) for byte in range(256)]
    assert list(map(Reader(write(tmp_path / "x", every)).__getitem__, range(256))) == every
    assert bytes(1) == b"\0" and bytes([7]) == b"\7"


@given(st.slices(100), st.lists(st.integers(-100, 99), max_size=30))
def test_slices_are_readers(data, part, records):
    reader, expected = Reader(data)[part], PAYLOADS[part]
    assert list(reader) == expected
    assert list(reader[::-1]) == expected[::-1]
    assert [reader.index[n][1] - 16 for n in range(len(reader))] == [len(one) for one in expected]
    records = [record for record in records if -len(expected) <= record < len(expected)]
    assert reader.read_many(records) == [expected[record] for record in records]
    assert [bytes(one) for one in reader.read_buffer(records)] == reader.read_many(records)


FORMS = {
    "list": list,
    "tuple": tuple,
    "iterator": iter,
    "array": lambda records: array("q", records),
    "array of 32 bits": lambda records: array("i", records),
    "numpy": np.array,
    "numpy, 16 bits": lambda records: np.array(records, np.int16),
    "numpy, strides": lambda records: np.repeat(records, 2)[::2],
    "numpy, other byte order": lambda records: np.array(records, ">i8"),
}


@pytest.mark.parametrize("form", FORMS)
def test_records_may_be_given_in_any_form(data, form):
    for records in ([3, 1, 4, 1, 5, 9, 2, 6], [-1, 0, -100, 99], [7]):
        expected = [PAYLOADS[record] for record in records]
        assert Reader(data).read_many(FORMS[form](records)) == expected
        assert Reader(data)[:].read_many(FORMS[form](records)) == expected
        assert Reader(data)[::-1].read_many(FORMS[form](records)) == [
            PAYLOADS[-1 - record] for record in records
        ]
    assert Reader(data).read_many(range(99, -1, -3)) == PAYLOADS[99::-3]
    assert Reader(data).read_many(np.arange(100, dtype=np.uint64)) == PAYLOADS


@pytest.mark.parametrize("record", [100, -101, 2**64, -(2**70), 2**63])
def test_numbers_that_are_none_are_index_errors(data, record):
    for reader in (Reader(data), Reader(data)[::-1]):
        message = rf"^record {record} is not in <tfr_index.Reader of 100 records of .*x.tfrecord>$"
        with pytest.raises(IndexError, match=message):
            reader[record]
        with pytest.raises(IndexError, match=message):
            reader.read_many([0, record])
        with pytest.raises(IndexError, match=message):
            reader.read_buffer(iter([record]))
    if -(2**63) <= record < 2**63:
        with pytest.raises(IndexError, match=message):
            Reader(data).read_many(np.array([5, record]))


@pytest.mark.parametrize("record", ["1", 1.0, None, b"1"])
def test_what_is_no_number_is_a_type_error(data, record):
    with pytest.raises(TypeError):
        Reader(data)[record]
    with pytest.raises(TypeError):
        Reader(data).read_many([record])
    with pytest.raises(TypeError):
        Reader(data).read_many(np.array([1.0]))
    with pytest.raises(TypeError, match="mask"):
        Reader(data).read_many(np.ones(100, bool))


def test_to_find_a_payload_only_those_of_its_size_are_read(tmp_path):
    path = write(tmp_path / "x", [b"a", b"bb", b"ccc", b"bb"])
    data = bytearray(path.read_bytes())
    data[-1 - 18 - 4] ^= 1  # in the payload of three bytes
    reader = Reader(data)
    with pytest.raises(tfr_index.TfrError):
        list(reader)
    assert b"bb" in reader and bytearray(b"bb") in reader[:0:-1] and b"a" not in reader[1:]
    assert b"dd" not in reader and b"" not in reader and "bb" not in reader and None not in reader
    with pytest.raises(tfr_index.TfrError):
        b"ccd" in reader  # noqa: B015
    assert b"bb" not in Reader(data, raw_frames=True) and frame(b"bb") in Reader(
        data, raw_frames=True
    )
    reader.close()
    with pytest.raises(ValueError, match="closed"):
        b"bb" in reader  # noqa: B015


def test_a_buffer_holds_all_payloads_and_numpy_takes_it_as_it_is(data):
    records = [7, 0, 99, 7]
    found = Reader(data).read_buffer(records)
    expected = [PAYLOADS[record] for record in records]
    assert (len(found), found.data) == (4, b"".join(expected))
    assert [bytes(one) for one in found] == [bytes(found[n]) for n in range(4)] == expected
    assert bytes(found[-1]) == expected[-1] and [bytes(one) for one in found[1:3]] == expected[1:3]
    assert repr(found) == f"<tfr_index.Payloads of 4 payloads, {len(found.data)} bytes>"
    with pytest.raises(IndexError):
        found[4]
    numbers, offsets = np.asarray(found.data), np.asarray(found.offsets)
    assert numbers.dtype == np.uint8 and offsets.dtype == np.uint64
    del found
    gc.collect()
    assert numbers[offsets[2] : offsets[3]].tobytes() == expected[2]
    with pytest.raises(ValueError, match="read-only"):
        numbers[0] = 1
    assert len(Reader(data).read_buffer([])) == 0
    assert list(Reader(data).read_buffer([0, 0])) == [b"", b""]  # zero bytes


def test_pieces_give_what_one_read_gives(data, small_pieces):
    reader = Reader(data)
    assert list(reader) == PAYLOADS
    assert list(reader[::-7]) == PAYLOADS[::-7]
    draw = random.Random(1)
    for _ in range(20):
        records = draw.choices(range(100), k=30)
        assert reader.read_many(records) == [PAYLOADS[record] for record in records]
    assert [reader[record] for record in range(100)] == PAYLOADS


def test_payloads_larger_than_a_piece(tmp_path):
    reader = Reader(write(tmp_path / "x", HUGE))
    assert list(reader) == HUGE
    assert reader[1] == HUGE[1]
    assert reader.read_many([1, 0, 1, 2]) == [HUGE[1], HUGE[0], HUGE[1], HUGE[2]]


@pytest.mark.parametrize("policy", ["full", "length", "auto", "none"])
def test_whole_frames(data, policy):
    reader = Reader(data, checksums=policy, raw_frames=True)
    frames = [frame(payload) for payload in PAYLOADS]
    assert list(reader) == frames
    assert [reader[record] for record in range(100)] == frames
    assert reader.read_many([5, 3]) == [frames[5], frames[3]]


def test_where_the_index_comes_from(tmp_path):
    path = write(tmp_path / "x", PAYLOADS)
    whole = tfr_index.scan(path)
    assert Reader(path).index == whole
    assert not (tmp_path / "x.idx").exists()  # a reader writes nothing
    picked = tfr_index.Index([whole[7], whole[2], whole[7]])
    assert list(Reader(path, picked)) == [PAYLOADS[7], PAYLOADS[2], PAYLOADS[7]]
    assert Reader(path, picked).index is picked
    assert len(Reader(path, tfr_index.Index())) == 0
    (whole[::-1]).write(tmp_path / "x.idx")  # has all records, so it is used
    assert list(Reader(path)) == list(Reader(path, tmp_path / "x.idx")) == PAYLOADS[::-1]
    (tmp_path / "x.idx").write_text("no index")
    with pytest.warns(tfr_index.TfrWarning):
        assert len(Reader(path)) == 100
    with pytest.raises(tfr_index.TfrValueError):
        Reader(path, tmp_path / "x.idx")
    with pytest.raises(FileNotFoundError):
        Reader(path, tmp_path / "missing.idx")
    with pytest.raises(FileNotFoundError):
        Reader(tmp_path / "missing")
    with pytest.raises(tfr_index.TfrValueError, match="checksums"):
        Reader(path, checksums="some")


def errors_of(reader: Reader, record: int) -> list[tfr_index.TfrError]:
    """The error of each way to read a bad record."""
    errors = []
    for read in (
        partial(reader.__getitem__, record),
        partial(reader.read_many, [record]),
        partial(reader.read_buffer, [record] * 3),
        partial(list, reader),
    ):
        with pytest.raises(tfr_index.TfrError) as caught:
            read()
        errors.append(caught.value)
    return errors


def flipped(data: bytes, byte: int) -> bytes:
    return data[:byte] + bytes([data[byte] ^ 1 << byte % 8]) + data[byte + 1 :]


def test_each_flipped_bit_and_each_cut_is_an_error_of_its_record_alone(tmp_path):
    contents = [b"first", b"", bytes(range(30)), b"last"]
    good, path = tfrecord(contents), tmp_path / "x"
    index = tfr_index.index_bytes(good)
    for byte in range(len(good)):
        [bad] = [n for n, (start, size) in enumerate(index) if start <= byte < start + size]
        path.write_bytes(flipped(good, byte))
        reader = Reader(path, index)
        others = [record for record in range(4) if record != bad]
        expected = [contents[record] for record in others]
        assert [reader[record] for record in others] == reader.read_many(others) == expected
        payloads = iter(reader)
        assert [next(payloads) for _ in range(bad)] == contents[:bad]
        for error in errors_of(reader, bad):
            assert (error.record, error.offset, error.path) == (bad, index[bad][0], str(path))

        path.write_bytes(good[:byte])
        for policy in ("full", "none"):
            reader = Reader(path, index, policy)
            assert reader.read_many(range(bad)) == contents[:bad]
            for error in errors_of(reader, bad):
                assert (error.record, error.path) == (bad, str(path))


def test_an_index_may_claim_anything(data):
    for lie in [(0, 2**62), (2**62, 16), (10**9, 10**9), (1, 100), (0, 10**10)]:
        for error in errors_of(Reader(data, tfr_index.Index([lie])), 0):
            assert type(error) is tfr_index.TfrMismatch


def test_policies_differ_in_what_must_hold(tmp_path):
    path = write(tmp_path / "x", [b"a", b"b"], "zeros")
    for policy in ("auto", "none"):
        assert list(Reader(path, checksums=policy)) == [b"a", b"b"]
    index = tfr_index.scan(path)
    for policy in ("length", "full"):
        with pytest.raises(tfr_index.TfrError):
            Reader(path, index, policy)[0]
    good = tfrecord([b"a", b"b"])
    path.write_bytes(flipped(good, 12))
    for policy in ("length", "none"):
        assert list(Reader(path, checksums=policy)) == [b"q", b"b"]
    for policy in ("auto", "full"):
        with pytest.raises(tfr_index.TfrError, match="payload CRC"):
            Reader(path, checksums=policy)[0]


def test_damage_can_be_left_out(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(tfrecord([b"a"]) + b"?" * 50 + tfrecord([b"b", b"c"]))
    with pytest.raises(tfr_index.TfrError):
        Reader(path)
    damage = []
    reader = Reader(path, salvage=True, on_skipped=damage.append)
    assert list(reader) == [b"a", b"b", b"c"] and len(damage) == 1
    assert list(pickle.loads(pickle.dumps(reader))) == [b"a", b"b", b"c"]


def test_progress_is_told_of_the_scan(data):
    told = []
    Reader(data, progress=lambda *how_far: told.append(how_far))
    assert told[-1][0] == told[-1][1] == data.stat().st_size
    with pytest.raises(tfr_index.TfrCancelled):
        Reader(data, progress=lambda *how_far: True)


def test_a_closed_reader_says_so(data):
    with Reader(data) as reader:
        part, ahead = reader[5:], iter(reader)
        assert next(ahead) == PAYLOADS[0]
    for use in (
        lambda: reader[0],
        lambda: reader[0:5][0],
        lambda: reader.read_many([0]),
        lambda: reader.read_buffer([]),
        lambda: list(reader),
        lambda: pickle.dumps(reader),
    ):
        with pytest.raises(ValueError, match="the reader is closed"):
            use()
    assert list(part) == PAYLOADS[5:]  # it is still open
    reader.close()


@pytest.mark.parametrize("index", [None, "path", "index"])
def test_pickled_readers_read_the_same(tmp_path, index):
    path = write(tmp_path / "x", PAYLOADS)
    tfr_index.create_index(path)
    given = {None: None, "path": f"{path}.idx", "index": tfr_index.scan(path)[::3]}[index]
    for reader in (
        Reader(path, given),
        Reader(path, given, raw_frames=True)[7::2],
        Reader(path)[:0],
    ):
        again = pickle.loads(pickle.dumps(reader))
        assert list(again) == list(reader) and again.index == reader.index
    pickled = pickle.dumps(Reader(path, given))
    write(path, PAYLOADS + PAYLOADS)  # the file has grown: the reader still has the old records
    tfr_index.create_index(path)
    assert list(pickle.loads(pickled)) == (PAYLOADS[::3] if index == "index" else PAYLOADS)
    write(path, PAYLOADS[:10])
    tfr_index.create_index(path)
    if index != "index":
        with pytest.raises(tfr_index.TfrMismatch, match="has 10 records, fewer than"):
            pickle.loads(pickled)


def test_what_is_open_stays_what_it_was(tmp_path):
    path = write(tmp_path / "x", PAYLOADS)
    reader = Reader(path)
    write(tmp_path / "y", [b"another"]).rename(path)
    assert list(reader) == PAYLOADS
    path.unlink()
    assert reader[3] == PAYLOADS[3]


def test_many_threads_read_from_one_reader(data, small_pieces):
    reader = Reader(data)

    def work(seed: int) -> None:
        draw = random.Random(seed)
        for _ in range(50):
            records = draw.choices(range(100), k=20)
            assert reader.read_many(records) == [PAYLOADS[record] for record in records]
            assert reader[records[0]] == PAYLOADS[records[0]]
        assert list(reader) == PAYLOADS

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))  # raises what a thread raised


def test_nothing_is_left_open(data):
    gc.collect()
    before, threads = descriptors(), set(threading.enumerate())
    for _ in range(50):
        reader = Reader(data)
        next(iter(reader))
        reader[::2][3]
        del reader
    for thread in threading.enumerate():
        if thread.name.startswith("tfr_index"):
            thread.join()
    gc.collect()
    assert descriptors() == before
    assert set(threading.enumerate()) <= threads  # some of an earlier test's may have ended
    assert payloads(data.read_bytes()) == PAYLOADS and len(walk(data.read_bytes())) == 100


def test_what_is_slow_is_read_ahead_by_a_thread():
    contents = [bytes([number % 251]) * 4000 for number in range(1000)]
    data, names = tfrecord(contents), set()

    class Slow:
        size = len(data)

        def pread(self, size, offset):
            names.add(threading.current_thread().name)
            time.sleep(size * 5e-9)
            return data[offset : offset + size]

    reader = tfr_index.Reader(Slow(), threads=1)
    names.clear()
    assert list(reader) == contents
    assert "tfr_index reads ahead" in names
    some = iter(reader)
    assert [next(some) for _ in range(100)] == contents[:100]
    some.close()
    assert reader[999] == contents[999]


def test_a_mask_is_no_list_of_numbers(data):
    for mask in ([True, False] * 50, np.array([True, False] * 50)):
        with pytest.raises(TypeError, match="mask"):
            Reader(data).read_many(mask)
