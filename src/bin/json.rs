//! What `create` did, as JSON: an object for each file.

use std::fmt::{self, Display, Formatter};
use std::path::Path;

/// What became of a file: a line with an object.
pub fn outcome(file: &Path, index_path: &Path, created: &anyhow::Result<u64>) -> String {
    let path = |path: &Path| Value::Text(path.to_string_lossy().into_owned());
    let error = match created {
        Ok(count) => {
            let (index, records) = (path(index_path), Value::Number(*count));
            let members = vec![("path", path(file)), ("index", index), ("records", records)];
            return format!("{}\n", Value::Object(members));
        }
        Err(error) => error,
    };
    // Not all is the library's: the program refuses some work, too.
    let known = error.downcast_ref::<tfr_index::Error>();
    let error = Value::Object(vec![
        ("status", known.map(|error| error.kind().name()).into()),
        ("message", Value::Text(format!("{error:#}"))),
        ("record", known.and_then(|error| error.record()).into()),
        ("offset", known.and_then(|error| error.offset()).into()),
        ("format", known.and_then(|error| error.format()).into()),
        ("stored_crc", known.and_then(|error| error.stored_crc()).into()),
        ("computed_crc", known.and_then(|error| error.computed_crc()).into()),
    ]);
    format!("{}\n", Value::Object(vec![("path", path(file)), ("error", error)]))
}

/// A value as JSON has it.
enum Value {
    Null,
    Number(u64),
    Text(String),
    Object(Vec<(&'static str, Value)>),
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, T::into)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Value {
        Value::Number(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Value {
        Value::Number(number.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Number(number) => write!(f, "{number}"),
            Value::Text(text) => write_text(text, f),
            Value::Object(members) => {
                for (at, (name, value)) in members.iter().enumerate() {
                    write!(f, "{}\"{name}\": {value}", if at == 0 { "{" } else { ", " })?;
                }
                f.write_str("}")
            }
        }
    }
}

fn write_text(text: &str, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("\"")?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(f, "\\{character}")?,
            // All of these are below U+10000; lines end at the last two in some languages.
            _ if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') => {
                write!(f, "\\u{:04x}", u32::from(character))?;
            }
            _ => write!(f, "{character}")?,
        }
    }
    f.write_str("\"")
}
