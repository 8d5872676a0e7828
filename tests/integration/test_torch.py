"""PyTorch's DataLoader over a `Dataset`: its batches, its worker processes, its samplers."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "loaders")

import errno
import re
import runpy
import subprocess
import sys
from itertools import chain, islice
from pathlib import Path

import pytest
import tfr_index
import torch
from object_server import s3
from tfrecords import tfrecord
from torch.utils.data import DataLoader, DistributedSampler, Subset, random_split
from torchdata.stateful_dataloader import StatefulDataLoader

COUNT = 600
SHARD = 250


def payload(record: int) -> bytes:
    return b"%d " % record * (record % 50 + 1)


def decode(payload: bytes) -> tuple[torch.Tensor, int]:
    return torch.tensor(int(payload.split()[0])), len(payload)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> tfr_index.Dataset:
    folder = tmp_path_factory.mktemp("shards")
    for start in range(0, COUNT, SHARD):
        records = range(start, min(start + SHARD, COUNT))
        folder.joinpath(f"{start:05}.tfrecord").write_bytes(tfrecord(map(payload, records)))
    return tfr_index.Dataset(f"{folder}/*.tfrecord", decode=decode, max_open_files=2)


def seen(loader: DataLoader) -> list[int]:
    """The records of all batches, after a check of their payloads."""
    found = []
    for numbers, sizes in loader:
        assert sizes.tolist() == [len(payload(number)) for number in numbers.tolist()]
        found += numbers.tolist()
    return found


@pytest.mark.parametrize("workers", [None, "spawn", "forkserver"])
def test_shards_in_an_object_store(monkeypatch, workers):
    with s3(monkeypatch) as server:
        for start in range(0, COUNT, SHARD):
            records = map(payload, range(start, min(start + SHARD, COUNT)))
            server.objects[f"/b/set/{start:05}.tfrecord"] = tfrecord(records)
        dataset = tfr_index.Dataset("s3://b/set/", decode=decode)
        options = {"num_workers": 2, "multiprocessing_context": workers} if workers else {}
        loader = DataLoader(dataset, 64, shuffle=True, **options)
        assert sorted(seen(loader)) == list(range(COUNT))


def test_a_forked_worker_says_that_it_cannot_read_an_object_store(monkeypatch):
    with s3(monkeypatch) as server:
        server.objects["/b/set/x.tfrecord"] = tfrecord(map(payload, range(50)))
        dataset = tfr_index.Dataset("s3://b/set/", decode=decode)
        with pytest.raises(tfr_index.TfrOSError, match="forkserver"):
            seen(DataLoader(dataset, 10, num_workers=1, multiprocessing_context="fork"))


@pytest.mark.parametrize("workers", [None, "fork", "spawn"])
@pytest.mark.parametrize("batch_size", [None, 64])
def test_every_record_once_in_each_epoch(dataset, workers, batch_size, monkeypatch):
    batches = []
    getitems = tfr_index.Dataset.__getitems__

    def count(self, records):
        batches.append(len(records))
        return getitems(self, records)

    monkeypatch.setattr(tfr_index.Dataset, "__getitems__", count)
    options = {} if workers is None else {"num_workers": 2, "multiprocessing_context": workers}
    if batch_size is None:
        loader = DataLoader(dataset, batch_size=None, **options)
        assert [int(number) for number, _ in loader] == list(range(COUNT))
        return
    generator = torch.Generator().manual_seed(1)
    loader = DataLoader(dataset, batch_size, shuffle=True, generator=generator, **options)
    first, second = seen(loader), seen(loader)
    assert first != second
    assert sorted(first) == sorted(second) == list(range(COUNT))
    if workers is None:  # a batch is one call
        assert batches == 2 * (9 * [64] + [24])
    assert seen(DataLoader(dataset, batch_size, **options)) == list(range(COUNT))


def test_payloads_as_they_are(dataset):
    plain = tfr_index.Dataset(dataset.paths)
    [batch] = DataLoader(plain, COUNT)
    assert batch == list(map(payload, range(COUNT)))


def test_ranks_share_the_records(dataset):
    parts = []
    for rank in range(3):
        sampler = DistributedSampler(dataset, num_replicas=3, rank=rank, seed=7)
        sampler.set_epoch(2)
        parts.append(seen(DataLoader(dataset, 50, sampler=sampler, num_workers=1)))
    assert sorted(chain.from_iterable(parts)) == list(range(COUNT))


@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")  # torchdata 0.11 still calls it
@pytest.mark.parametrize("workers", [0, 2])
def test_the_sampler_resumes_in_the_middle_of_an_epoch(dataset, workers):
    """In torch's DataLoader by the number of steps, in torchdata's by its own state."""

    def make(kind, rank=1, seed=7):
        sampler = tfr_index.Sampler(dataset, seed=seed, rank=rank, world_size=3)
        sampler.set_epoch(2)
        return sampler, kind(dataset, batch_size=32, sampler=sampler, num_workers=workers)

    ranks = [seen(make(DataLoader, rank)[1]) for rank in range(3)]
    assert sorted(chain.from_iterable(ranks)) == list(range(COUNT))
    sampler, loader = make(DataLoader)
    assert ranks[1] == sampler.order[:] and len(loader) == 7
    sampler.set_epoch(3)
    assert seen(loader) not in (ranks[1], sampler.order.replace(epoch=2)[:])
    for steps in (0, 3, 7):
        sampler, loader = make(DataLoader)
        assert seen(islice(loader, steps)) == ranks[1][: steps * 32]
        state = sampler.state_dict(start=min(steps * 32, 200))
        if workers == 0:  # no worker asks for records ahead
            assert state == sampler.state_dict()
        sampler, resumed = make(DataLoader, seed=1)
        sampler.load_state_dict(state)
        assert len(resumed) == 7 - steps
        assert seen(resumed) == ranks[1][steps * 32 :]

        sampler, loader = make(StatefulDataLoader)
        batches = iter(loader)
        assert seen(islice(batches, steps)) == ranks[1][: steps * 32]
        state = loader.state_dict()
        del batches
        sampler, resumed = make(StatefulDataLoader, seed=1)
        resumed.load_state_dict(state)
        assert seen(resumed) == ranks[1][steps * 32 :]
        sampler.set_epoch(3)
        assert len(seen(resumed)) == 200


def test_subsets(dataset):
    half, rest = random_split(dataset, [0.5, 0.5], torch.Generator().manual_seed(1))
    assert sorted(seen(DataLoader(half, 32)) + seen(DataLoader(rest, 32))) == list(range(COUNT))
    assert seen(DataLoader(Subset(dataset, [9, 3]), 2)) == [9, 3]
    assert seen(DataLoader(dataset[10:50:2], 7)) == list(range(10, 50, 2))


def error_of(loader: DataLoader) -> tuple[type, str, dict[str, object]]:
    """A loader's error as text. (The error itself would keep the loader and its workers alive.)"""
    try:
        seen(loader)
    except tfr_index.TfrError as error:
        return type(error), str(error), {**vars(error), "errno": getattr(error, "errno", None)}
    raise AssertionError


