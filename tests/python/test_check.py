"""Index.check: does this index fit this data?"""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import dataclasses
import random

import pytest
import tfr_index
from tfr_index import Fit, Index, TfrError, TfrMismatch, TfrStale
from tfrecords import frame, tfrecord, walk

LEVELS = ("quick", "headers", "full")
FITS = Fit(
    uncovered_bytes=0,
    partial=False,
    reordered=False,
    repeated=False,
    checksums_skipped=False,
)
PAYLOADS = [b"x" * ((7 * number + 3) % 50) for number in range(200)]
DATA = tfrecord(PAYLOADS)
ENTRIES = walk(DATA)
LFS_POINTER = b"""version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 12345
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "train.tfrecord"
    path.write_bytes(DATA)
    return path


def refused(index, path, level="quick", **options):
    """The error: a class for all misfits, the data's path, one line."""
    with pytest.raises(TfrMismatch) as caught:
        index.check(path, level, **options)
    error = caught.value
    status = "TFR_ERR_STALE" if isinstance(error, TfrStale) else "TFR_ERR_MISMATCH"
    assert (error.status, error.path) == (status, str(path))
    assert "\n" not in str(error)
    return error


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("threads", [0, 1, 3])
def test_an_index_fits_its_data(path, level, threads):
    assert Index(ENTRIES).check(path, level, threads=threads) == FITS
    assert tfr_index.scan(path).check(str(path), level, allow_partial=True) == FITS


def test_what_a_fit_notes(path):
    def fit(entries):
        return Index(entries).check(path, "full")

    shuffled = random.Random(0).sample(ENTRIES, len(ENTRIES))
    assert fit(shuffled) == dataclasses.replace(FITS, reordered=True)
    assert fit(ENTRIES + ENTRIES[-1:]) == dataclasses.replace(FITS, repeated=True)
    skipped = sum(size for _, size in ENTRIES[::2])
    assert fit(ENTRIES[1::2]) == dataclasses.replace(FITS, uncovered_bytes=skipped, partial=True)
    for checksums in ("zeros", "ieee"):
        path.write_bytes(tfrecord(PAYLOADS, checksums))
        assert fit(ENTRIES) == dataclasses.replace(FITS, checksums_skipped=True)


@pytest.mark.parametrize("level", LEVELS)
def test_the_file_was_written_anew_with_the_same_size(path, level):
    path.write_bytes(tfrecord(PAYLOADS[::-1]))
    assert path.stat().st_size == len(DATA)
    # The first record whose offset or size has changed.
    entries = walk(tfrecord(PAYLOADS[::-1]))
    first = next(record for record, entry in enumerate(ENTRIES) if entry != entries[record])
    record = refused(Index(ENTRIES), path, level).record
    assert record == first or (level == "quick" and record > first)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("data", [LFS_POINTER, LFS_POINTER * 100])
def test_the_data_is_no_tfrecord_file(path, level, data):
    path.write_bytes(data)
    for policy in ("auto", "none"):
        with pytest.raises(TfrError) as caught:
            Index(ENTRIES[1:] + ENTRIES[:1]).check(path, level, checksums=policy)
        assert caught.value.status == "TFR_ERR_NOT_TFRECORD"
        assert caught.value.format == "Git LFS pointer"


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("data", [bytes(len(DATA)), DATA[1:]])
def test_the_data_is_something_else(path, level, data):
    path.write_bytes(data)
    for policy in ("auto", "none"):
        error = refused(Index(ENTRIES[1:] + ENTRIES[:1]), path, level, checksums=policy)
        assert error.offset in (0, ENTRIES[1][0])


@pytest.mark.parametrize("level", LEVELS)
def test_the_index_of_another_shard(path, level):
    others = [payload + b"y" for payload in PAYLOADS]
    for other in (others, others[:50], others * 2):
        assert refused(Index(walk(tfrecord(other))), path, level).record == 0


