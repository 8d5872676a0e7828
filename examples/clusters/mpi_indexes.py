"""Creates the indexes of a data set, and its manifest, by the processes of MPI.

mpiexec -n 3 python3 -m mpi4py.futures examples/clusters/mpi_indexes.py DATA MANIFEST

One of the processes gives the work to the others.
"""

from __future__ import annotations

import sys

import tfr_index
from mpi4py.futures import MPIPoolExecutor


def main() -> str | None:
    data, manifest = sys.argv[1:]
    with MPIPoolExecutor() as executor:
        created = tfr_index.create_indexes(data, update=True, executor=executor)
        failed = [str(file.error) for file in created if file.error]
        if not failed:
            tfr_index.Manifest.build(data, executor=executor).write(manifest)
    print(f"{len(created)} files, {len(failed)} failed")
    return "\n".join(failed) or None


if __name__ == "__main__":  # each worker imports this file
    sys.exit(main())
