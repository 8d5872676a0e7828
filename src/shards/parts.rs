//! The parts of a path.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The directory and the name of a path, as [`Path::parent`] and [`Path::file_name`] return them. Of an
/// ordinary path, this takes a tenth of their time, which for 10,000 shards is longer than to look at
/// each.
pub(super) fn parts(path: &Path) -> (Option<&Path>, Option<&OsStr>) {
    let bytes = path.as_os_str().as_bytes();
    let Some(at) = bytes.iter().rposition(|byte| *byte == b'/') else {
        return (path.parent(), path.file_name());
    };
    let (parent, name) = (&bytes[..at], &bytes[at + 1..]);
    let is_ordinary = !matches!(name, b"" | b"." | b"..")
        && !parent.is_empty()
        && !parent.ends_with(b"/")
        && !parent.ends_with(b"/.");
    match is_ordinary {
        true => (Some(Path::new(OsStr::from_bytes(parent))), Some(OsStr::from_bytes(name))),
        false => (path.parent(), path.file_name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_those_of_the_standard_library() {
        let words = ["", ".", "..", "a", "b.c", "...", "/"];
        for first in words {
            for second in words {
                for third in words {
                    for text in [
                        format!("{first}/{second}/{third}"),
                        format!("/{first}/{second}/{third}"),
                        format!("{first}{second}/{third}"),
                    ] {
                        let path = Path::new(&text);
                        let (parent, name) = parts(path);
                        let right = (path.parent(), path.file_name());
                        assert_eq!((parent, name), right, "{text}");
                        let bytes =
                            |path: Option<&Path>| path.map(|path| path.as_os_str().to_owned());
                        assert_eq!(bytes(parent), bytes(right.0), "{text}");
                    }
                }
            }
        }
    }
}