def test_an_error_of_a_worker_has_all_that_it_had_there(tmp_path):
    path = tmp_path / "x.tfrecord"
    path.write_bytes(tfrecord(map(payload, range(10))))
    dataset = tfr_index.Dataset(path, decode=decode)
    path.write_bytes(tfrecord(map(payload, range(9))) + b"?" * 50)
    for method in ("fork", "spawn"):  # with an open reader, and with one that scans the file
        loader = DataLoader(dataset, 5, num_workers=1, multiprocessing_context=method)
        _, message, found = error_of(loader)
        assert "x.tfrecord: record 9 " in message
        assert found["status"] == "TFR_ERR_LENGTH_CRC"
        assert (found["path"], found["record"]) == (str(path), 9)
        assert found["offset"] == path.stat().st_size - 50
    path.unlink()
    dataset.close()
    kind, _, found = error_of(DataLoader(dataset, 5, num_workers=2))
    assert (kind, found["path"]) == (tfr_index.TfrFileNotFoundError, str(path))
    assert found["errno"] == errno.ENOENT


EXAMPLE = Path(__file__).resolve().parents[2] / "examples/train_torch.py"


def run_example(*command, files=()):
    """The example's output when run by this command."""
    line = [sys.executable, *command, EXAMPLE, *files]
    return subprocess.run(line, text=True, capture_output=True, check=True).stdout


