"""Data sets in object stores: their files, indexes, records and manifests."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import concurrent.futures
import errno
import gzip
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import fsspec
import numpy
import obstore
import obstore.store
import pytest
import tfr_index
from object_server import FAULTS, s3
from tfr_index import Dataset, Manifest, Order, create_indexes
from tfrecords import index_text, tfrecord, walk

SHARDS, RECORDS = 6, 40
PAYLOADS = [
    [numpy.random.default_rng(100 * shard + i).bytes(500 + 13 * i) for i in range(RECORDS)]
    for shard in range(SHARDS)
]
ALL = [payload for shard in PAYLOADS for payload in shard]
NAMES = [f"train-{shard:05}-of-{SHARDS:05}.tfrecord" for shard in range(SHARDS)]
URLS = [f"s3://b/set/{name}" for name in NAMES]


@pytest.fixture
def server(monkeypatch):
    """A server with a set and other files in the bucket "b"."""
    with s3(monkeypatch) as server:
        for name, payloads in zip(NAMES, PAYLOADS, strict=True):
            server.objects[f"/b/set/{name}"] = tfrecord(payloads)
        for name in ("labels.txt", "_SUCCESS", "a/b/x.tfrec", "set.json"):
            server.objects[f"/b/set/{name}"] = b""
        yield server


@pytest.fixture
def indexed(server):
    """The same, with indexes, after which no request is noted yet."""
    for name, payloads in zip(NAMES, PAYLOADS, strict=True):
        text = index_text(walk(tfrecord(payloads)))
        server.objects[f"/b/set/{name}.idx"] = text.encode()
    return server


@pytest.mark.parametrize(
    "paths",
    [
        URLS,
        "s3://b/set/train-*.tfrecord",
        "s3://b/set/train-0000[0-5]-of-?????.tfrecord",
        f"s3://b/set/train@{SHARDS}.tfrecord",
        "s3://b/set/train@*.tfrecord",
        "s3://b/**/train*",
        f"s3://b/set/train-{{00000..00005}}-of-{SHARDS:05}.tfrecord",
        "s3://b/set/{train}-*",
    ],
)
def test_what_urls_stand_for(server, paths):
    assert Dataset(paths).paths == URLS


def test_a_directory_has_the_files_that_look_like_data(indexed):
    assert Dataset("s3://b/set/").paths == ["s3://b/set/a/b/x.tfrec", *URLS]
    indexed.objects["/b/set/other.data"] = tfrecord([b"x"])
    assert Dataset("s3://b/set/", pattern="*.{data,tfrec}").paths == [
        "s3://b/set/a/b/x.tfrec",
        "s3://b/set/other.data",
    ]


def test_objects_for_directories_and_hidden_directories_are_no_data(indexed):
    indexed.objects["/b/set/x.tfrecords/"] = b""
    indexed.objects["/b/set/x.tfrecords/y.tfrecord"] = tfrecord([b"y"])
    indexed.objects["/b/set/.trash/z.tfrecord"] = tfrecord([b"z"])
    assert Dataset("s3://b/set/**/*.tfrecord*").paths == [
        *URLS,
        "s3://b/set/x.tfrecords/y.tfrecord",
    ]


@pytest.mark.parametrize("directory", ["a b", "a%20b", "a%b", "a#b", "a?b", "a+b", "a&b", "\u00fc"])
def test_a_url_has_the_path_of_its_object_as_it_is(server, directory):
    server.objects["/b/a/x.tfrecord"] = server.objects["/b/a b/x.tfrecord"] = tfrecord([b"other"])
    server.objects[f"/b/{directory}/x.tfrecord"] = tfrecord([b"mine"])
    url = f"s3://b/{directory}/x.tfrecord"
    assert list(tfr_index.Reader(url)) == [b"mine"]
    assert Dataset(f"s3://b/{directory}/").paths == [url]
    assert list(Dataset(f"s3://b/{directory}/")) == [b"mine"]
    Manifest.build(f"s3://b/{directory}/").write("s3://b/x.manifest.json")
    assert list(Dataset("s3://b/x.manifest.json")) == [b"mine"]


def test_urls_of_web_servers_are_encoded(server):
    server.objects["/a b/c d.tfrecord"] = tfrecord([b"x"])
    assert list(Dataset([f"{server.url}/a%20b/c%20d.tfrecord"])) == [b"x"]


def test_versions_in_a_listing_may_have_no_quotes(indexed):
    indexed.quotes_listed = False  # as those of Azure
    assert list(Dataset("s3://b/set/train-*")) == ALL


def test_sets_must_be_complete(server):
    del server.objects["/b/set/" + NAMES[2]]
    with pytest.raises(FileNotFoundError, match=rf"{URLS[2]}: cannot find it.*allow_missing"):
        Dataset("s3://b/set/train-*")
    assert len(Dataset("s3://b/set/train-*", allow_missing=True)) == (SHARDS - 1) * RECORDS
    with pytest.raises(FileNotFoundError, match=URLS[2]):
        Dataset(f"s3://b/set/train@{SHARDS}.tfrecord")
    server.objects["/b/set/train-00000-of-00009.tfrecord"] = tfrecord([b"x"])
    with pytest.raises(tfr_index.TfrValueError, match=r"train@6\.tfrecord and .*train@9"):
        Dataset("s3://b/set/train-*")


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ([URLS[0], "local.tfrecord"], "files of one kind"),
        ([URLS[0], URLS[0]], "given twice"),
        ("s3://b/none-*", "no file matches"),
        ("s3://b/none/", "no TFRecord files are there"),
        ("s3://*/x", "wildcards in its bucket"),
        ("s3://b/x-{0..9999999999}", "more than 1,000,000 files"),
        ("s3://b/x@9999999999", "more than 1,000,000 files"),
        ("http://127.0.0.1:1/x-*", "lists no files"),
        ("s3://b/x[z-a]", "not a valid pattern"),
        ("s3://b//x.tfrecord", "two slashes"),
    ],
)
def test_urls_that_stand_for_no_set(server, paths, words):
    with pytest.raises((tfr_index.TfrValueError, FileNotFoundError), match=words):
        Dataset(paths)


def test_indexes_are_created_with_a_request_each(server):
    created = create_indexes("s3://b/set/train-*")
    assert [file.path for file in created] == URLS
    assert [(file.records, file.error) for file in created] == [(RECORDS, None)] * SHARDS
    assert [file.bytes for file in created] == [len(tfrecord(some)) for some in PAYLOADS]
    assert (server.count("GET"), server.count("PUT"), server.count("LIST")) == (SHARDS, SHARDS, 1)
    for name, payloads in zip(NAMES, PAYLOADS, strict=True):
        text = server.objects[f"/b/set/{name}.idx"].decode()
        assert text == index_text(walk(tfrecord(payloads)))
    again = create_indexes("s3://b/set/train-*", update=True)
    assert [file.records for file in again] == [None] * SHARDS
    assert server.count("PUT") == SHARDS
    server.objects["/b/set/" + NAMES[1]] += tfrecord([b"more"])
    planned = create_indexes("s3://b/set/train-*", update=True, dry_run=True)
    assert [file.planned for file in planned] == [number == 1 for number in range(SHARDS)]
    again = create_indexes("s3://b/set/train-*", update=True)
    assert [file.records for file in again] == [None, RECORDS + 1, None, None, None, None]


def test_a_selection_of_records_is_not_replaced(server, tmp_path):
    directory = f"{tmp_path}/selected"
    for where in ("s3://b/selected", directory):
        created = create_indexes(URLS, where)
        for number, lines in ((0, slice(1, None, 2)), (1, slice(3))):
            path = created[number].index_path
            text = "".join(index_text(walk(tfrecord(PAYLOADS[number]))).splitlines(True)[lines])
            if where == directory:
                Path(path).write_text(text)
            else:
                server.objects[path.removeprefix("s3:/")] = text.encode()
        again = create_indexes(URLS, where, update=True)
        # The first records may be all that the file had.
        assert [file.records for file in again] == [None, RECORDS, *[None] * (SHARDS - 2)]
    # Nor is one kept that is not of these records.
    other = index_text([(16, 20), (52, 30)])
    Path(again[0].index_path).write_text(other)
    again = create_indexes(URLS, directory, update=True)
    assert [file.records for file in again] == [RECORDS, *[None] * (SHARDS - 1)]


def test_a_manifest_names_indexes_that_select_records(server, tmp_path):
    selected = create_indexes(URLS, "s3://b/selected")[0].index_path
    lines = index_text(walk(tfrecord(PAYLOADS[0]))).splitlines(True)[1::2]
    server.objects[selected.removeprefix("s3:/")] = "".join(lines).encode()
    total = SHARDS * RECORDS - RECORDS // 2
    manifest = Manifest.build(URLS, index_dir="s3://b/selected")
    assert (manifest[0].index_path, manifest.total_records) == (selected, total)
    path = f"{tmp_path}/train.manifest.json"
    manifest.write(path)
    again = Manifest.build(path)
    assert list(again) == list(manifest)
    with pytest.raises(tfr_index.TfrValueError, match="index_dir and pattern cannot be given"):
        Manifest.build(path, index_dir="s3://b/selected")
    for paths in (path, again, pickle.loads(pickle.dumps(Dataset(path)))):
        dataset = paths if isinstance(paths, Dataset) else Dataset(paths)
        assert len(dataset) == total
        first = dataset[: RECORDS // 2 + 1]
        assert list(first) == [*PAYLOADS[0][1::2], PAYLOADS[1][0]]

    # A shard that was replaced is counted with the index that is named, which is not its own now.
    server.objects["/b/set/" + NAMES[1]] += tfrecord([b"more"])
    assert again.refresh().changed == [URLS[1]]
    assert (again[0].index_path, again.total_records) == (selected, total)
    create_indexes(URLS, "s3://b/selected", update=True)
    again = Manifest.build(path)
    assert (again[1].records, again.total_records) == (RECORDS + 1, total + 1)
    del server.objects[selected.removeprefix("s3:/")]
    with pytest.raises(FileNotFoundError, match=selected):
        Manifest.build(path)
    with pytest.raises(FileNotFoundError, match=selected):
        Dataset(path)[0]


def test_many_files_are_indexed_at_the_same_time(server):
    server.latency = 0.1
    create_indexes(URLS)
    assert server.most_at_once > 2


def test_a_file_that_fails_stops_no_other(server):
    server.objects["/b/set/" + NAMES[3]] = b"<!DOCTYPE html><html></html>"
    calls = []
    created = create_indexes(URLS, progress=lambda *at: calls.append(at))
    assert [file.records for file in created] == [RECORDS] * 3 + [None] + [RECORDS] * 2
    error = created[3].error
    assert error.status == "TFR_ERR_NOT_TFRECORD" and error.path == URLS[3]
    assert str(error).startswith(URLS[3])
    assert calls == [(done, SHARDS) for done in range(1, SHARDS + 1)]
    with pytest.raises(tfr_index.TfrError, match=NAMES[3]):
        create_indexes(URLS, on_error="raise")
    with pytest.raises(tfr_index.TfrCancelled):
        create_indexes(URLS, progress=lambda *_at: True)


def test_damage_is_counted(server):
    data = bytearray(server.objects["/b/set/" + NAMES[0]])
    data[600] ^= 1
    server.objects["/b/set/" + NAMES[0]] = bytes(data)
    created = create_indexes(URLS, salvage=True, checksums="full")
    assert [file.skipped_regions for file in created] == [1, 0, 0, 0, 0, 0]
    assert created[0].records == RECORDS - 1


def test_an_executor_creates_the_indexes(server):
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        created = create_indexes(URLS, executor=executor)
        assert [file.records for file in created] == [RECORDS] * SHARDS
        manifest = Manifest.build(URLS, executor=executor)
    assert manifest == Manifest.build(URLS)
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, context) as executor:
        again = create_indexes(URLS, executor=executor, update=True)
    assert [file.records for file in again] == [None] * SHARDS


def test_indexes_in_another_directory(server):
    server.objects["/b/set/a/b/x.tfrec"] = tfrecord([b"x"])
    paths = ["s3://b/set/a/b/x.tfrec", URLS[0]]
    created = create_indexes(paths, "s3://b/indexes")
    expected = ["s3://b/indexes/a/b/x.tfrec.idx", f"s3://b/indexes/{NAMES[0]}.idx"]
    assert [file.index_path for file in created] == expected
    dataset = Dataset(paths, index_dir="s3://b/indexes")
    assert list(dataset) == [b"x", *PAYLOADS[0]]
    with pytest.raises(FileNotFoundError, match="other"):
        Dataset(paths, index_dir="s3://b/other")


def test_opening_and_reading_takes_few_requests(indexed):
    dataset = Dataset("s3://b/set/train-*")
    assert len(dataset) == len(ALL)
    # A listing; of each file the first bytes, the last header and the index.
    assert len(indexed.requests) <= 1 + 3 * SHARDS
    indexed.forget()
    assert dataset[57] == ALL[57]
    assert len(indexed.requests) == 1
    indexed.forget()
    records = [3, 239, 100, 57, 101, 102]
    assert dataset.read_many(records) == [ALL[record] for record in records]
    assert len(indexed.requests) <= len(records)
    assert dataset.paths == URLS and dataset.locate(41) == (URLS[1], 1)


def test_opening_a_file_again_takes_no_request(indexed):
    dataset = Dataset(URLS[:2], max_open_files=1)
    indexed.forget()
    for record in (3, 77, 4, 78, 5, 79):
        assert dataset[record] == ALL[record]
    assert len(indexed.requests) == 6
    dataset = Dataset(URLS[:2], max_open_files=1, index_memory=1)
    assert dataset.read_many([3, 77, 4, 78]) == [ALL[record] for record in (3, 77, 4, 78)]
    del indexed.objects[f"/b/set/{NAMES[1]}.idx"]
    with pytest.warns(tfr_index.TfrWarning, match="is not used"):
        assert dataset.read_many([3, 77, 4, 78]) == [ALL[record] for record in (3, 77, 4, 78)]


@pytest.mark.parametrize("order", [None, Order(len(ALL), seed=3), "chunks"])
def test_an_epoch(indexed, order):
    dataset = Dataset("s3://b/set/train-*")
    if order == "chunks":
        order = Order(dataset, seed=1, shuffle="chunks")
    indexed.latency = 0.01
    batches = dataset.batches(32, order)
    seen = []
    for batch in batches:
        assert batch == [ALL[record] for record in batches.records]
        seen += batches.records
    assert sorted(seen) == list(range(len(ALL)))
    assert list(dataset) == ALL


def test_files_without_an_index_are_scanned(server):
    dataset = Dataset(URLS)
    assert list(dataset) == ALL
    assert server.count("PUT") == 0


def test_a_stale_index_is_not_used(indexed):
    indexed.objects["/b/set/" + NAMES[1]] += tfrecord([b"more"])
    with pytest.warns(tfr_index.TfrWarning, match=rf"{URLS[1]}\.idx: .*is not used"):
        dataset = Dataset(URLS)
    assert len(dataset) == len(ALL) + 1 and dataset[2 * RECORDS] == b"more"


def test_a_given_index_selects(indexed):
    two = tfr_index.Index(walk(tfrecord(PAYLOADS[0]))[:2])
    dataset = Dataset(URLS[:2], index=[two, None])
    assert list(dataset) == PAYLOADS[0][:2] + PAYLOADS[1]
    assert list(Dataset([URLS[0]] * 2, index=[two, two])) == PAYLOADS[0][:2] * 2


def test_compressed_and_plain_files(indexed, tmp_path):
    path = tmp_path / "x.tfrecord.gz"
    path.write_bytes(gzip.compress(tfrecord(PAYLOADS[0])))
    tfr_index.create_index(path)
    for end in ("", ".idx", ".seek"):
        content = (tmp_path / f"x.tfrecord.gz{end}").read_bytes()
        indexed.objects[f"/b/gz/x.tfrecord.gz{end}"] = content
    paths = ["s3://b/gz/x.tfrecord.gz", URLS[1]]
    for name in ("x.tfrecord.gz.seek", "x.tfrecord.gz.idx"):
        assert list(Dataset(paths)) == PAYLOADS[0] + PAYLOADS[1]
        with tfr_index.Reader(paths[0]) as reader:
            assert reader[7] == PAYLOADS[0][7]
        assert list(tfr_index.scan(paths[0])) == walk(tfrecord(PAYLOADS[0]))
        del indexed.objects[f"/b/gz/{name}"]
    assert create_indexes(paths[0])[0].records == RECORDS
    assert create_indexes(paths[0], update=True)[0].records is None
    indexed.objects["/b/gz/x.tfrecord.gz.seek"] = b"of another file"
    assert list(Dataset(paths[0])) == PAYLOADS[0]


def test_copies_open_no_file_and_read_the_same_version(indexed):
    dataset = Dataset(URLS)
    indexed.forget()
    text = pickle.dumps(dataset)
    copy = pickle.loads(text)
    assert len(copy) == len(ALL) and indexed.requests == []
    assert copy[77] == ALL[77]
    indexed.objects["/b/set/" + NAMES[0]] = tfrecord([*PAYLOADS[0][:-1], PAYLOADS[0][-1][::-1]])
    with pytest.raises(tfr_index.TfrOSError, match="was replaced") as caught:
        pickle.loads(text)[0]
    assert (caught.value.errno, caught.value.path) == (errno.ESTALE, URLS[0])


def test_another_process_reads_a_copy(indexed):
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as executor:
        assert executor.submit(Dataset(URLS).read_many, [99, 3]).result() == [ALL[99], ALL[3]]


def test_a_forked_process_is_told(indexed):
    dataset = Dataset(URLS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads run
        child = os.fork()
    if child == 0:
        try:
            dataset[0]
        except tfr_index.TfrError as error:
            os._exit(0 if "forkserver" in str(error) else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert dataset[0] == ALL[0]


def test_a_file_that_is_replaced_is_noticed(indexed):
    dataset = Dataset(URLS)
    indexed.objects["/b/set/" + NAMES[2]] = tfrecord(PAYLOADS[2][::-1])
    for read in (lambda: dataset[100], lambda: dataset.read_many([1, 100])):
        with pytest.raises(tfr_index.TfrOSError, match=rf"{URLS[2]}.*was replaced") as caught:
            read()
        assert (caught.value.errno, caught.value.path) == (errno.ESTALE, URLS[2])
    assert dataset[0] == ALL[0]


def impatient(server):
    """A store that does not repeat requests."""
    return obstore.store.S3Store(
        "b",
        endpoint=server.url,
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
        skip_signature=True,
        region="us-east-1",
    )


def test_a_failed_request_is_not_followed_by_another(server):
    methods = []
    server.fault = lambda request: methods.append(request.method) or 503
    with pytest.raises(tfr_index.TfrOSError, match="503"):
        Dataset([f"set/{NAMES[0]}"], store=impatient(server))
    assert methods == ["GET"]


@pytest.mark.parametrize(("fault", "kind", "words"), FAULTS)
def test_faults_of_the_server(indexed, fault, kind, words):
    paths = [f"set/{name}" for name in NAMES]
    dataset = Dataset(paths, store=impatient(indexed))
    indexed.fault = lambda request: fault if NAMES[4] in request.path else None
    with pytest.raises(kind, match=words) as caught:
        dataset[4 * RECORDS + 9]
    assert isinstance(caught.value, tfr_index.TfrOSError) and caught.value.path == paths[4]
    with pytest.raises(kind, match=NAMES[4]):
        Dataset(paths, store=impatient(indexed))
    with pytest.raises(kind, match=words):
        list(dataset.batches(50))


def test_bad_files_and_records_may_be_skipped(indexed):
    data = bytearray(indexed.objects["/b/set/" + NAMES[0]])
    data[600] ^= 1
    indexed.objects["/b/set/" + NAMES[0]] = bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = Dataset(URLS, on_error="skip")
        assert list(dataset) == ALL[:1] + ALL[2:]
        assert dataset.skipped.records == 1 and dataset.skipped.errors[0].path == URLS[0]
        del indexed.objects["/b/set/" + NAMES[5]]
        assert len(Dataset(URLS, on_error="skip")) == 5 * RECORDS
        assert list(Dataset(URLS[:1], salvage=True)) == PAYLOADS[0][:1] + PAYLOADS[0][2:]


def test_a_manifest_says_what_the_set_has(indexed):
    manifest = Manifest.build("s3://b/set/train-*")
    assert [row.path for row in manifest] == URLS
    assert [row.index_path for row in manifest] == [f"{url}.idx" for url in URLS]
    assert all(row.records == RECORDS and row.etag and row.mtime_ns for row in manifest)
    manifest.write("s3://b/set/train.manifest.json")
    indexed.forget()
    dataset = Dataset("s3://b/set/train.manifest.json")
    assert len(dataset) == len(ALL) and len(indexed.requests) == 1
    assert dataset[239] == ALL[239]
    assert Manifest.read("s3://b/set/train.manifest.json") == manifest
    indexed.objects["/b/set/" + NAMES[1]] = tfrecord(PAYLOADS[1][::-1])
    with pytest.raises(tfr_index.TfrOSError, match="was replaced"):
        Dataset(manifest)[RECORDS]


def test_a_manifest_on_this_machine(indexed, tmp_path):
    path = tmp_path / "train.manifest.json"
    Manifest.build(URLS).write(path)
    assert Dataset(path).paths == URLS
    assert Dataset(path).read_many([7, 100]) == [ALL[7], ALL[100]]
    assert list(pickle.loads(pickle.dumps(Dataset(path)))) == ALL


def test_a_manifest_is_refreshed_by_versions(indexed):
    manifest = Manifest.build(URLS[:4])
    indexed.objects["/b/set/" + NAMES[1]] += tfrecord([b"more"])
    del indexed.objects[f"/b/set/{NAMES[1]}.idx"]
    indexed.forget()
    changes = manifest.refresh([*URLS[1:4], URLS[5]])
    assert (changes.added, changes.changed, changes.gone) == ([URLS[5]], [URLS[1]], [URLS[0]])
    assert indexed.count("GET", NAMES[2]) == 0  # as it was
    assert [row.records for row in manifest] == [RECORDS + 1, RECORDS, RECORDS, RECORDS]
    assert manifest.refresh() == ([], [], [], [], False)


def test_a_refresh_finds_new_indexes_and_missing_files(server):
    manifest = Manifest.build(URLS)
    assert {row.index_path for row in manifest} == {None}
    create_indexes(URLS[:2])
    assert manifest.refresh() == ([], [], [], URLS[:2], False)
    assert [row.index_path for row in manifest[:3]] == [f"{url}.idx" for url in URLS[:2]] + [None]
    server.forget()
    assert manifest.refresh("s3://b/set/train-*") == ([], [], [], [], False)
    assert server.count("HEAD") == server.count("GET") == 0  # the listing says it
    del server.objects["/b/set/" + NAMES[5]]
    with pytest.raises(FileNotFoundError, match=NAMES[5]):
        manifest.refresh()
    assert manifest.refresh(allow_missing=True).gone == [URLS[5]]


@pytest.mark.parametrize("workers", [None, 2])
def test_a_manifest_of_indexes_in_another_directory(server, workers):
    create_indexes(URLS, "s3://b/indexes")
    server.forget()
    with concurrent.futures.ThreadPoolExecutor(workers) as executor:
        given = None if workers is None else executor
        manifest = Manifest.build(URLS, index_dir="s3://b/indexes", executor=given)
    assert [row.index_path for row in manifest] == [f"s3://b/indexes/{name}.idx" for name in NAMES]
    assert Manifest.from_rows(manifest) == manifest
    dataset = Dataset(manifest)
    server.forget()
    assert dataset[3] == ALL[3]
    assert server.count("GET", f"/indexes/{NAMES[0]}.idx") == 1


def test_a_manifest_without_versions_has_sizes(indexed):
    rows = [row._replace(etag=None) for row in Manifest.build(URLS)]
    assert list(Dataset(Manifest.from_rows(rows))) == ALL
    indexed.objects["/b/set/" + NAMES[1]] = tfrecord([*PAYLOADS[1][:-1], b"x"])
    with pytest.raises(tfr_index.TfrOSError, match="was replaced"):
        Dataset(Manifest.from_rows(rows))[RECORDS]


def test_a_manifest_of_local_files_stays_local(server, tmp_path):
    (tmp_path / "x.tfrecord").write_bytes(tfrecord([b"x"]))
    with pytest.raises(tfr_index.TfrValueError, match="files are local"):
        Manifest.build(tmp_path).write("s3://b/x.manifest.json")


@pytest.mark.parametrize("workers", [None, 2])
@pytest.mark.parametrize("paths", [URLS, "s3://b/set/train-*"])
def test_a_manifest_shows_its_progress(indexed, workers, paths):
    calls = []
    size = sum(len(tfrecord(payloads)) for payloads in PAYLOADS)
    with concurrent.futures.ThreadPoolExecutor(workers) as executor:
        given = None if workers is None else executor
        manifest = Manifest.build(paths, executor=given, progress=lambda *at: calls.append(at))
        assert len(manifest) == SHARDS and calls[-1][0] <= size and calls[-1][2] <= len(ALL)
        with pytest.raises(tfr_index.TfrCancelled):
            Manifest.build(paths, executor=given, progress=lambda *_at: True)
        with pytest.raises(TypeError, match="progress must be callable"):
            Manifest.build(paths, executor=given, progress=3)
    if workers is not None:
        assert calls[-1] == (size, size, len(ALL)) and len(calls) == SHARDS


def test_a_manifest_replaces_only_manifests(indexed):
    manifest, url = Manifest.build(URLS[:2]), "s3://b/set/x.json"
    manifest.write(url)
    Manifest.build(URLS).write(url)
    assert len(Manifest.read(url)) == SHARDS
    indexed.objects["/b/set/x.json"] = b""
    manifest.write(url)
    for content in (b'{"name": "my settings"}', b"[" + b"1, " * 3000 + b"2]", b"\xff\xfe"):
        indexed.objects["/b/set/x.json"] = content
        with pytest.raises(tfr_index.TfrValueError, match="refusing to overwrite") as caught:
            manifest.write(url)
        assert caught.value.path == url and url in str(caught.value)
        assert "tfr-index-" not in str(caught.value)
        assert indexed.objects["/b/set/x.json"] == content
    with pytest.raises(tfr_index.TfrValueError, match=r"must end with \.json"):
        manifest.write("s3://b/set/x.txt")


TREE = ["d/one/a.tfrecord", "d/two/a.tfrecord", "d/two/sub/b.tfrecord", "e/f/c.tfrecord"]


@pytest.mark.parametrize(
    "paths",
    [
        ["d/two/"],
        ["d/two/sub/"],
        ["d/"],
        ["d/one/", "d/two/"],
        ["d/{one,two}/"],
        ["d/**/*.tfrecord"],
        ["d/*/a.tfrecord"],
        ["d/tw*/a.tfrecord"],
        ["d/two/a.tfrecord"],
        ["d/two/a.tfrecord", "e/f/c.tfrecord"],
        ["d/two/", "e/f/c.tfrecord"],
        ["e/"],
        ["e/**/c*"],
    ],
)
def test_an_index_directory_mirrors_the_data_as_that_of_local_files_does(tmp_path, paths):
    store = obstore.store.MemoryStore()
    for path in TREE:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(tfrecord([path.encode()]))
        obstore.put(store, path, tfrecord([path.encode()]))
    there = create_indexes(paths, "i", store=store)
    here = create_indexes([f"{tmp_path}/{path}" for path in paths], tmp_path / "i")
    expected = [os.path.relpath(file.index_path, tmp_path) for file in here]
    assert [file.index_path for file in there] == expected
    assert list(Dataset(paths, index_dir="i", store=store)) == [
        file.path.removeprefix(f"{tmp_path}/").encode() for file in here
    ]


def test_two_slashes_in_a_row(server):
    """obstore cannot read such a path, nor list a directory that has one. fsspec can."""
    server.objects["/b/other//x.tfrecord"] = tfrecord([b"x"])
    for call in (Dataset, create_indexes, Manifest.build):
        for path in ("s3://b/other/", "s3://b/other/**/*.tfrecord", "s3://b/other//x.tfrecord"):
            with pytest.raises(tfr_index.TfrError, match=r"two slashes in a row.* fsspec"):
                failed = call(path)
                raise failed[0].error
    assert Dataset("s3://b/set/train-*").paths == URLS  # others are not affected


def test_a_store_that_is_given(tmp_path):
    store = obstore.store.MemoryStore()
    for name, payloads in zip(NAMES, PAYLOADS, strict=True):
        obstore.put(store, f"set/{name}", tfrecord(payloads))
    assert [file.records for file in create_indexes("set/", store=store)] == [RECORDS] * SHARDS
    dataset = Dataset("set/train-*", store=store)
    assert dataset.paths == [f"set/{name}" for name in NAMES] and list(dataset) == ALL
    index_paths = [f"set/{name}.idx" for name in NAMES]
    assert list(Dataset(dataset.paths, index=index_paths, store=store)) == ALL
    assert Dataset("*/train-*", store=store).paths == dataset.paths


def test_a_file_system_of_fsspec():
    system = fsspec.filesystem("memory")
    for name, payloads in zip(NAMES, PAYLOADS, strict=True):
        system.pipe_file(f"/sets/{name}", tfrecord(payloads))
    assert len(create_indexes("/sets/train-*", store=system)) == SHARDS
    assert create_indexes("/sets/train-*", store=system, update=True)[0].records is None
    dataset = Dataset("/sets/train-*", store=system)
    assert list(dataset) == ALL
    batches = dataset.batches(7, Order(len(dataset), seed=5))
    assert all(batch == [ALL[i] for i in batches.records] for batch in batches)
    assert Dataset("sets/", store=system).paths == [f"sets/{name}" for name in NAMES]


def test_a_file_system_that_knows_no_times(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a/x.tfrecord", tfrecord([b"x"]))
    system = fsspec.filesystem("zip", fo=tmp_path / "x.zip")
    for paths in ("a/", "*/x.tfrecord", ["a/x.tfrecord"]):
        assert list(Dataset(paths, store=system)) == [b"x"]


@pytest.fixture
def examples(server, tmp_path):
    """A set of tf.train.Examples in "s3://b/ex/", and the directory with the same files."""
    directory = tmp_path / "ex"
    directory.mkdir()
    for shard, name in enumerate(NAMES):
        words = [["a"] * (i % 3) for i in range(RECORDS)]
        path = directory / name
        with tfr_index.RecordWriter(path) as writer:
            writer.write_examples({"label": range(RECORDS), f"only {shard}": words})
        server.objects[f"/b/ex/{name}"] = path.read_bytes()
    return directory


def test_features_are_inferred(server, examples):
    for records in (6, 12, 13, None):
        here = tfr_index.infer_features(examples, records)
        assert tfr_index.infer_features("s3://b/ex/", records) == here and len(here) == 7
    store = obstore.store.MemoryStore()
    obstore.put(store, "x.tfrecord", (examples / NAMES[0]).read_bytes())
    found = tfr_index.infer_features("x.tfrecord", store=store)
    assert found == tfr_index.infer_features(examples / NAMES[0])
    batch = Dataset("x.tfrecord", store=store).read_columns([3, 1], found)
    assert batch["label"].tolist() == [3, 1]

    # As many files are opened as records are read, with a request each: they are small.
    server.forget()
    names = set(tfr_index.infer_features("s3://b/ex/", 2))
    assert names == {"label", "only 2", "only 5"}
    assert (server.count("LIST"), server.count("GET"), server.count("HEAD")) == (1, 2, 0)


def test_features_are_inferred_with_indexes(server, examples):
    Manifest.build("s3://b/ex/").write("s3://b/ex.manifest.json")
    create_indexes("s3://b/ex/", "s3://b/indexes/")
    for how in ({}, {"index_dir": "s3://b/indexes/"}):
        server.forget()
        found = tfr_index.infer_features("s3://b/ex/", **how)
        assert found == tfr_index.infer_features("s3://b/ex.manifest.json") and len(found) == 7
        assert {one.path for one in server.requests if one.path.startswith("/b/indexes/")} == (
            {f"/b/indexes/{name}.idx" for name in NAMES} if how else set()
        )
    server.objects[f"/b/ex/{NAMES[1]}.idx"] = b"0 99\n"
    with pytest.warns(tfr_index.TfrWarning, match=f"s3://b/ex/{NAMES[1]}.idx: "):
        assert tfr_index.infer_features("s3://b/ex/") == found


def test_features_cannot_be_inferred(server, examples):
    with pytest.raises(FileNotFoundError, match="s3://b/ex/missing"):
        tfr_index.infer_features(["s3://b/ex/missing"])
    with pytest.raises(tfr_index.TfrExampleError, match=f"s3://b/set/{NAMES[0]}: record 0"):
        tfr_index.infer_features(f"s3://b/set/{NAMES[0]}")
    with pytest.raises(tfr_index.TfrValueError, match="local file"):
        tfr_index.infer_features(["s3://b/ex/x", examples / NAMES[0]])
    server.fault = lambda _request: 503
    with pytest.raises(OSError, match=f"ex/{NAMES[0]}: "):
        tfr_index.infer_features(f"ex/{NAMES[0]}", store=impatient(server))


FREED = """
import gc, sys, threading, tfr_index
from tfr_index import _remote_shards
is_over = threading.Event()

