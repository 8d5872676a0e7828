"""`Bytes`, `Float` and `Int64`: the features that are wanted of `tf.train.Example` records."""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Iterator, Mapping, Set
from typing import Any, ClassVar, TypeAlias, final

from ._arguments import integer, refuse
from ._library import CData, call, ffi, lib, make

__all__ = [
    "Bytes",
    "Feature",
    "Features",
    "Float",
    "Int64",
    "features_of",
    "flat",
    "key_of",
    "native_of",
]


_DIMENSIONS = 30


class Feature:
    """A feature that is wanted of records: `Bytes`, `Float` or `Int64`, which have it as base.

    Examples:
        >>> features: dict[str, Feature] = {"label": Int64(), "image": Bytes()}
    """

    __slots__ = ("allow_missing", "default", "ragged", "sequence", "shape")

    shape: tuple[int, ...]
    default: Any
    ragged: bool
    sequence: bool
    allow_missing: bool

    _kind: ClassVar[int]

    @staticmethod
    def _value(name: str, value: Any) -> Any:
        """Checks and converts one value of a default."""
        raise NotImplementedError

    def __init__(
        self,
        *shape: int,
        default: Any = None,
        ragged: bool = False,
        sequence: bool = False,
        allow_missing: bool = False,
    ) -> None:
        name = type(self).__name__
        if type(self) is Feature:
            raise TypeError("create a Bytes, a Float or an Int64: a Feature is one of them")
        sizes = tuple(integer(f"{name}: a size of the shape", size) for size in shape)
        if len(sizes) > _DIMENSIONS:
            raise refuse(
                f"{name}: a shape has at most {_DIMENSIONS} dimensions, not {len(sizes)}: numpy "
                "has 32, of which one is for the records and one for steps"
            )
        if ragged and sizes:
            raise refuse(f"{name}: a ragged feature has no shape, but {sizes} is given")
        if ragged and default is not None:
            raise refuse(
                f"{name}: a ragged feature has no default: it is empty where a record lacks it"
            )
        if sequence and default is not None:
            raise refuse(f"{name}: a sequence has no default: pass allow_missing=True instead")
        if allow_missing and not sequence:
            raise refuse(f"{name}: allow_missing is for a sequence: pass default instead")
        if default is not None:
            default = self._checked(name, sizes, default)
        object.__setattr__(self, "shape", sizes)
        object.__setattr__(self, "default", default)
        object.__setattr__(self, "ragged", bool(ragged))
        object.__setattr__(self, "sequence", bool(sequence))
        object.__setattr__(self, "allow_missing", bool(allow_missing))

    def _checked(self, name: str, shape: tuple[int, ...], default: Any) -> Any:
        values = tuple(self._value(name, value) for value in flat(default))
        if not _is_many(default):
            return values[0]
        count = math.prod(shape)
        if len(values) != count:
            raise refuse(
                f"{name}: the default has {len(values)} values, but must be one value or {count}"
            )
        return values if shape else values[0]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{self!r} cannot be changed: create another one")

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    def __repr__(self) -> str:
        arguments = list(map(str, self.shape))
        if self.default is not None:
            arguments.append(f"default={_literal(self.default)}")
        flags = ("ragged", "sequence", "allow_missing")
        arguments += [f"{flag}=True" for flag in flags if getattr(self, flag)]
        return f"{type(self).__name__}({', '.join(arguments)})"

    def __eq__(self, other: object) -> bool:
        # By their text, so that a default of NaN equals itself.
        return repr(self) == repr(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(repr(self))

    def __reduce__(self) -> tuple[Any, ...]:
        options = {name: getattr(self, name) for name in Feature.__slots__ if name != "shape"}
        return _made, (type(self), self.shape, options)


def _made(kind: Any, shape: tuple[int, ...], options: dict[str, Any]) -> Feature:
    """Unpickles a feature."""
    made: Feature = kind(*shape, **options)
    return made


@final
class Bytes(Feature):
    """A feature of byte strings: text, encoded images, serialized tensors.

    `Bytes`, `Float` and `Int64` say how many values a feature has in each record, and what stands
    in for it. A specification is a dict of them by name. They are immutable and can be pickled.

    Args:
        shape: how many values a record has: none, the default, means one; 4 means four; 2, 3 means
            six, in rows of three. Another number of values in a record is an error.
        default: what a record has that lacks the feature: one value for all, or one for each. None:
            such a record is an error. An empty list in a record is not the same as a lack.
        ragged: accept any number of values in each record, also none. A record that lacks the
            feature has none. There is no shape and no default then.
        sequence: read a list of steps from the `feature_lists` of `tf.train.SequenceExample`. Shape
            and `ragged` are then those of a step. The column is a `Ragged`, of the steps. Other
            features are those of the context.
        allow_missing: a record without the list has no steps. Otherwise it is an error.

    Raises:
        TfrValueError: the default has another number of values than the shape, or arguments are
            given that exclude each other.
        TypeError: a size of the shape is not an integer, or the default is of another kind.

    Examples:
        >>> Bytes(), Bytes(3), Bytes(default=b""), Bytes(ragged=True)
        (Bytes(), Bytes(3), Bytes(default=b''), Bytes(ragged=True))

    Attributes:
        shape: the sizes that were given, as a tuple.
        default: the default that was given: a value, or a flat tuple of values; or None.
        ragged: whether records may have any number of values.
        sequence: as the argument.
        allow_missing: as the argument.
    """

    __slots__ = ()
    _kind = lib.TFR_FEATURE_BYTES

    @staticmethod
    def _value(name: str, value: Any) -> bytes:
        if isinstance(value, str):
            try:
                return value.encode()
            except UnicodeEncodeError:
                raise refuse(f"{name}: the default {value!r} is not UTF-8: pass bytes") from None
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)
        raise TypeError(f"{name}: a default must be bytes or str, not {type(value).__name__}")


