"""Trains a small PyTorch model on TFRecord files.

It creates the indexes, skips and counts damage, shuffles in each epoch, reads in worker processes,
shards by rank, and resumes in the middle of an epoch.

pip install ./bindings/python torch && python examples/train_torch.py [TFRECORD ...]

Without files, it writes four, one of them damaged. With two ranks, here on the CPU:

torchrun --nproc-per-node 2 examples/train_torch.py [TFRECORD ...]
"""

import os
import random
import sys
import tempfile
from pathlib import Path

import tfr_index
import torch
import torch.distributed as dist
from torch import nn
from torch.utils.data import DataLoader, Sampler

FEATURES = 16
BATCH = 32
RANK = int(os.environ.get("RANK", "0"))  # torchrun sets these two variables
WORLD_SIZE = int(os.environ.get("WORLD_SIZE", "1"))
RANKS = WORLD_SIZE > 1


def say(text):
    """Prints on rank 0 only."""
    if RANK == 0:
        print(text, flush=True)


def make_shards(directory):
    """Writes four shards of 250 records. One has a flipped bit and a truncated last record."""
    source, paths = random.Random(0), []
    for shard in range(4):
        paths.append(directory / f"train-{shard}.tfrecord")
        with tfr_index.RecordWriter(paths[-1]) as writer:
            for _ in range(250):
                values = source.randbytes(FEATURES)
                writer.write(bytes([sum(values) > 127 * FEATURES]) + values)
    data = bytearray(paths[1].read_bytes()[:-5])
    data[100] ^= 1
    paths[1].write_bytes(data)
    return paths


def make_indexes(paths):
    """Indexes the shards. Skips damage, and leaves out files that are not TFRecord files."""
    regions, good = [], []
    for path in paths:
        try:
            tfr_index.create_index(path, checksums="full", salvage=True, on_skipped=regions.append)
            good.append(path)
        except tfr_index.TfrError as error:
            say(f"left out: {error}")
    lost = sum(region.end - region.start for region in regions)
    say(f"{len(good)} of {len(paths)} shards, {len(regions)} damaged regions of {lost} bytes")
    for region in regions:
        say(f"  {region.error}")
    return good


def decode(payload):
    """Returns the features and the label of a record. Parse `tf.train.Example` records here."""
    values = payload[: 1 + FEATURES].ljust(1 + FEATURES, b"\0")
    features = torch.tensor(list(values[1:]), dtype=torch.float32) / 255 - 0.5
    return features, torch.tensor([values[0] & 1], dtype=torch.float32)


class ResumableSampler(Sampler):
    """The records of one rank in an epoch, from the position where training stopped.

    All ranks get the same number of records, as DDP requires: the sampler drops the remainder, or
    repeats some records. The position does not depend on the number of ranks, so training can
    resume with another number.
    """

    def __init__(self, num_records, rank=0, world_size=1, seed=0, drop_remainder=False):
        self.num_records, self.rank, self.world_size = num_records, rank, world_size
        self.seed, self.drop_remainder = seed, drop_remainder
        self.epoch = 0
        self.done = 0  # records that all ranks together have used in this epoch

    def _records(self):
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        records = torch.randperm(self.num_records, generator=generator)
        records = records[self.done :]
        if remainder := len(records) % self.world_size:
            if self.drop_remainder:
                return records[:-remainder]
            copies = -(-self.world_size // len(records))
            records = torch.cat([records, records.repeat(copies)[: self.world_size - remainder]])
        return records

    def __iter__(self):
        return iter(self._records()[self.rank :: self.world_size].tolist())

    def __len__(self):
        return len(self._records()) // self.world_size

    def advance(self, batch):
        """Call this after each step: records that workers have read ahead do not count yet."""
        self.done = min(self.done + batch * self.world_size, self.num_records)

    def next_epoch(self):
        self.epoch, self.done = self.epoch + 1, 0

    def state_dict(self):
        return {"epoch": self.epoch, "done": self.done, "seed": self.seed}

    def load_state_dict(self, state):
        self.epoch, self.done, self.seed = state["epoch"], state["done"], state["seed"]


class Training:
    """A model, its optimizer and the position in the data: the content of a checkpoint."""

    def __init__(self, dataset):
        torch.manual_seed(0)
        self.sampler = ResumableSampler(len(dataset), RANK, WORLD_SIZE, seed=7)
        self.loader = DataLoader(dataset, BATCH, sampler=self.sampler, num_workers=2)
        self.model = nn.Linear(FEATURES, 1)
        self.step_model = nn.parallel.DistributedDataParallel(self.model) if RANKS else self.model
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.02)

    def save(self, path):
        if RANK == 0:
            parts = self.model, self.optimizer, self.sampler
            torch.save([part.state_dict() for part in parts], path)
        if RANKS:
            dist.barrier()

    def load(self, path):
        parts = self.model, self.optimizer, self.sampler
        for part, state in zip(parts, torch.load(path), strict=True):
            part.load_state_dict(state)

    def run(self, steps=None):
        """Trains to the end of the epoch, or for a number of steps."""
        first, losses, is_done = self.sampler.done, [], False
        for features, labels in self.loader:
            loss = nn.functional.binary_cross_entropy_with_logits(self.step_model(features), labels)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.sampler.advance(len(features))
            losses.append(loss.item())
            if len(losses) == steps:
                break
        else:
            is_done = True
        loss = sum(losses) / max(len(losses), 1)
        done, of = self.sampler.done, self.sampler.num_records
        say(f"epoch {self.sampler.epoch}: records {first} to {done} of {of}, loss {loss:.3f}")
        if is_done:
            self.sampler.next_epoch()


def main(paths, directory):
    if not paths:
        paths = make_shards(directory) if RANK == 0 else []
    good = [make_indexes(paths)] if RANK == 0 else [None]  # one rank writes the index files
    if RANKS:
        dist.broadcast_object_list(good)
    dataset = tfr_index.Dataset(good[0], decode=decode)
    say(f"{len(dataset)} records, {WORLD_SIZE} ranks")

    training = Training(dataset)
    training.run()
    training.run(steps=3)
    checkpoint = directory / "checkpoint.pt"
    training.save(checkpoint)
    say("stopped and resumed")
    training = Training(dataset)  # as in a new process
    training.load(checkpoint)
    training.run()
    training.run()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        if RANKS:
            dist.init_process_group("gloo")
            shared = [name]
            dist.broadcast_object_list(shared)  # rank 0's directory: here all are on one machine
            main([Path(path) for path in sys.argv[1:]], Path(shared[0]))
            dist.barrier()
            dist.destroy_process_group()
        else:
            main([Path(path) for path in sys.argv[1:]], Path(name))
