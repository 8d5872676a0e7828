"""A `Dataset` as the random-access data source of Grain's loaders."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "loaders")

import warnings

import pytest
import tfr_index
from absl import flags
from tfrecords import tfrecord

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import grain

flags.FLAGS.mark_as_parsed()  # Grain asks for flags if JAX is installed

COUNT = 100
PAYLOADS = [b"%d" % record for record in range(COUNT)]


@pytest.fixture
def dataset(tmp_path) -> tfr_index.Dataset:
    for shard in range(4):
        tmp_path.joinpath(f"{shard}.tfrecord").write_bytes(tfrecord(PAYLOADS[25 * shard :][:25]))
    return tfr_index.Dataset(f"{tmp_path}/*.tfrecord")


def test_a_data_set_is_a_source(dataset):
    assert isinstance(dataset, grain.sources.RandomAccessDataSource)


def test_maps(dataset):
    found = grain.MapDataset.source(dataset).shuffle(seed=1).map(int)
    assert sorted(found) == list(range(COUNT)) != list(found)
    assert list(grain.MapDataset.source(dataset)[5:50:3]) == PAYLOADS[5:50:3]


@pytest.mark.parametrize("workers", [0, 2])
def test_the_loader(dataset, workers):
    sampler = grain.samplers.IndexSampler(COUNT, grain.sharding.NoSharding(), True, 1, seed=3)
    loader = grain.DataLoader(data_source=dataset, sampler=sampler, worker_count=workers)
    found = list(loader)
    assert sorted(map(int, found)) == list(range(COUNT)) and found != PAYLOADS
    iterator = iter(loader)
    assert [next(iterator) for _ in range(30)] == found[:30]
    state = iterator.get_state()
    again = iter(loader)
    again.set_state(state)
    assert list(again) == list(iterator) == found[30:]


def test_reading_ahead_in_threads(dataset):
    options = grain.ReadOptions(num_threads=4, prefetch_buffer_size=16)
    found = grain.MapDataset.source(dataset).to_iter_dataset(options).batch(8)
    assert [one for batch in found for one in batch.tolist()] == PAYLOADS