def collect():
    while not is_over.is_set():
        gc.collect()

collector = threading.Thread(target=collect)
collector.start()
for _ in range(10):
    dataset = tfr_index.Dataset(sys.argv[1])
    batches = dataset.batches(3)
    next(batches)
    del dataset
    del batches
is_over.set()
collector.join()
print(len(_remote_shards._kept))
"""


def test_a_data_set_may_go_while_its_threads_read(indexed):
    indexed.latency = 0.02
    command = [sys.executable, "-c", FREED, "s3://b/set/train-*"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "0\n"), ended.stderr


def test_files_that_are_closed_take_no_memory(indexed):
    kept = tfr_index._remote_shards._kept
    before = set(kept)  # those of other tests may go at any time
    dataset = Dataset(URLS)
    assert len(set(kept) - before) == 1 + SHARDS
    dataset.close()
    assert len(set(kept) - before) == 1
    del dataset
    assert set(kept) <= before


INTERRUPTED = """
import os, signal, sys, threading, tfr_index
dataset = tfr_index.Dataset(sys.argv[1])
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    for _ in range(1000):
        dataset.read_many(range(len(dataset)))
except KeyboardInterrupt:
    print("interrupted", dataset[3] == dataset[3])
"""


def test_ctrl_c_ends_a_read(indexed):
    indexed.latency = 0.05
    command = [sys.executable, "-c", INTERRUPTED, "s3://b/set/train-*"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.stdout == "interrupted True\n", ended.stderr


CREATED = """
import os, signal, sys, threading, tfr_index
threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    eval(sys.argv[1])
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("work", ["create_indexes(['{}'], threads=1)", "Manifest.build(['{}'])"])
def test_ctrl_c_ends_scans(server, work):
    server.objects["/b/large.tfrecord"] = tfrecord([bytes(1 << 20)]) * 300
    server.latency = 0.2
    server.bytes_per_second = 4e6
    command = [sys.executable, "-c", CREATED, "tfr_index." + work.format("s3://b/large.tfrecord")]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.stdout == "interrupted\n", ended.stderr
    assert server.bytes_read() < 200 << 20


