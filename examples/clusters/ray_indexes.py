"""Creates the indexes of a data set, and its manifest, by the workers of Ray.

python3 examples/clusters/ray_indexes.py DATA MANIFEST

Takes the cluster that RAY_ADDRESS names, otherwise the processors of this machine.
"""

from __future__ import annotations

import os
import sys

import ray
import tfr_index

CHUNK = 16  # files


@ray.remote(max_retries=3)
def create(paths: list[str]) -> list[tfr_index.Created]:
    return tfr_index.create_indexes(paths, update=True, jobs=1)


def main() -> str | None:
    data, manifest = sys.argv[1:]
    ray.init(include_dashboard=False, log_to_driver=False)
    # One rule says which files a path stands for: ask for them, and do nothing.
    paths = [os.path.abspath(file.path) for file in tfr_index.create_indexes(data, dry_run=True)]
    chunks = [paths[first : first + CHUNK] for first in range(0, len(paths), CHUNK)]
    done = ray.get([create.remote(chunk) for chunk in chunks])
    created = [file for chunk in done for file in chunk]
    failed = [str(file.error) for file in created if file.error]
    if not failed:
        tfr_index.Manifest.build(data).write(manifest)
    print(f"{len(created)} files, {len(failed)} failed")
    return "\n".join(failed) or None


if __name__ == "__main__":
    sys.exit(main())
