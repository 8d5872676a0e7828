"""Creates the indexes of a data set, and its manifest, by the executors of Spark.

python3 examples/clusters/spark_indexes.py DATA MANIFEST [MASTER]

Without MASTER, such as spark://host:7077, the executors are threads of this machine.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator

import tfr_index
from pyspark import SparkConf, SparkContext

CHUNK = 16  # files


def create(paths: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    """The paths of a partition, each with its error."""
    for file in tfr_index.create_indexes(paths, update=True, jobs=1):
        yield file.path, str(file.error) if file.error else None


def main() -> str | None:
    data, manifest, *master = sys.argv[1:]
    settings = SparkConf().setMaster(*master or ["local[*]"]).setAppName("tfr-index")
    # One rule says which files a path stands for: ask for them, and do nothing.
    paths = [os.path.abspath(file.path) for file in tfr_index.create_indexes(data, dry_run=True)]
    with SparkContext(conf=settings) as spark:
        partitions = -(-len(paths) // CHUNK)  # a task for each file would take 70 ms a file
        created = spark.parallelize(paths, partitions).mapPartitions(create).collect()
    failed = [error for _, error in created if error]
    if not failed:
        tfr_index.Manifest.build(data).write(manifest)
    print(f"{len(created)} files, {len(failed)} failed")
    return "\n".join(failed) or None


if __name__ == "__main__":
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    sys.exit(main())