def test_a_report_is_that_of_local_files(indexed, tmp_path):
    """But for paths; and it fetches no file whole."""
    packed, name = gzip.compress(tfrecord(PAYLOADS[0])), "other/packed.tfrecord"
    damaged = bytearray(tfrecord(PAYLOADS[1]))
    damaged[0] ^= 1
    indexed.objects |= {f"/b/{name}.gz": packed, "/b/other/damaged.tfrecord": bytes(damaged)}
    for path, data in indexed.objects.items():
        local = tmp_path / path.removeprefix("/b/")
        local.parent.mkdir(exist_ok=True, parents=True)
        local.write_bytes(data)
    for directory in ("set/", "other/"):
        remote = tfr_index.report(f"s3://b/{directory}", sample=50).to_dict()
        local = tfr_index.report(tmp_path / directory, sample=50).to_dict()
        text = json.dumps(remote["files"]).replace("s3://b/", f"{tmp_path}/")
        assert json.loads(text) == local["files"]
        for facts in ("total", "record_bytes", "sample"):
            assert remote[facts] == local[facts]
        assert [one["record"] for one in remote["records"]] == [
            one["record"] for one in local["records"]
        ]
    indexed.requests.clear()
    page = tmp_path / "report.html"
    report = tfr_index.report("s3://b/set/", page, sample=10)
    assert report.to_dict()["total"]["records"] == len(ALL)
    assert "s3://b/set/" in page.read_text()
    read = sum(request.size for request in indexed.requests if "idx" not in request.path)
    assert read < sum(map(len, ALL)) / 2