@final
class Float(Feature):
    """A feature of 32-bit floating-point numbers. Its arguments are those of `Bytes`.

    Examples:
        >>> Float(4) == Float(4), Float(2, 2, default=0).default
        (True, 0.0)

    Attributes:
        shape: as for `Bytes`.
        default: as for `Bytes`.
        ragged: as for `Bytes`.
        sequence: as for `Bytes`.
        allow_missing: as for `Bytes`.
    """

    __slots__ = ()
    _kind = lib.TFR_FEATURE_FLOAT

    @staticmethod
    def _value(name: str, value: Any) -> float:
        try:
            if isinstance(value, (str, bytes)):
                raise TypeError
            number = float(value)
            struct.pack("<f", number)
        except OverflowError:
            raise refuse(f"{name}: the default {value!r} is too large for 32 bits") from None
        except (TypeError, ValueError):
            kind = type(value).__name__
            raise TypeError(f"{name}: a default must be a number, not {kind}") from None
        return number


@final
class Int64(Feature):
    """A feature of 64-bit signed integers. Its arguments are those of `Bytes`.

    Examples:
        >>> Int64(default=-1), Int64(3, default=[1, 2, 3])
        (Int64(default=-1), Int64(3, default=(1, 2, 3)))

    Attributes:
        shape: as for `Bytes`.
        default: as for `Bytes`.
        ragged: as for `Bytes`.
        sequence: as for `Bytes`.
        allow_missing: as for `Bytes`.
    """

    __slots__ = ()
    _kind = lib.TFR_FEATURE_INT64

    @staticmethod
    def _value(name: str, value: Any) -> int:
        return int(integer(f"{name}: a default", value, least=-(2**63), bits=63))


Features: TypeAlias = (
    Mapping[str, Feature] | Mapping[bytes, Feature] | Mapping[str | bytes, Feature]
)
"""The features that are wanted of records: `Bytes`, `Float` or `Int64` by name, such as
`{"label": Int64()}`. A name that is not UTF-8 is given as `bytes`."""


def _is_many(default: Any) -> bool:
    ones = (str, bytes, bytearray, memoryview, Mapping, Set)
    return not isinstance(default, ones) and hasattr(default, "__len__")


