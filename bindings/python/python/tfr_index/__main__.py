"""`python -m tfr_index`: runs the program tfr-index that the package installed."""

import os
import sys
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path


def program() -> str | None:
    """The path of the program. With `pip install --target`, pip's list of files is wrong."""
    try:
        recorded = [file.locate() for file in files("tfr-index") or () if file.name == "tfr-index"]
    except PackageNotFoundError:
        recorded = []
    beside = Path(__file__).resolve().parent.parent / "bin" / "tfr-index"
    return next((str(path) for path in [*recorded, beside] if os.access(str(path), os.X_OK)), None)


def main() -> None:
    found = program()
    if found is None:
        sys.exit(
            "python -m tfr_index: the program tfr-index is not installed: a wheel includes it only"
            " if it was built with Rust 1.85 or newer; reinstall the package with such a Rust"
        )
    # The program replaces this process, and so gets its signals and sets its exit status.
    os.execv(found, ["tfr-index", *sys.argv[1:]])


if __name__ == "__main__":
    main()