def test_the_data_grew(path):
    index = Index(ENTRIES)
    for more in (frame(b"more"), DATA, b"junk" + frame(b"more")):
        path.write_bytes(DATA + more)
        for level in LEVELS:
            error = refused(index, path, level)
            assert isinstance(error, TfrStale)
            assert str(error).endswith("check with allow_partial=True")
            start = len(DATA) + (len(b"junk") if more.startswith(b"junk") else 0)
            assert (error.record, error.offset) == (len(ENTRIES), start)
            fit = index.check(path, level, allow_partial=True)
            assert fit == dataclasses.replace(FITS, uncovered_bytes=len(more), partial=True)


@pytest.mark.parametrize("rest", [b"\0", frame(b"more")[:-1], bytes(1000), b"junk" * 100])
def test_what_follows_is_no_record(path, rest):
    path.write_bytes(DATA + rest)
    for level in LEVELS:
        fit = Index(ENTRIES).check(path, level)
        assert fit == dataclasses.replace(FITS, uncovered_bytes=len(rest))


def test_the_data_was_cut_short(path):
    index = Index(ENTRIES)
    offset, size = ENTRIES[-1]
    for end in range(offset, offset + size):
        path.write_bytes(DATA[:end])
        for level in LEVELS:
            for allow_partial in (False, True):
                error = refused(index, path, level, allow_partial=allow_partial)
                assert isinstance(error, TfrStale)
                assert (error.record, error.offset) == (len(ENTRIES) - 1, offset)


def test_overlapping_entries(path):
    offset, size = ENTRIES[5]
    for entry in ((offset + 1, size), (offset, size + 1), (offset - 1, size)):
        error = refused(Index([*ENTRIES, entry]), path)
        assert "overlaps" in str(error)


def test_nothing_is_the_index_of_nothing_alone(path):
    assert refused(Index(), path).record == 0
    fit = Index().check(path, allow_partial=True)
    assert fit == dataclasses.replace(FITS, uncovered_bytes=path.stat().st_size, partial=True)
    path.write_bytes(DATA[: ENTRIES[0][1] - 1])  # its first record is still incomplete
    assert not Index().check(path).partial
    path.write_bytes(b"")
    assert Index().check(path) == FITS
    assert refused(Index(ENTRIES), path).record == 0


def test_damage_is_no_mismatch(path):
    offset, size = ENTRIES[100]
    cases = [(offset, "LENGTH"), (offset + 8, "LENGTH"), (offset + size - 1, "PAYLOAD")]
    for at, status in cases:
        path.write_bytes(DATA[:at] + bytes([DATA[at] ^ 4]) + DATA[at + 1 :])
        with pytest.raises(tfr_index.TfrError) as caught:
            Index(ENTRIES).check(path, "full")
        assert not isinstance(caught.value, TfrMismatch)
        assert caught.value.status == f"TFR_ERR_{status}_CRC"
        assert (caught.value.record, caught.value.offset) == (100, offset)


def test_every_header_is_read_if_asked_for(path):
    count = 10_000
    data = bytearray(tfrecord([b""] * count))
    index = tfr_index.index_bytes(data)
    found = 0
    for record in range(1, count, 333):
        damaged = bytearray(data)
        damaged[16 * record + 8] ^= 1
        path.write_bytes(damaged)
        for threads in (1, 4):
            with pytest.raises(tfr_index.TfrError) as caught:
                index.check(path, "headers", threads=threads)
            assert caught.value.record == record
        try:
            index.check(path)
        except tfr_index.TfrError:
            found += 1
    assert found < 10  # each sample is one read


def test_progress_and_cancelling(path):
    index = Index(ENTRIES)
    for level in LEVELS:
        told = []
        index.check(path, level, progress=lambda *numbers: told.append(numbers))  # noqa: B023
        assert told[0] == (0, len(DATA), 0)
        assert told[-1] == (len(DATA), len(DATA), len(ENTRIES))
        with pytest.raises(tfr_index.TfrCancelled):
            index.check(path, level, progress=lambda *numbers: True)
        with pytest.raises(KeyError):
            index.check(path, level, progress=lambda *numbers: {}[numbers])


def test_arguments_that_cannot_be_used(path, tmp_path):
    index = Index(ENTRIES)
    for options in ({"level": "deep"}, {"level": 0}, {"checksums": "some"}, {"threads": -1}):
        with pytest.raises(tfr_index.TfrValueError):
            index.check(path, **options)
    with pytest.raises(FileNotFoundError):
        index.check(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        index.check(tmp_path)
