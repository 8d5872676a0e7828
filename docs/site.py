"""Hooks of mkdocs.yml: what the site has besides the pages of docs/.

- index.md and changelog.md, which are README.md and CHANGELOG.md.
- api/: the reference of the Python package, by its docstrings. Each public name has a place in API.
- Links that lead out of docs/ lead to the repository, and pictures from there are copied.
- In the reference, a public name in `code` links to its entry.
"""

from __future__ import annotations

import ast
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "bindings" / "python" / "python" / "tfr_index"
REPOSITORY = "https://github.com/tfr-index/tfr-index"

# Pages of the site that are files elsewhere in the repository.
MOVED = {"README.md": "index.md", "CHANGELOG.md": "changelog.md"}

# Pages of the reference: title, and the public names of tfr_index.
API = {
    "api/create.md": (
        "Create and read indexes",
        [
            "create_index",
            "create_indexes",
            "Created",
            "scan",
            "index_bytes",
            "read_index",
            "find_index",
            "reshard",
        ],
    ),
    "api/index-class.md": ("Index", ["Index", "Fit"]),
    "api/reader.md": ("Reader", ["Reader", "Payloads", "RemoteFile"]),
    "api/dataset.md": ("Dataset", ["Dataset", "Place", "Batches", "Skips"]),
    "api/features.md": (
        "Features",
        [
            "Bytes",
            "Float",
            "Int64",
            "Feature",
            "Columns",
            "BytesColumn",
            "Ragged",
            "infer_features",
            "decode_examples",
            "encode_example",
        ],
    ),
    "api/orders.md": ("Orders and samplers", ["Sampler", "Order", "Permutation"]),
    "api/report.md": ("Reports", ["report", "Report"]),
    "api/manifest.md": ("Manifest", ["Manifest", "ManifestRow", "Changes"]),
    "api/writer.md": ("RecordWriter", ["RecordWriter"]),
    "api/indexer.md": ("Indexer", ["Indexer"]),
    "api/compressed.md": ("Compressed data", ["GzipSource", "cache_bytes", "set_cache_bytes"]),
    "api/errors.md": (
        "Errors and warnings",
        [
            "TfrError",
            "TfrValueError",
            "TfrMismatch",
            "TfrExampleError",
            "TfrFeatureError",
            "TfrStale",
            "TfrCancelled",
            "TfrMemoryError",
            "TfrOSError",
            "TfrFileNotFoundError",
            "TfrFileExistsError",
            "TfrIsADirectoryError",
            "TfrNotADirectoryError",
            "TfrPermissionError",
            "TfrWarning",
            "Skipped",
        ],
    ),
    "api/types.md": (
        "Argument types",
        [
            "Checksums",
            "Compression",
            "CheckLevel",
            "OnError",
            "Only",
            "OnSkipped",
            "Progress",
            "ReadMode",
            "Remainder",
            "ShardBy",
        ],
    ),
}
# Types in signatures that tfr_index keeps to itself.
TYPES = ["Data", "Path"]
NAMES = sorted(name for _, names in API.values() for name in names)

LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(
    rf"<code>((?:tfr_index\.)?((?:{'|'.join(NAMES)})(?:\.[a-z]\w*)?)(?:\(\))?)</code>"
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages and pictures that are not in docs/."""
    public = sorted(set(public_names()) - {"__version__"})
    if public != NAMES:
        different = ", ".join(sorted({*public} ^ {*NAMES}))
        raise PluginError(f"API in docs/site.py and tfr_index.__all__ differ: {different}")
    for path, page in MOVED.items():
        header = "---\nhide: [navigation]\n---\n" if page == "index.md" else ""
        files.append(File.generated(config, page, content=header + (ROOT / path).read_text()))
    for page, (title, names) in API.items():
        entries = [f"::: tfr_index.{name}\n" for name in names]
        if page == "api/types.md":
            entries += [f"::: tfr_index._typing.{name}\n" for name in TYPES]
        if page == "api/errors.md":  # programs catch them: their arguments say nothing
            options = "{ separate_signature: false, show_bases: true, show_signature: false }"
            entries = [f"{entry}    options: {options}\n" for entry in entries]
        content = "\n".join([f"# {title}\n", *entries])
        files.append(File.generated(config, page, content=content))
    for page in [*files.documentation_pages()]:
        for _, target, _, _ in LINK.findall(FENCE.sub("", page.content_string)):
            path = in_repository(page.src_uri, target)
            if path and is_picture(path) and files.get_file_from_path(picture(path)) is None:
                copy = File.generated(config, picture(path), content=(ROOT / path).read_bytes())
                files.append(copy)
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Makes links that lead out of docs/ those of the site, or of the repository."""

    def mended(match: re.Match[str]) -> str:
        before, target, anchor, after = match.groups(default="")
        path = in_repository(page.file.src_uri, target)
        if path is None:
            return match[0]
        if path.startswith("docs/") or path in MOVED or is_picture(path):
            to = MOVED.get(path, picture(path) if is_picture(path) else path[len("docs/") :])
            target = posixpath.relpath(to, posixpath.dirname(page.file.src_uri) or ".")
        else:
            target = f"{REPOSITORY}/{'tree' if (ROOT / path).is_dir() else 'blob'}/main/{path}"
        return f"{before}{target}{anchor}{after}"

    fences = FENCE.findall(markdown)
    prose = [LINK.sub(mended, part) for part in FENCE.split(markdown)]
    return "".join(text for pair in zip(prose, [*fences, ""], strict=True) for text in pair)


def on_page_content(html: str, page: Page, **_: Any) -> str:
    """Links public names in the reference to their entries."""
    if page.file.src_uri not in API:
        return html
    return CODE.sub(r'<autoref identifier="tfr_index.\2" optional><code>\1</code></autoref>', html)


def public_names() -> list[str]:
    """`tfr_index.__all__`, read without importing the package."""
    for statement in ast.parse((PACKAGE / "__init__.py").read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return ast.literal_eval(statement.value)
    raise PluginError("tfr_index has no __all__")


def in_repository(page: str, target: str) -> str | None:
    """The path in the repository that a page's link leads to; None if it is none that exists."""
    source = next((path for path, moved in MOVED.items() if moved == page), f"docs/{page}")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    is_address = ":" in target or path.startswith("..")
    return None if is_address or not (ROOT / path).exists() else path


def is_picture(path: str) -> bool:
    return path.endswith((".svg", ".png"))


def picture(path: str) -> str:
    """Where a picture of the repository is in the site."""
    return path[len("docs/") :] if path.startswith("docs/") else f"pictures/{Path(path).name}"
