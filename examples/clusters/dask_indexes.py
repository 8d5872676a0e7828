"""Creates the indexes of a data set, and its manifest, by the workers of a Dask cluster.

python3 examples/clusters/dask_indexes.py DATA MANIFEST [SCHEDULER]

Without SCHEDULER, such as tcp://host:8786, the workers are processes of this machine.
"""

from __future__ import annotations

import sys

import tfr_index
from dask.distributed import Client


def main() -> str | None:
    data, manifest, *scheduler = sys.argv[1:]
    with Client(*scheduler) as client, client.get_executor(pure=False) as executor:
        created = tfr_index.create_indexes(data, update=True, executor=executor)
        failed = [str(file.error) for file in created if file.error]
        if not failed:
            tfr_index.Manifest.build(data, executor=executor).write(manifest)
    print(f"{len(created)} files, {len(failed)} failed")
    return "\n".join(failed) or None


if __name__ == "__main__":  # each worker imports this file
    sys.exit(main())
