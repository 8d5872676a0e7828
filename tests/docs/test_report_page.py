"""The page of `tfr_index.report`, in a browser: ten kinds of data sets."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import base64
import gzip
import hashlib
import html
import itertools
import math
import os
import random
import re
import struct
import zlib
from pathlib import Path

import html5lib
import pytest
import tfr_index
from browser import Browser, program
from environment import ROOT, TESTS
from tfexamples import bytes_list, example, float_list, int64_list
from tfrecords import tfrecord

EXAMPLES = (TESTS / "data" / "examples.tfrecord").read_bytes()
#: The most bytes of a page of 10,000 files.
MOST = 5_000_000
#: Where to keep the screenshots, for people.
SHOTS = os.environ.get("TFR_SCREENSHOTS")


def png(size: int, seed: int) -> bytes:
    """A picture of a few soft spots."""
    source = random.Random(seed)
    spots = [[source.random() for _ in range(6)] for _ in range(3)]
    rows = b""
    for y in range(size):
        rows += b"\0"
        for x in range(size):
            color = [0.12, 0.16, 0.2]
            for a, b, width, *mix in spots:
                distance = (x / size - a) ** 2 + (y / size - b) ** 2
                weight = math.exp(-distance / (0.02 + width * 0.06))
                color = [c + weight * m for c, m in zip(color, mix, strict=True)]
            rows += bytes(min(255, int(255 * c)) for c in color)

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def images(folder: Path) -> list[Path]:
    pictures = [png(64, seed) for seed in range(24)]
    source = random.Random(5)
    kinds = ["cat", "dog", "fox", "owl", "newt"]
    for shard in range(8):
        records = []
        for _ in range(90 + 3 * shard):
            label = min(int(source.expovariate(0.6)), 4)
            records.append(
                example(
                    {
                        "image/encoded": bytes_list(pictures[source.randrange(24)]),
                        "image/class/label": int64_list(label),
                        "image/class/text": bytes_list(kinds[label].encode()),
                        "image/width": int64_list(64),
                        "bbox": float_list(*[source.random() for _ in range(4)]),
                        "caption": bytes_list(
                            *[f"a {kinds[label]}, seen from afar".encode()] * source.randrange(3)
                        ),
                        "score": float_list(source.gauss(0.7, 0.1)),
                    }
                )
            )
        path = folder / f"train-{shard:05}-of-00008.tfrecord"
        path.write_bytes(tfrecord(records))
        if shard < 6:
            tfr_index.create_index(path)
    data = bytearray((folder / "train-00003-of-00008.tfrecord").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 9000] = bytes(9000)
    (folder / "train-00003-of-00008.tfrecord").write_bytes(data)
    return [folder]


def texts(folder: Path) -> list[Path]:
    lines = ["Ein Satz.\nUnd noch einer.", "\u5b57 \u0639\u0631\u0628\u064a", "", "word " * 400]
    path = folder / "texts.tfrecord"
    path.write_bytes(tfrecord([example({"text": bytes_list(one.encode())}) for one in lines * 9]))
    return [path]


def empty(folder: Path) -> list[Path]:
    (folder / "empty.tfrecord").write_bytes(b"")
    return [folder / "empty.tfrecord"]


def damaged(folder: Path) -> list[Path]:
    data = bytearray(EXAMPLES)
    data[90] ^= 1
    data[2877] ^= 1
    data[49275] ^= 1
    (folder / "damaged.tfrecord").write_bytes(data)
    (folder / "cut.tfrecord").write_bytes(EXAMPLES[:50_000])
    return [folder / "cut.tfrecord", folder / "damaged.tfrecord"]


def many(folder: Path) -> list[Path]:
    data = [
        tfrecord([example({"number": int64_list(number)})] * (1 + number)) for number in range(9)
    ]
    for shard in range(10_000):
        (folder / f"train-{shard:05}-of-10000.tfrecord").write_bytes(data[shard * shard % 9])
    return [folder]


def nameless(folder: Path) -> list[Path]:
    features = {b"": int64_list(1), b"\xff\xfe": float_list(math.nan, math.inf, 1), b" ": b""}
    (folder / "nameless.tfrecord").write_bytes(tfrecord([example(features)] * 3))
    return [folder / "nameless.tfrecord"]


HOSTILE = "<script>alert(1)</script>\"'&amp;\u202e\u2028\x7f--></style><img src=https://a.invalid/>"


def hostile(folder: Path) -> list[Path]:
    records = [
        example(
            {
                HOSTILE + str(number): bytes_list(HOSTILE.encode()),
                "</title><base href=https://a.invalid>": bytes_list(b"<svg onload=alert(1)>\xff"),
                "pixel": bytes_list(b"GIF89a</script><script>alert(2)</script>"),
            }
        )
        for number in range(3)
    ]
    path = folder / "'\"><script>alert(3)<\u202e .tfrecord"
    path.write_bytes(tfrecord(records))
    odd = os.fsencode(folder) + b"/\xff\n.tfrecord"
    Path(os.fsdecode(odd)).write_bytes(tfrecord(records) + b"\0" * 20)
    return [path, Path(os.fsdecode(odd))]


def compressed(folder: Path) -> list[Path]:
    (folder / "a.tfrecord.gz").write_bytes(gzip.compress(EXAMPLES))
    (folder / "b.tfrecord.gz").write_bytes(zlib.compress(EXAMPLES))
    (folder / "c.tfrecord.gz").write_bytes(EXAMPLES)
    tfr_index.create_index(folder / "a.tfrecord.gz")
    return [folder / f"{name}.tfrecord.gz" for name in "abc"]


def featureless(folder: Path) -> list[Path]:
    payloads = [b"", b"plain text", bytes(range(256)), png(8, 1)]
    (folder / "raw.tfrecord").write_bytes(tfrecord(payloads * 5))
    return [folder / "raw.tfrecord"]


def mixed(folder: Path) -> list[Path]:
    records = [
        example({"either": int64_list(1), "steps": float_list(*range(40))}),
        example({"either": float_list(-1.5)}),
        example({"either": bytes_list(b"one", b"\0two")}),
        b"\xff no example",
    ]
    (folder / "mixed").write_bytes(tfrecord(records * 4))
    tfr_index.create_index(folder / "mixed")
    (folder / "stale").write_bytes(tfrecord(records))
    tfr_index.create_index(folder / "stale")
    (folder / "stale").write_bytes(tfrecord(records * 2))
    (folder / "page").write_bytes(b"<!doctype html><html></html>")
    foreign = tfrecord([b"abc"])
    (folder / "foreign").write_bytes(foreign[:8] + bytes(4) + foreign[12:15] + bytes(4))
    return [folder / name for name in ("mixed", "stale", "page", "foreign", "missing")]


SETS = [
    images,
    texts,
    empty,
    damaged,
    many,
    nameless,
    hostile,
    compressed,
    featureless,
    mixed,
]


@pytest.fixture(scope="module", params=SETS, ids=lambda kind: kind.__name__)
def page(request, tmp_path_factory):
    """The page of a data set, which is named after its kind."""
    kind = request.param.__name__
    folder = tmp_path_factory.mktemp(kind) / "data"
    folder.mkdir()
    path = folder.parent / f"{kind}.html"
    tfr_index.report(request.param(folder), path)
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if (chromium := program()) is None:
        pytest.skip("there is no Chromium (python3 tests/packages/toolchains.py chromium)")
    with Browser(chromium, tmp_path_factory.mktemp("browser")) as browser:
        yield browser


def text_of(page: Path) -> str:
    """What a browser without scripts shows."""
    body = re.sub(r"<(style|script|title)\b.*?</\1>", "", page.read_text(), flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]*>", "", body))


def test_the_html_is_valid(page):
    parser = html5lib.HTMLParser(strict=True)  # raises at the first error
    document = parser.parse(page.read_text())
    assert document.tag == "{http://www.w3.org/1999/xhtml}html"
    ids = re.findall(r"\bid=([\w-]+)", page.read_text())
    assert len(ids) == len(set(ids))
    for target in re.findall(r'href="#([\w-]+)"', page.read_text()):
        assert target in ids


def test_it_says_what_is_there(page):
    text = text_of(page)
    for word in {
        "images": ["train-00007-of-00008.tfrecord", "owl", "overwritten header", "784"],
        "texts": ["Ein Satz.\nUnd noch einer.", "of text"],
        "empty": ["empty.tfrecord", "1 file", "0 bytes"],
        "damaged": ["damaged payload", "overwritten header", "cut short", "--salvage"],
        "many": ["train-09999-of-10000.tfrecord", "10,000 files"],
        "nameless": ["(no name)", "\\xff\\xfe", "6 not finite"],
        "hostile": ["<script>alert(1)</script>\"'&amp;\\u{202e}", "\\xff\\n.tfrecord"],
        "compressed": ["gzip", "zlib", "none", "300"],
        "featureless": ["plain text", "00 01 02 03", "PNG"],
        "mixed": ["mixed kinds", "stale", "unreadable", "HTML", "ff 20 6e 6f"],
    }[page.stem]:
        assert word in text, word
    assert page.stat().st_size < MOST


def test_nothing_is_requested_and_no_script_fails(page, browser):
    browser.emulate(1280)
    browser.open(page.as_uri())
    assert browser.problems() == []
    assert [one for one in browser.requests() if not one.startswith("data:")] == [page.as_uri()]
    broken = "[...document.images].filter(one => one.complete && !one.naturalWidth).length"
    assert browser.evaluate(broken) == 0
    scripts = (
        "[document.scripts.length, document.querySelectorAll('base, iframe, svg script').length]"
    )
    assert browser.evaluate(scripts) == [1, 0]


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_has_contrast(page, browser, width, scheme):
    if page.stem == "many" and width == 390:
        pytest.skip("the same as another page, and long")
    browser.emulate(width, scheme)
    browser.open(page.as_uri())
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not browser.evaluate(wide)
    assert browser.evaluate(CONTRAST) == []
    shot = browser.screenshot(2400)
    assert shot.startswith(b"\x89PNG")
    if SHOTS:
        Path(SHOTS, f"{page.stem}-{scheme}-{width}.png").write_bytes(shot)


#: Texts with too little contrast to what is behind them, by WCAG 2.2, level AA.
CONTRAST = """(() => {
  const parse = (text) => (text.match(/[0-9.]+/g) || []).map(Number);
  const linear = (one) => one <= 10 ? one / 3294.6 : ((one / 255 + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
  const found = new Set(), seen = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement;
    if (!node.data.trim() || element.closest("script, style, title, desc")) continue;
    const style = getComputedStyle(element);
    const ink = parse(element.closest("svg") ? style.fill : style.color);
    let behind = element, back = [0, 0, 0, 0];
    for (; behind; behind = behind.parentElement) {
      back = parse(getComputedStyle(behind).backgroundColor);
      if (back.length === 3 || back[3] === 1) break;
    }
    const key = ink + "/" + back;
    if (seen.has(key)) continue;
    seen.add(key);
    const [a, b] = [light(ink), light(back)];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) found.add(`${ratio.toFixed(2)} ${key}: ${node.data.trim().slice(0, 40)}`);
  }
  return [...found];
})()"""


def test_the_accessibility_tree_is_complete(page, browser):
    if page.stem == "many":
        pytest.skip("the same as another page, and long")
    browser.emulate(1280)
    browser.open(page.as_uri())
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    named = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node.get("ignored")
    ]
    roles = [role for role, _ in named]
    for role in ("banner", "main", "navigation", "contentinfo"):
        assert roles.count(role) == 1, role
    needs_name = {"button", "heading", "image", "link", "navigation", "region", "columnheader"}
    nameless = [role for role, name in named if role in needs_name and not name.strip()]
    assert nameless == []
    levels = browser.evaluate(
        "[...document.querySelectorAll('h1, h2, h3')].map(one => +one.tagName[1])"
    )
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels)), levels


def test_tables_are_sorted_by_keyboard(page, browser):
    browser.emulate(1280)
    browser.open(page.as_uri())
    column = "[...document.querySelectorAll('#files table.sortable tbody tr')]"
    number = f"{column}.map(row => +row.cells[2].textContent.replaceAll(',', ''))"
    before = browser.evaluate(number)
    focused = (
        "document.activeElement.closest('#files table.sortable th:nth-child(3) button') != null"
    )
    browser.evaluate(
        "document.querySelector('#files table.sortable th:nth-child(2) button').focus()"
    )
    browser.press("Tab")
    assert browser.evaluate(focused)
    sort = "document.querySelector('#files table.sortable th:nth-child(3)').ariaSort"
    assert browser.evaluate(sort) is None
    browser.press("Enter")
    assert (browser.evaluate(sort), browser.evaluate(number)) == ("ascending", sorted(before))
    browser.press("Enter")
    assert (browser.evaluate(sort), browser.evaluate(number)) == (
        "descending",
        sorted(before, reverse=True),
    )
    assert browser.evaluate(focused)


def test_it_is_complete_without_scripts(page, browser):
    browser.emulate(1280)
    browser.open(page.as_uri())
    cells = "document.querySelectorAll('td, th, article, svg, pre').length"
    with_scripts = browser.evaluate(cells)
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(page.as_uri())
        assert browser.evaluate(cells) == with_scripts
        assert browser.evaluate("document.querySelectorAll('button').length") == 0
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


def test_the_policy_allows_this_script_alone():
    script = (ROOT / "src" / "report" / "page" / "sort.js").read_bytes()
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    assert f"'sha256-{digest}'" in (ROOT / "src" / "report" / "page.rs").read_text()
