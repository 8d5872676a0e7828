//! Features as code, to paste.

use crate::error::is_unprintable;
use crate::example::{Feature, FeatureKind};

/// A dictionary for the Python package.
#[must_use]
pub fn python(features: &[Feature]) -> String {
    dictionary("spec", features, |feature| {
        let class = match feature.kind() {
            FeatureKind::Bytes => "Bytes",
            FeatureKind::Float => "Float",
            FeatureKind::Int64 => "Int64",
        };
        let mut arguments: Vec<_> = match feature.dimensions() {
            Some(shape) => shape.iter().map(ToString::to_string).collect(),
            None => vec!["ragged=True".to_owned()],
        };
        if feature.is_sequence() {
            arguments.push("sequence=True".to_owned());
        }
        if feature.allows_missing() {
            arguments.push("allow_missing=True".to_owned());
        }
        Ok(format!("tfr_index.{class}({})", arguments.join(", ")))
    })
}

/// A dictionary for `features=` of DALI's readers. A comment stands for what they do not read.
#[must_use]
pub fn dali(features: &[Feature]) -> String {
    dictionary("features", features, |feature| {
        let kind = match feature.kind() {
            FeatureKind::Bytes => "tfrec.string, \"\"",
            FeatureKind::Float => "tfrec.float32, 0.0",
            FeatureKind::Int64 => "tfrec.int64, 0",
        };
        let is_one = |shape: &[usize]| shape.iter().all(|&size| size == 1);
        match feature.dimensions() {
            _ if feature.is_sequence() => Err("a sequence, which DALI does not read"),
            _ if std::str::from_utf8(feature.name()).is_err() => {
                Err("DALI reads no feature whose name is not UTF-8")
            }
            shape if feature.kind() == FeatureKind::Bytes && !shape.is_some_and(is_one) => {
                Err("DALI reads byte strings only where each record has one")
            }
            Some(shape) => Ok(format!("tfrec.FixedLenFeature({shape:?}, {kind})")),
            None => Ok(format!("tfrec.VarLenFeature({kind})")),
        }
    })
}

/// A list for `tfr::features` of the C++ header.
pub(super) fn cpp(features: &[Feature]) -> String {
    let mut text = "const tfr::features spec{\n".to_owned();
    for feature in features {
        let kind = match feature.kind() {
            FeatureKind::Bytes => "TFR_FEATURE_BYTES",
            FeatureKind::Float => "TFR_FEATURE_FLOAT",
            FeatureKind::Int64 => "TFR_FEATURE_INT64",
        };
        text += &format!("    tfr::feature({}, {kind})", cpp_literal(feature.name()));
        match feature.dimensions() {
            None => text += ".ragged()",
            Some([]) => {}
            Some(shape) => {
                let shape: Vec<_> = shape.iter().map(ToString::to_string).collect();
                text += &format!(".shape({{{}}})", shape.join(", "));
            }
        }
        if feature.is_sequence() {
            text += &format!(".sequence({})", feature.allows_missing());
        }
        text += ",\n";
    }
    text + "};\n"
}

/// Bytes as a literal of C++. What is not printable is octal: three digits, so that no digit that
/// follows belongs to them.
pub(super) fn cpp_literal(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => text.push(char::from(*byte)),
            byte => text += &format!("\\{byte:03o}"),
        }
    }
    match bytes.contains(&0) {
        true => format!("std::string(\"{text}\", {})", bytes.len()),
        false => format!("\"{text}\""),
    }
}

fn dictionary(
    name: &str,
    features: &[Feature],
    value: impl Fn(&Feature) -> Result<String, &'static str>,
) -> String {
    let mut text = format!("{name} = {{\n");
    for feature in features {
        let name = literal(feature.name());
        text += &match value(feature) {
            Ok(value) => format!("    {name}: {value},\n"),
            Err(reason) => format!("    # {name}: {reason}\n"),
        };
    }
    text + "}\n"
}

/// A key as a literal of Python: a string or, if it is not UTF-8, bytes.
pub(super) fn literal(key: &[u8]) -> String {
    match std::str::from_utf8(key) {
        Ok(text) => {
            format!("\"{}\"", escaped(&text.replace('\\', "\\\\").replace('"', "\\\"")))
        }
        Err(_) => format!("b\"{}\"", key.escape_ascii()),
    }
}

/// A key for people, on one line.
#[must_use]
pub fn printable(key: &[u8]) -> String {
    match std::str::from_utf8(key) {
        Ok(text) => escaped(text),
        Err(_) => key.escape_ascii().to_string(),
    }
}

/// Escapes unprintable characters as Python does: all of them are below U+10000.
fn escaped(text: &str) -> String {
    let escape = |character: char| match (is_unprintable(character), u32::from(character)) {
        (true, code @ ..=0xff) => format!("\\x{code:02x}"),
        (true, code) => format!("\\u{code:04x}"),
        _ => character.to_string(),
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_literals_of_python() {
        for (key, right) in [
            (&b"label"[..], r#""label""#),
            (b"a\"b\\c", r#""a\"b\\c""#),
            ("\u{e9}\n\u{85}".as_bytes(), r#""é\x0a\x85""#),
            ("\u{202e}\u{2028}".as_bytes(), r#""\u202e\u2028""#),
            (b"\xff\"\n", r#"b"\xff\"\n""#),
        ] {
            assert_eq!(literal(key), right);
        }
    }

    #[test]
    fn bytes_are_literals_of_cpp() {
        for (bytes, right) in [
            (&b"label"[..], r#""label""#),
            (b"a\"b\\c", r#""a\"b\\c""#),
            ("\u{e9}1\n".as_bytes(), r#""\303\2511\012""#),
            (b"a\0b", r#"std::string("a\000b", 3)"#),
        ] {
            assert_eq!(cpp_literal(bytes), right);
        }
        let printed = cpp(&[
            Feature::int64("one"),
            Feature::bytes("words").ragged(),
            Feature::float("box").shape(&[2, 2]).sequence(true),
        ]);
        let right = r#"const tfr::features spec{
    tfr::feature("one", TFR_FEATURE_INT64),
    tfr::feature("words", TFR_FEATURE_BYTES).ragged(),
    tfr::feature("box", TFR_FEATURE_FLOAT).shape({2, 2}).sequence(true),
};
"#;
        assert_eq!(printed, right);
    }

    #[test]
    fn dali_gets_only_features_that_it_reads() {
        let printed = dali(&[
            Feature::bytes("one").shape(&[1, 1]),
            Feature::bytes("two").shape(&[2]),
            Feature::bytes("words").ragged(),
            Feature::int64(b"\xff"),
            Feature::int64("steps").sequence(false),
            Feature::int64("many").ragged(),
        ]);
        let right = r#"features = {
    "one": tfrec.FixedLenFeature([1, 1], tfrec.string, ""),
    # "two": DALI reads byte strings only where each record has one
    # "words": DALI reads byte strings only where each record has one
    # b"\xff": DALI reads no feature whose name is not UTF-8
    # "steps": a sequence, which DALI does not read
    "many": tfrec.VarLenFeature(tfrec.int64, 0),
}
"#;
        assert_eq!(printed, right);
    }
}
