//! JSON output: one object for each file.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use base64::prelude::{Engine, BASE64_STANDARD};
use serde_json::{json, Value};
use tfr_index::internal::is_unprintable;

use crate::shared::create::Summary;
use crate::shared::stdio::{in_our_words, print};

/// The result of `create` for one file. For an index that was left unchanged, the number of records is
/// unknown. `is_planned`: an index would be created, but for --dry-run.
pub fn outcome(
    file: &Path,
    index: &Path,
    created: &anyhow::Result<Option<Summary>>,
    is_planned: bool,
) -> String {
    let object = match created {
        Ok(Some(Summary { records, regions })) => {
            json!({"records": records, "damaged_regions": regions, "up_to_date": false})
        }
        Ok(None) => {
            json!({"records": null, "damaged_regions": null, "up_to_date": !is_planned})
        }
        Err(error) => return failure(file, error),
    };
    line(&[("path", Some(file)), ("index", Some(index))], object)
}

/// A line with an object, plus these paths: as text, and also as bytes in Base64 if a path is not
/// UTF-8.
pub fn line(paths: &[(&str, Option<&Path>)], mut object: Value) -> String {
    for (key, path) in paths {
        object[*key] = json!(path.map(|path| path.to_string_lossy()));
        if let Some(path) = path.filter(|path| path.to_str().is_none()) {
            let bytes = BASE64_STANDARD.encode(path.as_os_str().as_bytes());
            object[format!("{key}_bytes")] = json!(bytes);
        }
    }
    escaped(format!("{object}\n"))
}

/// JSON without characters that terminals obey. serde_json escapes those below U+0020 alone.
pub fn escaped(json: String) -> String {
    let is_raw = |character: char| character >= '\x7f' && is_unprintable(character);
    if !json.contains(is_raw) {
        return json;
    }
    let escape = |character: char| match is_raw(character) {
        true => format!("\\u{:04x}", u32::from(character)), // all of them are below U+10000
        false => character.to_string(),
    };
    json.chars().map(escape).collect()
}

/// The error of one file.
pub fn failure(file: &Path, error: &anyhow::Error) -> String {
    line(&[("path", Some(file))], json!({"error": fields(error)}))
}

/// The members of an error.
pub fn fields(error: &anyhow::Error) -> Value {
    // Some errors are the program's own, not the library's.
    let known = error.downcast_ref::<tfr_index::Error>();
    json!({
        "status": known.map(|error| error.kind().name()),
        "message": in_our_words(&format!("{error:#}")),
        "record": known.and_then(|error| error.record()),
        "offset": known.and_then(|error| error.offset()),
        "format": known.and_then(|error| error.format()),
        "stored_crc": known.and_then(|error| error.stored_crc()),
        "computed_crc": known.and_then(|error| error.computed_crc()),
    })
}

/// Prints the output for a file, or its error as JSON.
pub fn report(file: &Path, as_json: bool, shown: anyhow::Result<String>) -> anyhow::Result<()> {
    print(&report_failure(file, as_json, shown)?)
}

/// Prints an error as JSON, if `as_json`, and returns it.
pub fn report_failure<T>(
    file: &Path,
    as_json: bool,
    shown: anyhow::Result<T>,
) -> anyhow::Result<T> {
    if let (true, Err(error)) = (as_json, &shown) {
        print(&failure(file, error))?;
    }
    shown
}