def flat(default: Any) -> Iterator[Any]:
    """The values of a default: a value, or values in lists, tuples or arrays of any depth."""
    if hasattr(default, "tolist") and not isinstance(default, memoryview):  # an array, a tensor
        default = default.tolist()
    if _is_many(default):
        for one in default:
            yield from flat(one)
    else:
        yield default


def _literal(default: Any) -> str:
    if isinstance(default, tuple):
        return f"({', '.join(map(_literal, default))}{',' * (len(default) == 1)})"
    if isinstance(default, float) and not math.isfinite(default):
        return f"float('{default}')"
    return repr(default)


def key_of(name: object) -> bytes:
    """The bytes of a feature's name."""
    if isinstance(name, bytes):
        return name
    if not isinstance(name, str):
        raise TypeError(f"a feature's name must be str, or bytes, not {type(name).__name__}")
    try:
        return name.encode()
    except UnicodeEncodeError:
        raise refuse(f"the feature's name {name!r} is not UTF-8: pass bytes") from None


def native_of(features: Features) -> CData:
    """The native features of a specification, numbered in its order.

    Raises:
        TypeError: it is not a dict of features by name.
        TfrError: the library refuses a feature.
    """
    if not isinstance(features, Mapping):
        raise TypeError(
            'features must be a dict by name, such as {"label": tfr_index.Int64()}, not '
            f"{type(features).__name__}"
        )
    native = make("features", lib.tfr_features_new)
    for number, (name, feature) in enumerate(features.items()):
        if not isinstance(feature, Feature):
            raise TypeError(
                f"feature {name!r}: must be tfr_index.Bytes(), Float() or Int64(), not {feature!r}"
            )
        key = key_of(name)
        call(lib.tfr_features_add, native, key, len(key), feature._kind, ffi.NULL)
        if feature.ragged:
            call(lib.tfr_features_set_ragged, native, number)
        elif feature.shape:
            shape = ffi.new("size_t[]", feature.shape)
            call(lib.tfr_features_set_shape, native, number, shape, len(feature.shape))
        if feature.sequence:
            call(lib.tfr_features_set_sequence, native, number, feature.allow_missing)
        if feature.default is not None:
            _set_default(native, number, feature)
    # Features that contradict each other are an error here, and not in the first use.
    make("columns", lib.tfr_columns_decode, native, ffi.NULL, 0, ffi.NULL, 0, 1)
    return native


def _set_default(native: CData, number: int, feature: Feature) -> None:
    values = feature.default if isinstance(feature.default, tuple) else (feature.default,)
    count = len(values)
    if feature._kind == lib.TFR_FEATURE_INT64:
        ints = ffi.new("int64_t[]", values)
        call(lib.tfr_features_set_default_int64, native, number, ints, count)
    elif feature._kind == lib.TFR_FEATURE_FLOAT:
        floats = ffi.new("float[]", values)
        call(lib.tfr_features_set_default_float, native, number, floats, count)
    else:
        keep = [ffi.from_buffer("uint8_t[]", value) for value in values]
        strings = ffi.new("tfr_bytes[]", [(one, len(one)) for one in keep])
        call(lib.tfr_features_set_default_bytes, native, number, strings, count)


def features_of(native: CData) -> dict[Any, Feature]:
    """The specification of native features. Names that are not UTF-8 are `bytes`."""
    kinds: dict[int, Any] = {kind._kind: kind for kind in (Bytes, Float, Int64)}
    found: dict[Any, Feature] = {}
    dimensions = ffi.new("size_t *")
    for number in range(lib.tfr_features_len(native)):
        name = lib.tfr_features_name(native, number)
        key: Any = ffi.buffer(name.bytes, name.size)[:] if name.size else b""
        with contextlib.suppress(UnicodeDecodeError):
            key = key.decode()
        shape = lib.tfr_features_shape(native, number, dimensions)
        sizes = ffi.unpack(shape, dimensions[0]) if dimensions[0] else []
        found[key] = kinds[lib.tfr_features_kind(native, number)](
            *sizes,
            ragged=bool(lib.tfr_features_is_ragged(native, number)),
            sequence=bool(lib.tfr_features_is_sequence(native, number)),
            allow_missing=bool(lib.tfr_features_allows_missing(native, number)),
        )
    return found
