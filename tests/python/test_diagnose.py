"""What errors say about damaged files, and files that are not TFRecord files."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import bz2
import copy
import gzip
import io
import lzma
import pickle
import random
import tarfile
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
import pytest
import tfr_index
import tfrecords

#: A TFRecord file that does not compress well: its compressed form is long, too.
DATA = tfrecords.tfrecord(random.Random(1).randbytes(size) for size in (90, 0, 700_000))
POLICIES = ("auto", "none", "length", "full")


def tarred(name: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(DATA)
        archive.addfile(member, io.BytesIO(DATA))
    return out.getvalue()


def zipped(method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("train.tfrecord", DATA)
    return out.getvalue()


def saved(save: Callable[[io.BytesIO, np.ndarray], None]) -> bytes:
    out = io.BytesIO()
    save(out, np.arange(10))
    return out.getvalue()


FILES = {
    "gzip": gzip.compress(DATA),
    "gzip without a time": gzip.compress(DATA, mtime=0),  # its first bytes look like a length
    "zlib": zlib.compress(DATA),
    "zlib, stored": zlib.compress(DATA, 0),
    "bzip2": bz2.compress(DATA),
    "xz": lzma.compress(DATA),
    "zip": zipped(zipfile.ZIP_DEFLATED),
    "zip, stored": zipped(zipfile.ZIP_STORED),
    "zip of numpy": saved(np.savez),
    "npy": saved(np.save),
    "tar": tarred("shard/train-00000.tfrecord"),
    "tar of a short name": tarred("a"),
    "Zstandard": bytes.fromhex("28b52ffd04002900006f6b0a") + b"more",
    "Snappy": b"\xff\x06\0\0sNaPpY" + bytes.fromhex("01090000bb1f1c1968656c6c6f"),
    "LZ4": bytes.fromhex("04224d186440a70500008068656c6c6f00000000"),
    "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:%s\nsize 12345\n" % (b"0123456789abcdef" * 4),
    "HTML": b"<!doctype html>\n<html><head><title>Sign in</title></head></html>\n",
    "XML": b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>\n',
    "JSON": b'{"error": {"code": 404}}\n',
    "index": b"0 106\n106 16\n122 700016\n",
    "text": b"train-00000.tfrecord\ntrain-00001.tfrecord\n",
}
ADVICE = ("decompress", "unpack", "fetch", "read what it says", "give the data file", "write")


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", FILES)
def test_other_formats_are_named(tmp_path, name, policy):
    path = tmp_path / "train.tfrecord"
    path.write_bytes(FILES[name])
    expected = name.split(",")[0].split(" of ")[0].removesuffix(" without a time")
    calls = [lambda: tfr_index.index_bytes(FILES[name], checksums=policy)]
    if expected not in ("gzip", "zlib"):  # files of these are read
        calls.append(lambda: tfr_index.create_index(path, checksums=policy))
        calls.append(lambda: tfr_index.scan(path, checksums=policy))
    for call in calls:
        with pytest.raises(tfr_index.TfrError) as raised:
            call()
        error = raised.value
        assert (error.status, error.format) == ("TFR_ERR_NOT_TFRECORD", expected)
        assert (error.record, error.offset) == (0, 0)
        assert f"not a TFRecord file but {expected}: " in str(error)
        assert len(str(error).splitlines()) == 1
        assert any(words in str(error) for words in ADVICE)
    assert not list(tmp_path.glob("*.idx"))


@pytest.mark.parametrize(
    ("checksums", "format"),
    [
        ("ieee", "TFRecord with CRC-32 IEEE checksums"),
        ("zeros", "TFRecord without checksums"),
    ],
)
def test_files_without_true_checksums_are_named(checksums, format):
    data = tfrecords.tfrecord([b"hello", b"", b"x" * 1000], checksums)
    assert len(tfr_index.index_bytes(data)) == 3
    with pytest.raises(tfr_index.TfrError, match='accept it with checksums="none"') as raised:
        tfr_index.index_bytes(data, checksums="length")
    error = raised.value
    assert (error.status, error.format) == ("TFR_ERR_LENGTH_CRC", format)
    assert error.stored_crc == int.from_bytes(data[8:12], "little")
    assert error.computed_crc == tfrecords.masked(tfrecords.crc32c(data[:8]))


def test_what_follows_the_damage_is_said():
    frames = [tfrecords.frame(payload) for payload in (b"hello", b"x" * 1000, b"world")]
    data = b"".join(frames)
    second, third = len(frames[0]), len(frames[0]) + len(frames[1])

    overwritten = data[:second] + b"\xff" * 500 + data[second + 500 :]
    with pytest.raises(tfr_index.TfrError, match=rf" \(records go on at byte {third}\)$") as raised:
        tfr_index.index_bytes(overwritten)
    assert raised.value.stored_crc == 0xFFFFFFFF
    assert raised.value.format is None

    preallocated = data[:third] + bytes(10_000)
    with pytest.raises(tfr_index.TfrError, match="nothing but zeros follows: an upload") as raised:
        tfr_index.index_bytes(preallocated)
    assert (raised.value.record, raised.value.stored_crc) == (2, 0)

    with pytest.raises(tfr_index.TfrError, match="it was cut short") as raised:
        tfr_index.index_bytes(data[:-1])
    assert raised.value.stored_crc is None and raised.value.computed_crc is None

    flipped = bytearray(data)
    flipped[second + 12] ^= 1
    with pytest.raises(tfr_index.TfrError, match=rf"the next record starts at byte {third}\)$"):
        tfr_index.index_bytes(flipped, checksums="full")


def test_all_of_it_crosses_processes():
    for data in (FILES["HTML"], tfrecords.frame(b"hello", "zeros")):
        with pytest.raises(tfr_index.TfrError) as raised:
            tfr_index.index_bytes(data, checksums="length")
        error = raised.value
        for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert (str(twin), vars(twin)) == (str(error), vars(error))
