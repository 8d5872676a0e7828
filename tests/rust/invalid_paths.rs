//! Paths that no file can have: an empty path, a path with a NUL byte.

use std::path::Path;

use tfr_index::{
    create_index, create_index_from_reader, create_index_from_source, locate, CheckLevel, Error,
    ErrorKind, Index, Options, Reader, RecordWriter,
};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/examples.tfrecord");

#[test]
fn no_function_takes_an_empty_path_or_a_nul() {
    let directory = tempfile::tempdir().unwrap();
    let good = directory.path().join("x");
    let options = Options::new();
    let index = Index::scan(EXAMPLES, &options).unwrap();
    type Function<'a> = Box<dyn Fn(&Path) -> Option<Error> + 'a>;
    let functions: Vec<(&str, Function<'_>)> = vec![
        ("create_index", Box::new(|path| create_index(path, &good, &options).err())),
        ("its index", Box::new(|path| create_index(EXAMPLES, path, &options).err())),
        ("of_source", Box::new(|path| create_index_from_source(&b""[..], path, &options).err())),
        ("of_stream", Box::new(|path| create_index_from_reader(&b""[..], path, &options).err())),
        ("appended", Box::new(|path| create_index(path, &good, &options.resume(true)).err())),
        ("scan", Box::new(|path| Index::scan(path, &options).err())),
        ("read", Box::new(|path| Index::read(path).err())),
        ("write", Box::new(|path| index.write(path).err())),
        ("check", Box::new(|path| index.check(path, CheckLevel::Quick, &options).err())),
        ("locate", Box::new(|path| locate(path, 0, &options).err())),
        ("open", Box::new(|path| Reader::open(path, &options).err())),
        ("with_index", Box::new(|path| Reader::with_index(path, index.clone(), &options).err())),
        ("writer", Box::new(|path| RecordWriter::create(path, &good, &options).err())),
        ("writer's index", Box::new(|path| RecordWriter::create(&good, path, &options).err())),
        ("appending", Box::new(|path| RecordWriter::append(path, &good, &options).err())),
        ("appending's index", Box::new(|path| RecordWriter::append(&good, path, &options).err())),
    ];
    for (path, said) in [
        ("", "the path is empty"),
        ("some\0thing", "some\\u{0}thing: the path contains a NUL character"),
    ] {
        for (name, function) in &functions {
            let error = function(Path::new(path)).unwrap_or_else(|| panic!("{name}: no error"));
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{name}: {error}");
            assert_eq!(error.to_string(), said, "{name}");
            let left = std::fs::read_dir(directory.path()).unwrap().count();
            assert_eq!(left, 0, "{name}");
        }
    }
}
