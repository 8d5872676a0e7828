//! What became of files, as JSON: an object for each.

use std::path::Path;

use serde_json::{json, Value};

use crate::cli::Created;

/// What became of a file: a line with an object.
pub fn outcome(file: &Path, index: &Path, created: &anyhow::Result<Created>) -> String {
    let path = file.to_string_lossy();
    let object = match created {
        Ok(Created { records, regions }) => json!({
            "path": path,
            "index": index.to_string_lossy(),
            "records": records,
            "damaged_regions": regions,
        }),
        Err(error) => return failure(file, error),
    };
    format!("{object}\n")
}

/// That a file failed: a line with an object.
pub fn failure(file: &Path, error: &anyhow::Error) -> String {
    let object = json!({"path": file.to_string_lossy(), "error": fields(error)});
    format!("{object}\n")
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
