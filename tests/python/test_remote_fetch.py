"""How files in object stores are read: the mode, the most bytes, the cost, and how often."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import concurrent.futures
import errno
import gzip
import pickle

import fsspec
import numpy
import pytest
import tfr_index
from object_server import s3
from tfr_index import Dataset, Manifest, Reader, RemoteFile, create_index, create_indexes
from tfrecords import index_text, tfrecord, walk

#: More than is read with the request that opens a file, of records of 400 KB.
DATA = tfrecord([numpy.random.default_rng(i).bytes(400_000) for i in range(30)])
SMALL = tfrecord([b"one", b"two", b"three"])
URL, SMALL_URL = "s3://b/set/large.tfrecord", "s3://b/set/small.tfrecord"
MODES = ["auto", "stream", "ranges", "headers"]
#: So that what is measured on a busy machine does not count.
NEAR = (0.02, 100e6, 128)


@pytest.fixture
def server(monkeypatch):
    """A server that obstore takes for S3, with the bucket "b"."""
    with s3(monkeypatch) as server:
        server.objects = {"/b/set/large.tfrecord": DATA, "/b/set/small.tfrecord": SMALL}
        yield server


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("checksums", ["auto", "none", "full"])
def test_each_mode_finds_the_same(server, mode, checksums):
    for url in (URL, SMALL_URL):
        data = server.objects[url.removeprefix("s3:/")]
        if (mode, checksums) == ("headers", "full"):
            with pytest.raises(tfr_index.TfrValueError, match="mode='headers' reads no payloads"):
                tfr_index.scan(url, mode=mode, checksums=checksums)
            continue
        for given in (url, RemoteFile(url)):
            index = tfr_index.scan(given, mode=mode, checksums=checksums)
            assert list(index) == walk(data)
            for level in ("quick", "headers"):
                fit = index.check(given, level, mode=mode, checksums=checksums)
                assert fit.uncovered_bytes == 0
        assert create_index(url, mode=mode, checksums=checksums) == len(walk(data))
        assert server.objects[f"{url}.idx".removeprefix("s3:/")].decode() == index_text(walk(data))


def test_a_stream_is_one_request(server):
    assert list(tfr_index.scan(URL, mode="stream")) == walk(DATA)
    assert [request.size for request in server.requests] == [len(DATA)]
    server.forget()
    assert create_indexes([URL, SMALL_URL], mode="stream")[0].records == 30
    assert server.count("GET") == 2 and server.bytes_read() == len(DATA) + len(SMALL)
    assert tfr_index.scan(URL).check(URL, "full", mode="stream").uncovered_bytes == 0
    server.objects["/b/empty.tfrecord"] = b""
    assert len(tfr_index.scan("s3://b/empty.tfrecord", mode="stream")) == 0


def test_a_stream_of_compressed_data(server):
    server.objects["/b/x.tfrecord.gz"] = gzip.compress(DATA, 1)
    assert list(tfr_index.scan("s3://b/x.tfrecord.gz", mode="stream")) == walk(DATA)
    assert create_index("s3://b/x.tfrecord.gz", mode="headers") == 30


def test_a_stream_that_breaks(server):
    # The client goes on where it broke off, and may get as far as the last header.
    answers = iter(["short"])
    server.fault = lambda _request: next(answers, 403)
    with pytest.raises(tfr_index.TfrOSError, match=r"large\.tfrecord: ") as caught:
        create_index(URL, mode="stream")
    assert caught.value.path == URL and "/b/set/large.tfrecord.idx" not in server.objects


def test_damage_in_a_stream(server):
    server.objects["/b/set/large.tfrecord"] = DATA[:800_100] + bytes(9) + DATA[800_109:]
    with pytest.raises(tfr_index.TfrError) as caught:
        tfr_index.scan(URL, mode="stream", checksums="full")
    assert caught.value.record == 2
    skipped = []
    index = tfr_index.scan(
        URL, mode="stream", checksums="full", salvage=True, on_skipped=skipped.append
    )
    assert len(index) == 29 and len(skipped) == 1


def test_ranges_read_all_and_headers_little(server):
    file = RemoteFile(URL, cost=(0.001, 100e6, 8))
    server.forget()
    tfr_index.scan(file, mode="ranges")
    assert 0.9 * len(DATA) <= server.bytes_read() <= 1.1 * len(DATA)
    assert server.most_at_once > 1
    server.forget()
    tfr_index.scan(file, mode="headers")
    assert server.bytes_read() < len(DATA) / 4
    far = RemoteFile(URL, cost=(1.0, 100e6, 8))
    server.forget()
    tfr_index.scan(far)
    assert server.bytes_read() >= 0.9 * len(DATA)
    server.forget()
    tfr_index.scan(far, mode="headers")
    assert server.bytes_read() < len(DATA) / 4


@pytest.mark.parametrize("mode", MODES)
def test_max_bytes(server, mode, tmp_path):
    server.latency = 0.02  # so that payloads are not skipped by default
    needed = len(DATA) // 2 if mode == "headers" else len(DATA) + 100_000
    assert len(tfr_index.scan(URL, mode=mode, max_bytes=needed)) == 30
    most = 5_000 if mode == "headers" else 5_000_000
    far = RemoteFile(URL, cost=(1.0, 1e9, 8))
    for data, index in ((URL, None), (far, tmp_path / "x.idx"), (far, "s3://b/x.idx")):
        server.forget()
        with pytest.raises(OSError, match=f"max_bytes is {most:,}") as caught:
            create_index(data, index, mode=mode, max_bytes=most)
        assert (caught.value.errno, caught.value.path) == (errno.EDQUOT, URL)
        if (mode, data) != ("stream", URL):  # of which the first bytes are under way
            assert server.bytes_read() <= most
        assert server.count("PUT") == 0
    assert list(tmp_path.iterdir()) == []


def test_max_bytes_is_of_each_file(server):
    created = create_indexes([URL, SMALL_URL], max_bytes=1_000_000)
    assert [file.records for file in created] == [30, 3] or created[0].error.errno == errno.EDQUOT
    created = create_indexes([URL, SMALL_URL], max_bytes=1_000_000, checksums="full")
    assert created[1].records == 3 and created[0].error.errno == errno.EDQUOT
    index = tfr_index.scan(URL)
    with pytest.raises(OSError, match="max_bytes is 100,000"):
        index.check(URL, "full", max_bytes=100_000)
    assert index.check(URL, max_bytes=2_000_000).uncovered_bytes == 0


def test_what_is_refused(server, tmp_path):
    path = tmp_path / "x.tfrecord"
    path.write_bytes(SMALL)
    index = tfr_index.scan(path)
    local = [
        lambda **how: tfr_index.scan(path, **how),
        lambda **how: create_index(path, **how),
        lambda **how: create_index(memoryview(SMALL), "s3://b/x.idx", **how),
        lambda **how: create_indexes([path], **how),
        lambda **how: index.check(path, **how),
    ]
    for call in local:
        for how in ({"mode": "ranges"}, {"max_bytes": 5000}):
            with pytest.raises(tfr_index.TfrValueError, match="are for URLs"):
                call(**how)
    for call in (tfr_index.scan, create_index, create_indexes, index.check):
        for how, words in {
            ("mode", "fast"): "mode must be one of 'auto', 'stream', 'ranges', 'headers'",
            ("max_bytes", 0): "max_bytes must be between 4096",
        }.items():
            with pytest.raises(tfr_index.TfrValueError, match=words):
                call(URL, **dict([how]))
        with pytest.raises(tfr_index.TfrValueError, match="with one thread"):
            call(URL, mode="stream", threads=2)
    with pytest.raises(tfr_index.TfrValueError, match="level='full'"):
        index.check(URL, "full", mode="headers")
    system = fsspec.filesystem("memory")
    system.pipe_file("/x.tfrecord", SMALL)
    with pytest.raises(tfr_index.TfrValueError, match="fsspec"):
        tfr_index.scan(RemoteFile("/x.tfrecord", system), mode="stream")


def test_the_cost_is_measured(server):
    """Some files are opened, so that a pause of a busy machine does not count."""
    data = tfrecord([bytes(5_000_000)] * 8)
    server.objects["/b/set/large.tfrecord"] = data
    costs = []
    for latency in (0.002, 0.1):
        server.latency = latency
        tfr_index._remote._store.cache_clear()  # as in another process
        for _ in range(9):
            file = RemoteFile(URL)
        costs.append(file.cost)
        assert latency < file.cost[0] < latency + 0.04
        server.forget()
        assert list(tfr_index.scan(file)) == walk(data)
        # Records of 5 MB are skipped where reading them takes longer than another request.
        assert (server.bytes_read() < len(data) / 2) == (latency < 0.01)
        assert pickle.loads(pickle.dumps(file)).cost == file.cost
    assert costs[0][1:] == (100e6, 128)


def test_the_bandwidth_is_measured(server):
    server.bytes_per_second = 20e6
    for _ in range(3):
        tfr_index.scan(URL, checksums="none")
    assert 5e6 < RemoteFile(URL).cost[1] < 25e6
    assert RemoteFile(URL, cost=NEAR).cost == NEAR


def index_of(server, *urls):
    for url in urls:
        path = url.removeprefix("s3:/")
        server.objects[f"{path}.idx"] = index_text(walk(server.objects[path])).encode()


@pytest.mark.parametrize("workers", [None, 2])
@pytest.mark.parametrize("index_dir", [None, "s3://b/indexes"])
def test_an_update_takes_one_request_for_each_file(server, index_dir, workers):
    server.objects = {f"/b/set/{i}.tfrecord": tfrecord([b"x"] * i) for i in range(20)}
    with concurrent.futures.ThreadPoolExecutor(workers) as executor:
        given = None if workers is None else executor

        def update():
            server.forget()
            created = create_indexes("s3://b/set/", index_dir, update=True, jobs=4, executor=given)
            assert [file.error for file in created] == [None] * 20
            return [file.records for file in created]

        assert sorted(update()) == list(range(20))
        assert (server.count("HEAD"), server.count("PUT")) == (1, 20)  # one file is empty
        assert update() == [None] * 20
        assert server.count("LIST") == (1 if index_dir is None else 2)
        assert (server.count("HEAD"), server.count("PUT")) == (0, 0)
        assert server.count("GET") == 19  # the ends of the indexes
        server.objects["/b/set/3.tfrecord"] += tfrecord([b"y"])
        assert [count for count in update() if count is not None] == [4]


def test_an_index_that_is_replaced_during_an_update(server):
    index_of(server, URL)
    shortened = []

    def shorten(request):
        if request.path.endswith(".idx") and request.start > 0 and not shortened:
            shortened.append(request)
            server.objects["/b/set/large.tfrecord.idx"] = b"0 16\n"
            return 416
        return None

    server.fault = shorten
    [large, small] = create_indexes("s3://b/set/", update=True)
    assert (large.records, small.records) == (30, 3)


def test_small_files_without_an_index_are_read_once(server):
    del server.objects["/b/set/large.tfrecord"]
    assert Manifest.build("s3://b/set/").total_records == 3
    assert (server.count("GET"), server.count("HEAD")) == (1, 0)
    for call in (Dataset, Manifest.build):
        server.forget()
        call([SMALL_URL])
        assert server.count("GET") == server.count("GET", ".tfrecord") == 1
    server.forget()
    with Reader(SMALL_URL) as reader:
        assert reader.read_many([2, 0]) == [b"three", b"one"]
    assert server.count("GET") == 1
    index_of(server, SMALL_URL)
    server.forget()
    assert Reader(SMALL_URL)[1] == b"two"
    assert server.count("GET") == 2


def test_salvage_fetches_no_index(server):
    index_of(server, URL, SMALL_URL)
    damaged = bytearray(SMALL)
    damaged[1] ^= 1
    server.objects["/b/set/small.tfrecord"] = bytes(damaged)
    with pytest.warns(tfr_index.TfrWarning):
        reader = Reader(SMALL_URL, salvage=True)
    assert list(reader) == [b"two", b"three"]
    with pytest.warns(tfr_index.TfrWarning):
        assert list(Dataset([SMALL_URL], salvage=True)) == [b"two", b"three"]
        assert len(Dataset("s3://b/set/", salvage=True)) == 32
    assert server.count("GET", ".idx") == 0
