"""Refused immediately: impossible paths, and more payloads than memory can hold."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import sys

import pytest
import tfr_index
from tfr_index import Dataset, Reader, RecordWriter
from tfrecords import crc32c, masked, tfrecord


@pytest.mark.parametrize("bad", ["", b"", "x\0y"], ids=["empty", "empty bytes", "NUL"])
def test_what_is_no_path_is_refused(bad, tmp_path):
    good, other = tmp_path / "x", tmp_path / "y"
    good.write_bytes(tfrecord([b"a"]))
    index = tfr_index.scan(good)
    for call in (
        lambda: tfr_index.create_index(bad, other),
        lambda: tfr_index.create_index(good, bad),
        lambda: tfr_index.create_index(good, bad, resume=True),
        lambda: tfr_index.scan(bad),
        lambda: tfr_index.read_index(bad),
        lambda: index.write(bad),
        lambda: index.check(bad),
        lambda: Reader(bad),
        lambda: Reader(bad, index),
        lambda: Reader(good, bad),
        lambda: Dataset([bad]),
        lambda: RecordWriter(bad),
        lambda: RecordWriter(bad, other),
        lambda: RecordWriter(other, bad),
        lambda: RecordWriter(bad, append=True),
    ):
        said = "path is empty" if not bad else "the path contains a NUL character"
        with pytest.raises(tfr_index.TfrValueError, match=said):
            call()
        assert sorted(tmp_path.iterdir()) == [good]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say what is available")
def test_payloads_larger_than_memory_are_refused_before_memory_is_taken(tmp_path):
    path = tmp_path / "x"
    length = 1 << 40
    with path.open("wb") as file:
        header = length.to_bytes(8, "little")
        file.write(header + masked(crc32c(header)).to_bytes(4, "little"))
        file.truncate(length + 16)  # a hole
    reader = Reader(path, tfr_index.scan(path))
    for read in (reader.read_many, reader.read_buffer, Dataset(path).__getitems__):
        with pytest.raises(MemoryError, match=r"need \d+ bytes, but \d+ are available") as caught:
            read([0] * 100)
        assert isinstance(caught.value, tfr_index.TfrMemoryError)
        # A batch of a data set may be of several files.
        assert caught.value.path == (None if "Dataset" in repr(read) else str(path))
