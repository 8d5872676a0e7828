//! What became of files, as JSON: an object for each.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use base64::prelude::{Engine, BASE64_STANDARD};
use serde_json::{json, Value};

use crate::shared::create::Created;
use crate::shared::stdio::print;

/// What became of a file: a line with an object. Of an index that is left as it is, the number of
/// records is not known.
pub fn outcome(file: &Path, index: &Path, created: &anyhow::Result<Option<Created>>) -> String {
    let object = match created {
        Ok(Some(Created { records, regions })) => {
            json!({"records": records, "damaged_regions": regions, "up_to_date": false})
        }
        Ok(None) => json!({"records": null, "damaged_regions": null, "up_to_date": true}),
        Err(error) => return failure(file, error),
    };
    line(&[("path", Some(file)), ("index", Some(index))], object)
}

/// A line with an object that has these paths, too: as text, and as their bytes in Base64 where the
/// text does not say them all.
pub fn line(paths: &[(&str, Option<&Path>)], mut object: Value) -> String {
    for (key, path) in paths {
        object[*key] = json!(path.map(|path| path.to_string_lossy()));
        if let Some(path) = path.filter(|path| path.to_str().is_none()) {
            let bytes = BASE64_STANDARD.encode(path.as_os_str().as_bytes());
            object[format!("{key}_bytes")] = json!(bytes);
        }
    }
    format!("{object}\n")
}

/// That a file failed: a line with an object.
pub fn failure(file: &Path, error: &anyhow::Error) -> String {
    line(&[("path", Some(file))], json!({"error": fields(error)}))
}

/// What is known of an error.
pub fn fields(error: &anyhow::Error) -> Value {
    // Not all is the library's: the program refuses some work, too.
    let known = error.downcast_ref::<tfr_index::Error>();
    json!({
        "status": known.map(|error| error.kind().name()),
        "message": format!("{error:#}"),
        "record": known.and_then(|error| error.record()),
        "offset": known.and_then(|error| error.offset()),
        "format": known.and_then(|error| error.format()),
        "stored_crc": known.and_then(|error| error.stored_crc()),
        "computed_crc": known.and_then(|error| error.computed_crc()),
    })
}

/// Prints what is to be shown of a file.
pub fn tell(file: &Path, as_json: bool, shown: anyhow::Result<String>) -> anyhow::Result<()> {
    print(&tell_failure(file, as_json, shown)?)
}

/// Prints a failure as JSON, if that is wanted; it stays one.
pub fn tell_failure<T>(file: &Path, as_json: bool, shown: anyhow::Result<T>) -> anyhow::Result<T> {
    if let (true, Err(error)) = (as_json, &shown) {
        print(&failure(file, error))?;
    }
    shown
}
