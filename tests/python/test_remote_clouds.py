"""Google's and Azure's object stores: a server on this machine stands for them."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import base64
import email.utils
import errno
import hashlib
import hmac
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

import obstore
import obstore.store
import pytest
import tfr_index
from object_server import ObjectServer, use_as_azure, use_as_gcs
from tfr_index import Dataset, Manifest, Reader, create_index, create_indexes
from tfrecords import tfrecord, walk

PAYLOADS = [[f"{shard}-{record}".encode() * 50 for record in range(30)] for shard in range(4)]
ALL = [payload for shard in PAYLOADS for payload in shard]
NAMES = [f"train-{shard:05}-of-00004.tfrecord" for shard in range(4)]


@pytest.fixture(params=["gs", "az"])
def cloud(request, monkeypatch):
    """A server with a set, and the start of its URLs."""
    server = ObjectServer()
    use = {"gs": use_as_gcs, "az": use_as_azure}[request.param]
    use(monkeypatch, server.url)
    for name, payloads in zip(NAMES, PAYLOADS, strict=True):
        server.objects[f"/b/set/{name}"] = tfrecord(payloads)
    yield server, f"{request.param}://b/set"
    server.close()


def test_a_file_is_indexed_and_read(cloud):
    server, start = cloud
    url = f"{start}/{NAMES[1]}"
    assert create_index(url, only="missing") == 30
    assert (server.count("GET"), server.count("PUT")) == (1, 1)
    assert create_index(url, only="missing") is None
    assert create_index(url, only="stale") is None
    assert list(tfr_index.read_index(f"{url}.idx")) == walk(tfrecord(PAYLOADS[1]))
    with Reader(url) as reader:
        assert reader.read_many([29, 3]) == [PAYLOADS[1][29], PAYLOADS[1][3]]
    assert list(tfr_index.scan(url, mode="stream")) == walk(tfrecord(PAYLOADS[1]))


def test_an_index_that_another_process_writes_stays(cloud):
    server, start = cloud

    def write_theirs(request):
        if request.method == "PUT":
            server.objects[f"/b/set/{NAMES[0]}.idx"] = b"0 16\n"

    server.fault = write_theirs
    assert create_index(f"{start}/{NAMES[0]}", only="missing") is None
    assert server.objects[f"/b/set/{NAMES[0]}.idx"] == b"0 16\n"


def test_a_set_is_listed_indexed_and_read(cloud):
    _, start = cloud
    assert [file.records for file in create_indexes(f"{start}/")] == [30] * 4
    assert [file.records for file in create_indexes(f"{start}/", update=True)] == [None] * 4
    for paths in (f"{start}/", f"{start}/train-*", f"{start}/train@4.tfrecord"):
        assert list(Dataset(paths)) == ALL
    Manifest.build(f"{start}/").write(f"{start}/train.manifest.json")
    dataset = Dataset(f"{start}/train.manifest.json")
    assert dataset.read_many([119, 0]) == [ALL[119], ALL[0]]


def test_a_file_that_is_replaced_is_noticed(cloud):
    server, start = cloud
    dataset = Dataset(f"{start}/")
    server.objects[f"/b/set/{NAMES[2]}"] = tfrecord(PAYLOADS[3])
    copy = Manifest.build(f"{start}/")
    server.objects[f"/b/set/{NAMES[1]}"] = tfrecord(PAYLOADS[3])
    with pytest.raises(tfr_index.TfrOSError, match="was replaced") as caught:
        Dataset(copy)[30]
    assert (caught.value.errno, caught.value.path) == (errno.ESTALE, f"{start}/{NAMES[1]}")
    assert dataset[0] == ALL[0]


#: The account of azurite, with the key that its documentation has.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
HERE = Path(__file__).resolve().parents[2] / "target" / "test-env" / "azurite"


@pytest.fixture
def azurite(monkeypatch, tmp_path):
    """Azure's own emulator, with a container "box", if it is installed."""
    program = shutil.which("azurite-blob") or HERE / "node_modules/.bin/azurite-blob"
    if not Path(program).exists():
        pytest.skip("no azurite: npm install --prefix target/test-env/azurite azurite")
    command = [program, "--blobPort", "0", "--location", tmp_path]
    command += ["--skipApiVersionCheck", "--disableTelemetry"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            lines = iter(process.stdout.readline, "")
            started = (re.search(r"listens on http://127.0.0.1:(\d+)", line) for line in lines)
            port = next(int(match[1]) for match in started if match)
            make_container(port)
            use_as_azure(monkeypatch, f"http://127.0.0.1:{port}/{ACCOUNT}", ACCOUNT, KEY)
            yield "az://box/set"
        finally:
            process.terminate()


def make_container(port):
    """What obstore cannot do: a signed request that makes the container "box"."""
    headers = {"x-ms-date": email.utils.formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    lines = [f"{name}:{value}" for name, value in headers.items()]
    resource = f"/{ACCOUNT}/{ACCOUNT}/box\nrestype:container"
    text = "\n".join(["PUT", *[""] * 11, *lines, resource]).encode()
    signed = hmac.new(base64.b64decode(KEY), text, hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(signed).decode()}"
    url = f"http://127.0.0.1:{port}/{ACCOUNT}/box?restype=container"
    request = urllib.request.Request(url, method="PUT", headers=headers)
    with urllib.request.urlopen(request) as response:
        assert response.status == 201


def test_the_emulator_of_azure(azurite):
    store = obstore.store.from_url("az://box", client_options={"allow_http": True})
    for name, payloads in zip(NAMES, PAYLOADS, strict=True):
        obstore.put(store, f"set/{name}", tfrecord(payloads))
    assert [file.records for file in create_indexes(f"{azurite}/")] == [30] * 4
    assert [file.records for file in create_indexes(f"{azurite}/", update=True)] == [None] * 4
    assert create_index(f"{azurite}/{NAMES[0]}", only="missing") is None
    assert create_index(f"{azurite}/{NAMES[0]}", "az://box/x.idx", only="missing") == 30
    dataset = Dataset(f"{azurite}/")
    assert list(dataset) == ALL
    assert list(tfr_index.scan(f"{azurite}/{NAMES[1]}", mode="stream")) == walk(
        tfrecord(PAYLOADS[1])
    )
    obstore.put(store, f"set/{NAMES[2]}", tfrecord(PAYLOADS[3]))
    with pytest.raises(tfr_index.TfrOSError, match="was replaced"):
        dataset[89]
    with pytest.raises(FileNotFoundError):
        Reader(f"{azurite}/missing.tfrecord")


@pytest.mark.parametrize(("status", "kind"), [(404, FileNotFoundError), (403, PermissionError)])
def test_what_a_server_refuses(cloud, status, kind):
    server, start = cloud
    server.fault = lambda _request: status
    with pytest.raises(kind, match=f"{start}/{NAMES[0]}"):
        create_index(f"{start}/{NAMES[0]}")
    assert create_indexes([f"{start}/{NAMES[0]}"])[0].error.path == f"{start}/{NAMES[0]}"
