"""Measures work on objects at a distance: 20 milliseconds, 100 MB a second for each connection.

    python3 tests/bench/remote.py

A process of its own serves the objects (`tests/support/object_server.py`). The comparison is one
stream of all bytes, or the records one after the other. Each line says how many requests and bytes
it took. The server is slower than a real one: what it sends, it sends on the same processors.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
LATENCY, BANDWIDTH, LINK = 0.02, 100e6, 500e6


def serve(pipe: Connection, objects: dict[str, tuple[int, int]]) -> None:
    """Serves objects, given by records and bytes a record, and answers with what was requested."""
    from object_server import ObjectServer
    from tfrecords import tfrecord

    server = ObjectServer()
    for path, (records, size) in objects.items():
        server.objects[path] = tfrecord([os.urandom(size)]) * records
    server.latency, server.bytes_per_second = LATENCY, BANDWIDTH
    pipe.send(server.url)
    while wish := pipe.recv():
        server.link = wish if wish is not True else None
        pipe.send((len(server.requests), server.bytes_read(), server.most_at_once))
        server.forget()
    server.close()


def main() -> None:
    import obstore.store
    import tfr_index
    from tfr_index import Dataset, Manifest, Order, Reader, RemoteFile

    objects = {
        "/b/walk": (1_000, 200_000),
        "/b/video": (200, 10_000_000),
        "/b/random": (3_000, 110_000),
    }
    objects |= {f"/b/small/{i:03}.tfrecord": (500, 2_000) for i in range(200)}
    objects |= {f"/b/epoch/{i:02}.tfrecord": (300, 110_000) for i in range(10)}
    pipe, other = get_context("spawn").Pipe()
    server = get_context("spawn").Process(target=serve, args=(other, objects))
    server.start()
    url = pipe.recv()
    os.environ |= {"AWS_ENDPOINT_URL": url, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1"}
    os.environ["AWS_SKIP_SIGNATURE"] = "true"
    options: Any = {"client_options": {"allow_http": True}, "skip_signature": True}
    store = obstore.store.S3Store("b", endpoint=url, region="us-east-1", **options)

    def measured(what: str, work: Callable[[], object], link: float | None = None) -> float:
        pipe.send(link or True)
        pipe.recv()
        begun = time.perf_counter()
        work()
        took = time.perf_counter() - begun
        pipe.send(link or True)
        requests, size, at_once = pipe.recv()
        megabytes = f"{size / 1e6:7.1f} MB"
        print(f"{what:42} {took:7.3f} s  {requests:5} requests, {megabytes}, {at_once} at once")
        return took

    def update(url: str) -> None:
        tfr_index.create_indexes(url, update=True)

    def stream(path: str) -> None:
        for _piece in obstore.get(store, path).stream(min_chunk_size=1 << 20):
            pass

    for name in ("walk", "video"):
        records, size = objects[f"/b/{name}"]
        print(f"{records} records of {size} bytes: {records * (size + 16) / 1e6:.0f} MB")
        base = measured("  one stream", lambda name=name: stream(name))
        ours = measured("  scan", lambda name=name: tfr_index.scan(RemoteFile(name, store)))
        print(f"  scan / stream: {ours / base:.3f}")

    names = [f"small/{i:03}.tfrecord" for i in range(200)]
    print("200 objects of 1 MB")

    def create(name: str) -> None:
        tfr_index.create_index(f"s3://b/{name}")

    base = (
        measured("  create_index, one after the other", lambda: [create(n) for n in names[:20]])
        * 10
    )
    with ThreadPoolExecutor(64) as pool:
        ours = measured("  create_index, 64 at once", lambda: list(pool.map(create, names)))
    print(f"  64 at once / one after the other: {ours / base:.3f}")
    ours = measured("  create_indexes", lambda: tfr_index.create_indexes("s3://b/small/"))
    print(f"  create_indexes / one after the other: {ours / base:.3f}")
    measured("  create_indexes(update=True)", lambda: update("s3://b/small/"))
    measured("  Dataset", lambda: Dataset("s3://b/small/"))
    manifest = Manifest.build("s3://b/small/")
    measured("  Dataset(manifest)", lambda: Dataset(manifest))

    print("an epoch of 3,000 records of 110 KB in 10 objects, in batches of 256")
    tfr_index.create_indexes("s3://b/epoch/")
    dataset = Dataset("s3://b/epoch/")
    sizes = [(name, 300 * 110_016) for name in dataset.paths]
    spans = [
        (name, start, min(start + 4_000_000, size))
        for name, size in sizes
        for start in range(0, size, 4_000_000)
    ]
    frames = [
        (name, start, start + 110_016) for name, size in sizes for start in range(0, size, 110_016)
    ]
    random.Random(1).shuffle(frames)

    def fetch(ranges: list[tuple[str, int, int]]) -> None:
        def one(wanted: tuple[str, int, int]) -> None:
            name, start, end = wanted
            obstore.get_range(store, name.removeprefix("s3://b/"), start=start, end=end)

        with ThreadPoolExecutor(64) as pool:
            list(pool.map(one, ranges))

    for what, seed, ranges in (("in order", None, spans), ("shuffled", 1, frames)):
        base = measured(f"  {what}: obstore alone, 64 at once", lambda r=ranges: fetch(r))
        order = Order(len(dataset), seed=seed)
        ours = measured(
            f"  {what}: batches()", lambda o=order: sum(map(len, dataset.batches(256, o)))
        )
        print(f"  {what}: bandwidth of batches() / obstore alone: {base / ours:.2f}")

        def through_link(o: Any = order) -> int:
            return sum(map(len, dataset.batches(256, o)))

        took = measured(f"  {what}: batches(), by a link of 500 MB/s", through_link, LINK)
        size = sum(size for _, size in sizes)
        print(f"  {what}: bandwidth of batches() / link: {size / LINK / took:.2f}")

    print("256 records of 110 KB")
    file = RemoteFile("random", store)
    index = tfr_index.scan(file)
    with Reader(file, index) as reader:
        chosen = random.Random(1).sample(range(len(reader)), 256)
        measured("  read_many, random", lambda: reader.read_many(chosen))
        measured("  read_many, adjacent", lambda: reader.read_many(range(500, 756)))
        measured("  all in order", lambda: sum(map(len, reader)))
    pipe.send(False)
    server.join()


if __name__ == "__main__":
    sys.path[:0] = [str(TESTS), str(TESTS / "support")]
    if len(sys.argv) > 1 and sys.argv[1] == "measure":
        main()
    else:
        import environment

        python = environment.prepare("quick")[0]
        os.execv(python, [python, __file__, "measure"])
