"""Our s3dlio.py beside the real s3dlio, installed in either order: the real one stays intact."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "clients")

import json
import shutil
import subprocess
import sys
from pathlib import Path

import environment
import pytest

REAL = "s3dlio==0.10.0"

# Prints which module `import s3dlio` imports, and checks that tfr_index works beside it.
LOOK = """
import json, sys
import s3dlio, tfr_index

path = sys.argv[1]
count = s3dlio.create_tfrecord_index(path)
assert list(tfr_index.scan(path)) == s3dlio.read_tfrecord_index(path + ".idx")
with open(path + ".idx") as theirs:
    assert tfr_index.scan(path).to_text() == theirs.read()
print(json.dumps({"file": s3dlio.__file__, "names": len(dir(s3dlio)), "count": count}))
"""

# Prints every file of the distribution that has changed since it was installed.
VERIFY = """
import base64, hashlib, importlib.metadata, sys

files = importlib.metadata.files(sys.argv[1])
assert len(files) > 5
for file in files:
    if file.hash:
        found = hashlib.new(file.hash.mode, file.locate().read_bytes()).digest()
        if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != file.hash.value:
            print(file)
"""


def run(*command: object) -> str:
    arguments = [str(part) for part in command]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Environment:
    """A temporary virtual environment."""

    def __init__(self, folder: Path, wheels: Path, data: Path) -> None:
        self.python = folder / "bin" / "python"
        self.wheels, self.data = wheels, data
        run(sys.executable, "-m", "venv", folder)

    def install(self, *what: object) -> None:
        offline = ["--no-index", f"--find-links={self.wheels}"]
        run(self.python, "-m", "pip", "install", *offline, *what)

    def uninstall(self, what: str) -> None:
        run(self.python, "-m", "pip", "uninstall", "--yes", what)

    def look(self) -> dict:
        return json.loads(run(self.python, "-I", "-c", LOOK, self.data))

    def has_the_real_one(self) -> bool:
        """True if the real s3dlio is imported and intact, False if the shim is imported."""
        found = self.look()
        assert found["count"] == 100
        file = Path(found["file"])
        if (file.parent.name, file.name) == ("site-packages", "s3dlio.py"):
            return False
        assert file.parts[-3:] == ("site-packages", "s3dlio", "__init__.py")
        assert found["names"] > 50
        assert run(self.python, "-I", "-c", VERIFY, "s3dlio") == ""
        return True


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> Path:
    """A directory with the packages installed here, downloaded once."""
    folder = tmp_path_factory.mktemp("wheels")
    constraint = environment.TESTS / "requirements" / "quick.txt"
    options = ["--only-binary=:all:", f"--constraint={constraint}", f"--dest={folder}"]
    run(sys.executable, "-m", "pip", "download", *options, REAL, environment.wheel())
    return folder


@pytest.fixture
def fresh(tmp_path, wheels, examples) -> Environment:
    made = Environment(tmp_path / "environment", wheels, examples)
    yield made
    shutil.rmtree(tmp_path / "environment")


def test_ours_alone_is_the_shim(fresh):
    fresh.install(environment.wheel())
    assert not fresh.has_the_real_one()


def test_real_one_installed_first(fresh):
    fresh.install(REAL)
    fresh.install(environment.wheel())
    assert fresh.has_the_real_one()
    fresh.uninstall("s3dlio")
    assert not fresh.has_the_real_one()


def test_real_one_installed_second(fresh):
    fresh.install(environment.wheel())
    fresh.install(REAL)
    assert fresh.has_the_real_one()
    fresh.uninstall("tfr-index")
    assert run(fresh.python, "-I", "-c", VERIFY, "s3dlio") == ""
    assert "s3dlio/__init__.py" in run(fresh.python, "-I", "-c", "import s3dlio; print(s3dlio)")