def epochs(printed):
    """For each run of an epoch: its number, first record and end; and all losses."""
    found = re.findall(r"epoch (\d): records (\d+) to (\d+) of \d+, loss ([\d.]+)\n", printed)
    return [tuple(map(int, run[:3])) for run in found], [float(run[3]) for run in found]


@pytest.mark.parametrize("ranks", [1, 2])
def test_the_example_trains(ranks):
    command = ["-m", "torch.distributed.run", f"--nproc-per-node={ranks}"] if ranks > 1 else []
    printed = run_example(*command)
    assert "4 of 4 shards, 2 damaged regions of 61 bytes\n" in printed
    assert "train-1.tfrecord: record 3 at byte 99: " in printed
    assert f"998 records, {ranks} ranks\n" in printed
    runs, losses = epochs(printed)
    stop = 3 * 32 * ranks
    assert runs == [(0, 0, 998), (1, 0, stop), (1, stop, 998), (2, 0, 998)]
    assert losses[-1] < losses[0]


def test_the_example_takes_files(tmp_path):
    (tmp_path / "x").write_bytes(tfrecord(map(payload, range(100))))
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "other").write_bytes(b"\x1f\x8b" * 50)
    printed = run_example(files=[tmp_path / "x", tmp_path / "empty", tmp_path / "other"])
    assert "left out: " in printed and f"{tmp_path}/other" in printed
    assert "2 of 3 shards, 0 damaged regions of 0 bytes\n100 records, 1 ranks\n" in printed
    assert epochs(printed)[0] == [(0, 0, 100), (1, 0, 96), (1, 96, 100), (2, 0, 100)]


@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize("num_records", [0, 1, 7, 100])
def test_the_examples_sampler_resumes_with_other_ranks(num_records, drop):
    example = runpy.run_path(str(EXAMPLE))

    def samplers(world_size, state):
        made = [
            example["ResumableSampler"](num_records, rank, world_size, drop_remainder=drop)
            for rank in range(world_size)
        ]
        for sampler in made:
            sampler.load_state_dict(state)
        return made

    for before, after, steps in [(1, 1, 3), (2, 3, 1), (3, 2, 2), (4, 1, 0), (2, 5, 50)]:
        state = {"epoch": 4, "done": 0, "seed": 7}
        found = []
        for world_size, most in [(before, steps), (after, num_records)]:
            ranks = samplers(world_size, state)
            assert len({len(list(rank)) for rank in ranks}) == 1  # else one rank waits forever
            assert [len(rank) for rank in ranks] == [len(list(rank)) for rank in ranks]
            found += chain.from_iterable(islice(rank, most) for rank in ranks)
            for rank in ranks:
                for _ in range(min(most, len(rank))):
                    rank.advance(1)
            state = ranks[0].state_dict()
        missing = set(range(num_records)) - set(found)
        assert len(missing) <= (before + after - 2 if drop else 0)
        assert len(found) - len(set(found)) <= (0 if drop else before + after - 2)
        other = samplers(1, {"epoch": 5, "done": 0, "seed": 7})[0]
        same = samplers(1, {"epoch": 4, "done": 0, "seed": 7})[0]
        assert num_records < 7 or list(other) != list(same)