def test_a_report_says_what_fails(indexed):
    """And does not stop."""
    indexed.fault = lambda request: 403 if NAMES[2] in request.path else None
    facts = tfr_index.report("s3://b/set/").to_dict()
    assert facts["total"]["failed"] == 1 and facts["total"]["records"] == 5 * RECORDS
    [failed] = [file for file in facts["files"] if file["failed"]]
    assert failed["path"] == URLS[2] and "credentials" in failed["error"]["message"]
    with pytest.raises(tfr_index.TfrCancelled):
        tfr_index.report("s3://b/set/", progress=lambda *_: True)


def test_the_code_that_a_report_shows_reads_the_set(server):
    for number in range(12):
        payloads = [tfr_index.encode_example({"label": [number]})] * 5
        server.objects[f"/b/labels/{number}.tfrecord"] = tfrecord(payloads)
    snippets = tfr_index.report("s3://b/labels/").to_dict()["snippets"]
    scope = {}
    exec(snippets["python"], scope)
    assert len(scope["dataset"]) == 60 and len(scope["batch"]["label"]) == 8
    compile(snippets["pytorch"], "pytorch", "exec")
    assert 'Dataset("s3://b/labels/", features=spec)' in snippets["pytorch"]


def test_a_report_judges_the_indexes_in_a_directory(indexed):
    for name in NAMES[1:]:
        indexed.objects[f"/b/indexes/{name}.idx"] = indexed.objects[f"/b/set/{name}.idx"]
    for name in NAMES:
        del indexed.objects[f"/b/set/{name}.idx"]
    indexed.objects[f"/b/indexes/{NAMES[1]}.idx"] = b"0 20\n"
    files = tfr_index.report("s3://b/set/train-*", index_dir="s3://b/indexes").to_dict()["files"]
    assert [file["state"] for file in files] == ["no_index", "other_file", *["ok"] * 4]


def test_the_records_of_a_report_are_requested_together(server):
    payloads = [bytes([number]) * 300_000 for number in range(40)]
    data = tfrecord(payloads)
    server.objects |= {"/b/one/x.tfrecord": data}
    server.objects["/b/one/x.tfrecord.idx"] = index_text(walk(data)).encode()
    server.latency = 0.05
    facts = tfr_index.report("s3://b/one/", sample=40).to_dict()
    assert facts["sample"]["records"] == 40
    assert len(server.requests) < 15
