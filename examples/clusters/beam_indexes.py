"""Creates the indexes of a data set by a pipeline of Apache Beam, and writes what failed.

python3 examples/clusters/beam_indexes.py DATA FAILED [OPTION OF BEAM…]

FAILED is a text file with a line for each file that failed. Without `--runner`, the pipeline runs
on this machine.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import apache_beam as beam
import tfr_index
from apache_beam.options.pipeline_options import PipelineOptions

CHUNK = 16  # files


class CreateIndexes(beam.PTransform):
    """Paths → a pair for each: the path, and the error or None."""

    def expand(self, paths: beam.PCollection[str]) -> beam.PCollection[tuple[str, str | None]]:
        return (
            paths
            | beam.Reshuffle()  # otherwise one worker gets all paths
            | beam.BatchElements(min_batch_size=1, max_batch_size=CHUNK)
            | beam.FlatMap(create)
        )


def create(paths: list[str]) -> Iterator[tuple[str, str | None]]:
    for file in tfr_index.create_indexes(paths, update=True, jobs=1):
        yield file.path, str(file.error) if file.error else None


def main() -> None:
    data, failed, *options = sys.argv[1:]
    # One rule says which files a path stands for: ask for them, and do nothing.
    paths = [os.path.abspath(file.path) for file in tfr_index.create_indexes(data, dry_run=True)]
    with beam.Pipeline(options=PipelineOptions(options, save_main_session=True)) as pipeline:
        (
            pipeline
            | beam.Create(paths)
            | CreateIndexes()
            | beam.Filter(lambda created: created[1] is not None)
            | beam.Values()
            | beam.io.WriteToText(failed, shard_name_template="")
        )


if __name__ == "__main__":
    main()
