"""The site of docs/: it builds without a warning, and works in a browser."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import functools
import html.parser
import http.server
import os
import re
import subprocess
import threading
from pathlib import Path

import environment
import pytest
import tfr_index
from browser import Browser, program

ROOT = environment.ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The directory of the built site."""
    python = Path(environment.prepare("docs")[0])
    directory = tmp_path_factory.mktemp("site")
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"  # with ruff, which formats signatures
    done = subprocess.run(
        [python, "-m", "mkdocs", "build", "--strict", "--site-dir", directory],
        cwd=ROOT,
        env=os.environ | {"PATH": path, "NO_MKDOCS_2_WARNING": "1"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return directory


class Content(html.parser.HTMLParser):
    """A page's anchors, and its paragraphs without code."""

    def __init__(self, page):
        super().__init__()
        self.anchors, self.paragraphs, self.inside = set(), [], []
        self.feed(page.read_text())

    def handle_starttag(self, tag, attributes):
        self.anchors.add(dict(attributes).get("id"))
        if tag in ("p", "code"):
            self.inside.append(tag)
        if tag == "p":
            self.paragraphs.append("")

    def handle_endtag(self, tag):
        if tag in ("p", "code") and self.inside:
            self.inside.pop()

    def handle_data(self, data):
        if self.inside == ["p"]:
            self.paragraphs[-1] += data


def test_every_public_name_has_an_entry(site):
    anchors = set()
    for page in site.glob("api/*/index.html"):
        anchors |= Content(page).anchors
        # What `>>>` is to Markdown: an example that is not in a section "Examples:".
        assert "<blockquote>" not in page.read_text(), page.name
    assert {f"tfr_index.{name}" for name in tfr_index.__all__} - anchors == {
        "tfr_index.__version__"
    }


def test_no_paragraph_was_meant_as_a_list_or_a_table(site):
    """GitHub takes a list without an empty line before it, but MkDocs does not."""
    meant = re.compile(r"^\s*([-*+] |\d+\. |\||```|#+ |>>> )", re.MULTILINE)
    for page in site.rglob("*.html"):
        found = [text for text in Content(page).paragraphs if meant.search(text)]
        assert not found, page.relative_to(site)


@pytest.fixture(scope="module")
def address(site):
    """The address of the site on a server of this process."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Handler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if (chromium := program()) is None:
        pytest.skip("there is no Chromium (python3 tests/packages/toolchains.py chromium)")
    with Browser(chromium, tmp_path_factory.mktemp("browser")) as browser:
        yield browser


def test_every_page_opens_in_a_browser(site, address, browser):
    pages = [page.parent.relative_to(site) for page in site.rglob("index.html")]
    assert len(pages) > 20
    for page in pages:
        browser.open(f"{address}{page}/")
        assert not browser.problems(), page
        elsewhere = [one for one in browser.requests() if not one.startswith((address, "data:"))]
        assert not elsewhere, page
        assert browser.evaluate("document.querySelector('article h1').textContent"), page
        broken = "[...document.images].filter(image => !image.naturalWidth).map(image => image.src)"
        assert browser.evaluate(broken) == [], page
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not browser.evaluate(wide), page


def test_search_finds_a_page(address, browser):
    browser.open(f"{address}?q=damaged")
    links = "[...document.querySelectorAll('.md-search-result__link')].map(link => link.href)"
    found = browser.wait_for(f"{links}.length && {links}")
    assert any(link.startswith(f"{address}damaged-files/") for link in found)
