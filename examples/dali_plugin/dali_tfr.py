"""Loads the plugin beside this file, and lets `fn.tfr.reader` take `features`, a dict."""

from pathlib import Path

from nvidia.dali import fn, plugin_manager

plugin_manager.load_library(str(Path(__file__).with_name("libdali_tfr.so")))
_reader = fn.tfr.reader


def reader(paths, *, features=None, **arguments):
    """Returns what `fn.tfr.reader` does, or, with `features`, a dict with an output for each.

    `features` maps names to `nvidia.dali.tfrecord.FixedLenFeature` and `VarLenFeature`.
    """
    if not isinstance(features, dict):
        return _reader(paths=paths, features=features, **arguments)
    names, kinds = list(features), list(features.values())
    for name in names:
        if not isinstance(name, str):  # DALI would take the text of its repr()
            raise TypeError(f"the name of a feature must be str, not {name!r}")
    if not names:
        raise ValueError("features is empty: leave it out for the payloads")
    outputs = _reader(paths=paths, feature_names=names, features=kinds, **arguments)
    return dict(zip(names, outputs if isinstance(outputs, list) else [outputs], strict=True))


fn.tfr.reader = reader
