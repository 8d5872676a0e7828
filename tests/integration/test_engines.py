"""The programs of `examples/clusters` for Beam, Ray and Spark, with the engines themselves."""

from __future__ import annotations

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "engines")

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tfr_index
from environment import ROOT
from tfrecords import tfrecord

EXAMPLES = ROOT / "examples" / "clusters"
FILES = 40


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Files of 0, 1, 2… records; the fourth is damaged."""
    data = tmp_path / "data"
    data.mkdir()
    paths = [data / f"train-{number:02}.tfrecord" for number in range(FILES)]
    for number, path in enumerate(paths):
        path.write_bytes(tfrecord([b"x" * number] * number))
    paths[3].write_bytes(b"damaged, and no TFRecord file")
    return paths


def run(example: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, EXAMPLES / example, *map(str, arguments)]
    # Spark and Ray look up the name of this machine, which may have no network.
    settings = {"SPARK_LOCAL_IP": "127.0.0.1", "RAY_USAGE_STATS_ENABLED": "0"}
    environment = os.environ | settings
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def ensure_indexed(paths: list[Path]) -> None:
    for path in paths:
        assert list(tfr_index.read_index(f"{path}.idx")) == list(tfr_index.scan(path))


@pytest.mark.parametrize("example", ["ray_indexes.py", "spark_indexes.py"])
def test_indexes_and_manifest(paths: list[Path], tmp_path: Path, example: str) -> None:
    if "spark" in example and not shutil.which("java"):
        pytest.skip("there is no Java")
    data, manifest = tmp_path / "data", tmp_path / "data" / "train.manifest.json"
    done = run(example, data, manifest)
    assert (done.returncode, done.stdout) == (1, "40 files, 1 failed\n"), done.stderr
    assert f"{paths[3]}: " in done.stderr and not manifest.exists()
    ensure_indexed(paths[:3] + paths[4:])
    os.unlink(paths[3])
    done = run(example, data, manifest)
    assert (done.returncode, done.stdout) == (0, "39 files, 0 failed\n"), done.stderr
    assert tfr_index.Manifest.read(manifest).total_records == sum(range(FILES)) - 3


def test_a_pipeline_of_beam(paths: list[Path], tmp_path: Path) -> None:
    failed = tmp_path / "failed.txt"
    done = run("beam_indexes.py", tmp_path / "data", failed)
    assert done.returncode == 0, done.stderr
    [line] = failed.read_text().splitlines()
    assert line.startswith(f"{paths[3]}: ")
    ensure_indexed(paths[:3] + paths[4:])
