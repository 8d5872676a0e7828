"""`python -m tfr_index`: the program tfr-index that was installed with the package."""

import os
import sys
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path


def program() -> str | None:
    """Where pip put it; with `--target`, that is not where its records say."""
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
            "python -m tfr_index: this installation has no program tfr-index. It is part of the"
            " wheel if that was built with Rust 1.85 or newer."
        )
    # In place of this process, so that signals and the exit status are the program's.
    os.execv(found, ["tfr-index", *sys.argv[1:]])


if __name__ == "__main__":
    main()
