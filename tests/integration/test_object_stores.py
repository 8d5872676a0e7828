"""Data sets in the emulators of object stores.

S3 as the server of moto has it: signed requests, listings in pages, versions. Google's store, read
by gcsfs.
"""

from __future__ import annotations

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "clusters")

import errno
import os
import socket
from collections.abc import Iterator
from typing import Any

# gcsfs reads it when it is imported: the emulator has no hierarchical namespaces.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"

import boto3
import gcsfs
import pytest
import tfr_index
from gcp_storage_emulator.server import create_server
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer
from object_server import use_as_s3
from tfr_index import Dataset, Manifest, Order, create_indexes
from tfrecords import tfrecord, walk

SHARDS, RECORDS = 8, 50
ALL = [f"{shard}-{record}".encode() * 60 for shard in range(SHARDS) for record in range(RECORDS)]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of boto3 for a server with the bucket "bucket", which has a set."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "secret"}
    use_as_s3(monkeypatch, f"http://{host}:{port}", **keys)
    client = boto3.client("s3", region_name="us-east-1", endpoint_url=f"http://{host}:{port}")
    client.create_bucket(Bucket="bucket")
    for shard in range(SHARDS):
        body = tfrecord(ALL[shard * RECORDS : (shard + 1) * RECORDS])
        client.put_object(Bucket="bucket", Key=key(shard), Body=body)
    yield client
    server.stop()
    s3_backends.reset()  # all servers of a process share what they have


def key(shard: int) -> str:
    return f"set/train-{shard:05}-of-{SHARDS:05}.tfrecord"


def test_a_set_is_indexed_read_and_listed(client: Any) -> None:
    created = create_indexes("s3://bucket/set/")
    assert [(file.records, file.error) for file in created] == [(RECORDS, None)] * SHARDS
    dataset = Dataset("s3://bucket/set/train-*")
    assert list(dataset) == ALL
    batches = dataset.batches(32, Order(len(dataset), seed=7))
    assert all(batch == [ALL[i] for i in batches.records] for batch in batches)
    manifest = Manifest.build(f"s3://bucket/set/train@{SHARDS}.tfrecord")
    manifest.write("s3://bucket/set/train.manifest.json")
    listed = Dataset("s3://bucket/set/train.manifest.json")
    assert len(listed) == len(ALL) and listed.read_many([399, 0]) == [ALL[399], ALL[0]]
    assert create_indexes("s3://bucket/set/", update=True)[0].records is None


def test_an_object_of_several_ranges(client: Any) -> None:
    data = tfrecord([bytes([i]) * 100_000 for i in range(200)])
    client.put_object(Bucket="bucket", Key="large.tfrecord", Body=data)
    assert list(tfr_index.scan("s3://bucket/large.tfrecord", checksums="full")) == walk(data)
    assert tfr_index.Reader("s3://bucket/large.tfrecord")[199] == bytes([199]) * 100_000


def test_a_listing_has_several_pages(client: Any) -> None:
    for number in range(1_100):
        client.put_object(Bucket="bucket", Key=f"many/{number:04}.tfrecord", Body=b"")
    manifest = Manifest.build("s3://bucket/many/")
    assert (len(manifest), manifest.total_records) == (1_100, 0)


def test_an_object_that_is_replaced_is_noticed(client: Any) -> None:
    """Smaller files without an index are fetched whole, and read as they were then."""
    for shard in range(2):
        body = tfrecord([b"%d" % record * 15_000 for record in range(10, 10 + RECORDS)])
        client.put_object(Bucket="bucket", Key=f"large/{shard}.tfrecord", Body=body)
    dataset = Dataset("s3://bucket/large/")
    manifest = Manifest.build("s3://bucket/large/")
    name, other = "large/1.tfrecord", tfrecord([b"other"] * RECORDS)
    client.put_object(Bucket="bucket", Key=name, Body=other)
    for opened in (dataset, Dataset(manifest)):
        with pytest.raises(tfr_index.TfrOSError, match="was replaced") as caught:
            opened[RECORDS + 40]  # after the bytes that opening read along
        assert (caught.value.errno, caught.value.path) == (errno.ESTALE, f"s3://bucket/{name}")
    changes = manifest.refresh()
    assert changes.changed == [f"s3://bucket/{name}"]
    assert Dataset(manifest)[RECORDS] == b"other"


def test_an_index_that_another_process_writes_stays(client: Any) -> None:
    url = f"s3://bucket/{key(0)}"
    assert tfr_index.create_index(url, only="missing") == RECORDS
    client.put_object(Bucket="bucket", Key=f"{key(0)}.idx", Body=b"0 16\n")
    assert tfr_index.create_index(url, only="missing") is None
    assert tfr_index._remote.write(f"{url}.idx", __file__, only_new=True) is False  # type: ignore[arg-type]


def test_what_a_server_refuses(client: Any) -> None:
    with pytest.raises(FileNotFoundError, match="s3://bucket/set/missing"):
        Dataset("s3://bucket/set/missing.tfrecord")
    with pytest.raises(FileNotFoundError, match="no file matches"):
        Dataset("s3://bucket/none/*.tfrecord")
    with pytest.raises(tfr_index.TfrOSError):
        Dataset("s3://other/set/*.tfrecord")


@pytest.fixture
def system() -> Iterator[Any]:
    """gcsfs for a server with the bucket "bucket", which has a set."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with create_server("127.0.0.1", port, in_memory=True, default_bucket="bucket"):
        url = f"http://127.0.0.1:{port}"
        where = {"project": "none", "token": "anon", "endpoint_url": url}
        system = gcsfs.GCSFileSystem(**where, skip_instance_cache=True)
        for shard in range(SHARDS):
            body = tfrecord(ALL[shard * RECORDS : (shard + 1) * RECORDS])
            system.pipe_file(f"bucket/{key(shard)}", body)
        yield system


def test_a_set_in_googles_store_by_gcsfs(system: Any) -> None:
    pattern = "bucket/set/train-*.tfrecord"
    created = create_indexes(pattern, store=system)
    assert [(file.records, file.error) for file in created] == [(RECORDS, None)] * SHARDS
    body = system.cat_file(f"bucket/{key(0)}")
    text = "".join(f"{offset} {size}\n" for offset, size in walk(body))
    assert system.cat_file(f"bucket/{key(0)}.idx") == text.encode()
    assert create_indexes(pattern, store=system, update=True)[0].records is None
    for paths in (pattern, "bucket/set/"):
        dataset = Dataset(paths, store=system)
        assert list(dataset) == ALL
    batches = dataset.batches(32, Order(len(dataset), seed=7))
    assert all(batch == [ALL[i] for i in batches.records] for batch in batches)


def test_objects_of_googles_store_by_gcsfs(system: Any) -> None:
    data = tfrecord([bytes([i]) * 100_000 for i in range(9)])
    system.pipe_file("bucket/large.tfrecord", data)
    large = tfr_index.RemoteFile("bucket/large.tfrecord", system)
    assert list(tfr_index.scan(large, checksums="full")) == walk(data)
    assert tfr_index.Reader(large)[8] == bytes([8]) * 100_000
    with pytest.raises(FileNotFoundError, match="bucket/missing"):
        tfr_index.Reader(tfr_index.RemoteFile("bucket/missing.tfrecord", system))
    with pytest.raises(FileNotFoundError, match="no file matches"):
        Dataset("bucket/none/*.tfrecord", store=system)
