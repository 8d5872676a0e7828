"""Files in object stores and on web servers, by URL: a server on this machine stands for them."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import copy
import errno
import os
import pickle
import random
import sys
import warnings

import fsspec
import numpy
import obstore
import obstore.store
import pytest
import tfr_index
from object_server import FAULTS, s3
from tfr_index import Index, Reader, RemoteFile
from tfrecords import index_text, tfrecord, walk

#: A little more than what is read whole.
PAYLOADS = [numpy.random.default_rng(i).bytes(1_000 + 97 * i) for i in range(600)]
DATA = tfrecord(PAYLOADS)
SMALL = tfrecord([b"one", b"two", b"three"])


@pytest.fixture
def server(monkeypatch):
    """A server that obstore takes for S3, with the bucket "b"."""
    with s3(monkeypatch) as server:
        server.objects = {"/b/set/large.tfrecord": DATA, "/b/set/small.tfrecord": SMALL}
        yield server


LARGE_URL, SMALL_URL = "s3://b/set/large.tfrecord", "s3://b/set/small.tfrecord"


def impatient(server, **retry):
    """A store that does not repeat requests."""
    retry_config = {"max_retries": 0, **retry}
    return obstore.store.S3Store(
        "b",
        endpoint=server.url,
        client_options={"allow_http": True},
        retry_config=retry_config,
        skip_signature=True,
        region="us-east-1",
    )


def test_a_url_is_indexed_where_it_is(server):
    assert tfr_index.create_index(SMALL_URL) == 3
    assert server.objects["/b/set/small.tfrecord.idx"].decode() == index_text(walk(SMALL))
    # One request for the data, which is small, and one for the index.
    assert (server.count("GET"), server.count("HEAD"), server.count("PUT")) == (1, 0, 1)
    assert list(tfr_index.read_index(SMALL_URL + ".idx")) == walk(SMALL)


@pytest.mark.parametrize("url", [LARGE_URL, SMALL_URL])
def test_a_scan_reads_each_byte_once(server, url):
    data = server.objects[url.removeprefix("s3:/")]
    assert list(tfr_index.scan(url)) == walk(data)
    assert server.bytes_read() <= 1.05 * len(data)
    server.forget()
    assert list(tfr_index.scan(url, checksums="full")) == walk(data)
    assert server.bytes_read() <= 1.1 * len(data)


def test_a_url_over_http(server):
    index = tfr_index.scan(f"{server.url}/b/set/large.tfrecord")
    assert list(index) == walk(DATA)
    assert index.check(f"{server.url}/b/set/large.tfrecord", "full").uncovered_bytes == 0


def test_the_index_may_be_here_and_the_data_there(server, tmp_path):
    assert tfr_index.create_index(LARGE_URL, tmp_path / "large.idx") == len(PAYLOADS)
    with Reader(LARGE_URL, tmp_path / "large.idx") as reader:
        assert reader[17] == PAYLOADS[17]
    (tmp_path / "here.tfrecord").write_bytes(SMALL)
    tfr_index.create_index(tmp_path / "here.tfrecord", "s3://b/there.idx")
    assert server.objects["/b/there.idx"].decode() == index_text(walk(SMALL))


def test_the_index_beside_it_is_found(server):
    tfr_index.create_index(LARGE_URL)
    server.forget()
    with Reader(LARGE_URL) as reader:
        assert len(reader) == len(PAYLOADS)
        # The index, some headers to compare: not the data.
        data_read = sum(one.size for one in server.requests if not one.path.endswith(".idx"))
        assert data_read < len(DATA) / 4
        assert [reader[i] for i in (0, 599, 3, 7)] == [PAYLOADS[i] for i in (0, 599, 3, 7)]


@pytest.mark.parametrize("index", [b"0 16\n16 1015\n", b"no index", index_text(walk(DATA)[:-1])])
def test_an_index_of_other_data_is_not_used(server, index):
    index = index if isinstance(index, bytes) else index.encode()
    server.objects["/b/set/large.tfrecord.idx"] = index
    with pytest.warns(tfr_index.TfrWarning, match="is not used, the data is scanned"):
        reader = Reader(LARGE_URL)
    assert len(reader) == len(PAYLOADS) and reader[599] == PAYLOADS[599]


def test_records_are_read_side_by_side(server):
    server.latency = 0.02
    with Reader(LARGE_URL, Index(walk(DATA))) as reader:
        server.forget()
        adjacent = list(range(200, 456))
        assert reader.read_many(adjacent) == PAYLOADS[200:456]
        size = sum(len(payload) for payload in PAYLOADS[200:456])
        assert len(server.requests) <= size // 4_000_000 + 2
        server.forget()
        assert list(reader) == PAYLOADS
        assert len(server.requests) <= len(DATA) // 4_000_000 + 6  # the first pieces are small


def test_records_far_apart_are_read_at_the_same_time(server):
    records = [tfrecord([bytes([i]) * 20_000]) for i in range(40)]
    filler = tfrecord([b"f" * 3_000_000])
    data = b"".join(record + filler for record in records)
    server.objects["/b/far.tfrecord"] = data
    server.latency = 0.05
    with Reader("s3://b/far.tfrecord", Index(walk(data))) as reader:
        server.forget()
        order = random.Random(1).sample(range(0, 80, 2), 40)
        assert [payload[0] for payload in reader.read_many(order)] == [i // 2 for i in order]
        assert len(server.requests) == 40
        assert server.bytes_read() == 40 * 20_016 - 4096  # those of the request that opened it
        assert server.most_at_once > 10


def test_headers_only_where_records_are_large(server):
    data = tfrecord([b"v" * 5_000_000] * 30)
    server.objects["/b/video.tfrecord"] = data
    file = RemoteFile("s3://b/video.tfrecord", cost=(0.02, 100e6, 128))
    assert list(tfr_index.scan(file)) == walk(data)
    assert server.bytes_read() < len(data) / 4


def test_only_missing_and_only_stale(server):
    assert tfr_index.create_index(SMALL_URL, only="missing") == 3
    assert tfr_index.create_index(SMALL_URL, only="missing") is None
    assert tfr_index.create_index(SMALL_URL, only="stale") is None
    server.objects["/b/set/small.tfrecord"] = SMALL + tfrecord([b"four"])
    assert tfr_index.create_index(SMALL_URL, only="missing") is None
    assert tfr_index.create_index(SMALL_URL, only="stale") == 4


def test_another_process_may_write_the_index_first(server):
    theirs = b"0 19\n"

    def write_theirs(request):
        if request.method == "PUT":
            server.objects["/b/set/small.tfrecord.idx"] = theirs

    server.fault = write_theirs
    assert tfr_index.create_index(SMALL_URL, only="missing") is None
    assert server.objects["/b/set/small.tfrecord.idx"] == theirs


def test_a_file_that_is_replaced_is_noticed(server):
    reader = Reader(LARGE_URL, Index(walk(DATA)))
    assert reader[3] == PAYLOADS[3]
    server.objects["/b/set/large.tfrecord"] = DATA[: len(DATA) - 7] + b"changed"
    with pytest.raises(tfr_index.TfrOSError, match=r"large\.tfrecord.*was replaced") as caught:
        reader[3]
    assert caught.value.errno == errno.ESTALE and caught.value.path == LARGE_URL
    assert Reader(LARGE_URL, Index(walk(DATA)))[3] == PAYLOADS[3]  # another version


def test_a_file_that_is_replaced_during_a_scan_is_noticed(server):
    changed = DATA[:-1] + b"?"

    def change(request):
        if request.start > 0:
            server.objects["/b/set/large.tfrecord"] = changed

    server.fault = change
    with pytest.raises(tfr_index.TfrOSError, match="was replaced") as caught:
        tfr_index.create_index(LARGE_URL)
    assert caught.value.errno == errno.ESTALE
    assert "/b/set/large.tfrecord.idx" not in server.objects


@pytest.mark.parametrize(("fault", "kind", "words"), FAULTS)
def test_faults_of_the_server(server, fault, kind, words):
    file = RemoteFile("set/large.tfrecord", impatient(server))
    server.fault = lambda _request: fault
    with pytest.raises(kind, match=words) as caught:
        tfr_index.scan(file)
    assert isinstance(caught.value, tfr_index.TfrOSError)
    assert caught.value.path == "set/large.tfrecord" and "set/large.tfrecord" in str(caught.value)


def test_requests_that_fail_are_repeated(server):
    failed = []

    def sometimes(request):
        if len(failed) < 3:
            failed.append(request)
            return 503
        return None

    server.fault = sometimes
    assert list(tfr_index.scan(LARGE_URL)) == walk(DATA)
    assert len(failed) == 3


@pytest.mark.parametrize("url", ["s3://b/missing.tfrecord", "s3://b/missing/x.tfrecord"])
def test_missing_files(server, url):
    for call in (tfr_index.scan, tfr_index.create_index, Reader, RemoteFile):
        with pytest.raises(FileNotFoundError, match=url) as caught:
            call(url)
        assert isinstance(caught.value, tfr_index.TfrFileNotFoundError)
        assert caught.value.filename == url
    with pytest.raises(tfr_index.TfrFileNotFoundError, match=r"x\.idx"):
        tfr_index.read_index("s3://b/x.idx")


def test_damaged_and_other_data(server):
    server.objects["/b/cut.tfrecord"] = SMALL[:-5]
    with pytest.raises(tfr_index.TfrError) as caught:
        tfr_index.create_index("s3://b/cut.tfrecord")
    assert (caught.value.status, caught.value.record) == ("TFR_ERR_TRUNCATED", 2)
    skipped = []
    tfr_index.create_index("s3://b/cut.tfrecord", salvage=True, on_skipped=skipped.append)
    assert len(skipped) == 1 and len(tfr_index.read_index("s3://b/cut.tfrecord.idx")) == 2
    server.objects["/b/empty.tfrecord"] = b""
    assert tfr_index.create_index("s3://b/empty.tfrecord") == 0
    with Reader("s3://b/empty.tfrecord") as reader:
        assert len(reader) == 0
    server.objects["/b/page.tfrecord"] = b"<!DOCTYPE html><html></html>"
    with pytest.raises(tfr_index.TfrError, match="HTML"):
        tfr_index.scan("s3://b/page.tfrecord")


def test_a_store_and_its_path(server):
    file = RemoteFile("set/large.tfrecord", impatient(server))
    assert file.size == len(DATA) and file.etag
    assert list(tfr_index.scan(file)) == walk(DATA)
    with Reader(file, Index(walk(DATA))) as reader:
        assert reader.read_many([5, 1]) == [PAYLOADS[5], PAYLOADS[1]]


def test_a_file_system_of_fsspec():
    system = fsspec.filesystem("memory")
    system.pipe_file("/set/large.tfrecord", DATA)
    file = RemoteFile("/set/large.tfrecord", system)
    assert list(tfr_index.scan(file)) == walk(DATA)
    with Reader(file, Index(walk(DATA))) as reader:
        assert reader.read_many([9, 599]) == [PAYLOADS[9], PAYLOADS[599]]
    with pytest.raises(FileNotFoundError, match="missing"):
        RemoteFile("/missing", system)


def test_copies_read_the_same_version(server):
    file = RemoteFile(LARGE_URL)
    for same in (pickle.loads(pickle.dumps(file)), copy.copy(file)):
        assert (same.path, same.size, same.etag) == (LARGE_URL, len(DATA), file.etag)
        assert bytes(same.pread(20, 0)) == DATA[:20]
    with Reader(LARGE_URL) as reader:
        pickled = pickle.dumps(reader)
    server.objects["/b/set/large.tfrecord"] = DATA[:-1] + b"?"
    with pytest.raises(tfr_index.TfrOSError, match="was replaced"):
        pickle.loads(pickled)[0]


def test_a_forked_process_is_told(server):
    reader = Reader(SMALL_URL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads run
        child = os.fork()
    if child == 0:
        try:
            reader[0]
        except tfr_index.TfrValueError as error:
            os._exit(0 if "forkserver" in str(error) else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("url", ["s3://bucket", "s3://bucket/", "https://host/x?signature=1"])
def test_urls_that_name_no_file(url):
    with pytest.raises(tfr_index.TfrValueError, match="URL"):
        RemoteFile(url)
    with pytest.raises(tfr_index.TfrValueError, match="not a URL"):
        RemoteFile("train.tfrecord")


def test_without_obstore(server, monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(ImportError, match=r"pip install obstore"):
        Reader(SMALL_URL)


def test_the_url_of_a_local_file_is_its_path(tmp_path):
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "x.tfrecord").write_bytes(SMALL)
    url = f"{tmp_path.as_uri()}/a%20b/x.tfrecord"
    assert " " not in url and url.startswith("file:///")
    assert tfr_index.create_index(url) == 3
    assert (tmp_path / "a b" / "x.tfrecord.idx").exists()
    assert len(tfr_index.scan(url)) == len(tfr_index.read_index(f"{url}.idx")) == 3
    assert tfr_index.read_index(f"{url}.idx").check(url).uncovered_bytes == 0
    assert Reader(url)[2] == tfr_index.Dataset(url)[2] == b"three"
    assert tfr_index.Dataset(url.replace("file:///", "file://localhost/"))[1] == b"two"
    [created] = tfr_index.create_indexes(f"{tmp_path.as_uri()}/a%20b", update=True)
    assert created.records is None and created.error is None
    manifest = tfr_index.Manifest.build(url)
    assert manifest[0].records == 3 and manifest[0].path == str(tmp_path / "a b" / "x.tfrecord")
    with pytest.raises(tfr_index.TfrFileNotFoundError, match="/a b/none"):
        Reader(url.replace("x.tfrecord", "none"))
