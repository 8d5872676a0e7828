"""`report`: what it finds, what it writes, and what it refuses."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import json

import pytest
import tfr_index
from tfexamples import bytes_list, example, float_list, int64_list
from tfrecords import tfrecord


def features_of(facts):
    return {one["name"]: one for one in facts["sample"]["features"]}


def test_features_are_found(tmp_path):
    path = tmp_path / "train.tfrecord"
    records = [
        {
            "label": int64_list(i % 3),
            "box": float_list(0.5, i),
            "words": bytes_list(*[b"a", b"few"][: i % 3]),
            "image": bytes_list(b"\xff\xd8\xff" + bytes([i])),
        }
        for i in range(30)
    ]
    path.write_bytes(tfrecord([example(one) for one in records]))
    facts = tfr_index.report(path, sample=20, seed=7).to_dict()
    assert facts["settings"] == {"sample": 20, "seed": 7, "max_bytes": 2 << 20, "values": True}
    assert facts["total"]["records"] == 30
    assert facts["sample"]["records"] == 20
    found = features_of(facts)
    assert {name: (one["kind"], one["shape"], one["records"]) for name, one in found.items()} == {
        "label": ("int64", [], 20),
        "box": ("float", [2], 20),
        "words": ("bytes", None, 20),
        "image": ("bytes", [], 20),
    }
    assert sum(value["count"] for value in found["label"]["frequent"]) == 20
    assert found["image"]["pictures"] == {"JPEG": 20}
    assert found["box"]["min"] == 0
    # The seed chooses the records, and the shown ones are those of the file.
    again = tfr_index.report(path, sample=20, seed=7).to_dict()
    assert again == facts
    assert tfr_index.report(path, sample=20, seed=8).to_dict()["records"] != facts["records"]
    for shown in facts["records"]:
        values = {one["name"]: one["values"] for one in shown["features"]}
        assert values["label"] == [shown["record"] % 3]
        assert values["box"] == [0.5, shown["record"]]


def test_code_reads_the_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("it's.tfrecord", 'a "b".tfrecord'):
        records = [{"n'\"\n": int64_list(i), "words": bytes_list(b"a", b"b")} for i in range(3)]
        (tmp_path / name).write_bytes(tfrecord([example(one) for one in records]))
    paths = ["it's.tfrecord", 'a "b".tfrecord']
    code = tfr_index.report(paths).to_dict()["snippets"]["python"]
    scope = {}
    exec(code, scope)
    assert len(scope["dataset"]) == 6
    assert scope["batch"]["n'\"\n"].tolist() == [0, 1, 2, 0, 1, 2]
    (tmp_path / "raw.tfrecord").write_bytes(tfrecord([b"\xffhello"]))
    exec(tfr_index.report("raw.tfrecord").to_dict()["snippets"]["python"], scope)
    assert scope["payload"] == b"\xffhello"


def test_values_can_be_left_out(tmp_path):
    path = tmp_path / "train.tfrecord"
    secret = {"name": bytes_list(b"secret"), "age": int64_list(4711)}
    path.write_bytes(tfrecord([example(secret)] * 5))
    shown = tfr_index.report(path)
    hidden = tfr_index.report(path, values=False)
    for word in ("secret", "4711", "4,711"):
        assert word in shown.to_html() or word == "4711"
        assert word not in hidden.to_html()
        assert word not in json.dumps(hidden.to_dict())
    assert features_of(hidden.to_dict())["name"]["value_bytes"]["max"] == 6


def test_one_bad_file_stops_nothing(tmp_path):
    good, bad, missing = (tmp_path / name for name in ("good", "bad", "missing"))
    good.write_bytes(tfrecord([b"hello"] * 4))
    bad.write_bytes(b"<!doctype html><html></html>")
    report = tfr_index.report([good, bad, missing], tmp_path / "report.html")
    facts = report.to_dict()
    assert (facts["total"]["failed"], facts["total"]["records"]) == (2, 4)
    states = [(file["state"], file["records"]) for file in facts["files"]]
    assert states == [("no_index", 4), ("html", None), ("unreadable", None)]
    assert facts["files"][2]["error"]["status"] == "TFR_ERR_IO"
    assert (tmp_path / "report.html").read_text() == report.to_html()
    assert repr(report) == "<tfr_index.Report of 4 records in 3 files>"


def test_only_reports_are_replaced(tmp_path):
    path, page = tmp_path / "train.tfrecord", tmp_path / "report.html"
    path.write_bytes(tfrecord([b"hello"]))
    before = path.read_bytes()
    for _ in range(2):
        tfr_index.report(path, page)
    with pytest.raises(tfr_index.TfrValueError, match="is not a report of tfr-index"):
        tfr_index.report(path, path)
    assert path.read_bytes() == before
    with pytest.raises(TypeError, match=r"tfr_index\.report"):
        tfr_index.Report()
    with pytest.raises(tfr_index.TfrValueError):
        tfr_index.report(path, sample=-1)


def test_work_can_be_cancelled(tmp_path):
    path = tmp_path / "train.tfrecord"
    path.write_bytes(tfrecord([b"hello"] * 4))
    asked = []
    tfr_index.report(path, progress=lambda *at: asked.append(at))
    assert asked[-1] == (path.stat().st_size, path.stat().st_size, 4)
    with pytest.raises(tfr_index.TfrCancelled):
        tfr_index.report(path, progress=lambda *_: True)
