use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::frame;

fn paths(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(PathBuf::from).collect()
}

#[test]
fn indexes_of_what_is_given_are_left_out() {
    for (given, left) in [
        (&["ds", "ds.idx"][..], &["ds"][..]),
        (&["ds.idx", "ds"], &["ds"]),
        (&["ds", "ds.idx", "ds.idx.idx"], &["ds"]),
        (&["a.tfrecord", "a.tfindex", "b.tfrecord.tfindex"], &["a.tfrecord", "b.tfrecord.tfindex"]),
        (&["a.tfrecord", "a.tfrecord.tfindex"], &["a.tfrecord"]),
        (&["ds.idx"], &["ds.idx"]),
        (&[".", "..", "/", "d/.."], &[".", "..", "/", "d/.."]),
        (&["ds.idx", "ds.tfindex"], &["ds.idx", "ds.tfindex"]),
        (&["d/ds", "ds.idx"], &["d/ds", "ds.idx"]),
    ] {
        assert_eq!(without_indexes(paths(given)), paths(left), "{given:?}");
    }
}

#[test]
fn one_name_in_one_directory_is_given_twice() {
    let temporary = tempfile::tempdir().unwrap();
    let at = |name: &str| temporary.path().join(name);
    fs::create_dir(at("d")).unwrap();
    symlink("d", at("link")).unwrap();
    fs::write(at("d/a"), "").unwrap();
    symlink("a", at("d/b")).unwrap();
    for (one, other, twice) in [
        ("d/a", "d/a", true),
        ("d/a", "d/./a", true),
        ("d/a", "d/../d/a", true),
        ("d/a", "link/a", true),
        ("d/a", "d/b", false),
        ("d/a", "a", false),
        ("none/a", "none/a", true),
    ] {
        let given = [at("d/c"), at(one), at(other)];
        let found = given_twice(&given).map(|(one, other)| (one.to_owned(), other.to_owned()));
        assert_eq!(found, twice.then(|| (at(one), at(other))), "{one} {other}");
    }
    assert_eq!(given_twice(&paths(&["a", "./a"])).unwrap().1, Path::new("./a"));
    assert_eq!(given_twice(&paths(&["a", "b", "/", "..", "d/.."])), None);
}

#[test]
fn the_first_name_that_exists_is_the_index() {
    let temporary = tempfile::tempdir().unwrap();
    let data = temporary.path().join("x.tfrecord");
    let directory = temporary.path().join("index");
    fs::create_dir(&directory).unwrap();
    for place in [None, Some(&*directory)] {
        let error = find_index(&data, place).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        let text = error.to_string();
        assert!(text.contains("x.tfrecord.idx: cannot find: "), "{text}");
        assert!(text.contains("(nor x.tfrecord.tfindex or x.tfindex): there is no"), "{text}");
        for name in ["x.tfindex", "x.tfrecord.tfindex", "x.tfrecord.idx"] {
            let path = place.unwrap_or(temporary.path()).join(name);
            fs::write(&path, "").unwrap();
            assert_eq!(find_index(&data, place).unwrap(), path);
        }
    }
    let text = find_index(temporary.path().join("bare"), None).unwrap_err().to_string();
    assert!(text.contains("(nor bare.tfindex): there is no"), "{text}");
    assert_eq!(find_index("", None).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn no_index_is_put_beside_event_files() {
    for name in ["events.out.tfevents.1700000000.host.1.0", "tfevents"] {
        let error = place_beside(&Path::new("logs").join(name)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains("TensorBoard"), "{error}");
    }
    let path = Path::new("tfevents/train.tfrecord");
    assert_eq!(place_beside(path).unwrap(), Path::new("tfevents/train.tfrecord.idx"));
}

#[test]
fn directories_are_listed() {
    let temporary = tempfile::tempdir().unwrap();
    let at = |name: &str| temporary.path().join(name);
    let record = frame::encode(b"hello");
    for directory in ["sub", "sub/deep", ".hidden"] {
        fs::create_dir(at(directory)).unwrap();
    }
    for (name, content) in [
        ("a.tfrecord", &b""[..]),
        ("a.tfrecord.idx", b""),
        ("b.TFREC", b"<html>"),
        ("train-00003-of-00010", b"cut"),
        ("train-0-of-x", b"cut"),
        ("events.out.tfevents.1", b"x"),
        ("plain", &record),
        ("plain.idx", b""),
        ("alone.idx", b"0 21\n"),
        ("notes.txt", b"hello"),
        (".a.tfrecord", &record),
        (".hidden/c.tfrecord", &record),
        ("sub/d", &record),
        ("sub/deep/e.tfrecord", &record),
        ("sub/deep/e.tfindex", b""),
    ] {
        fs::write(at(name), content).unwrap();
    }
    symlink("sub", at("link")).unwrap();
    symlink("..", at("sub/up")).unwrap();
    symlink("a.tfrecord", at("linked.tfrecord")).unwrap();
    symlink("nowhere", at("dangling.tfrecord")).unwrap();

    let flat = list(temporary.path(), false).unwrap();
    let here = ["a.tfrecord", "b.TFREC", "events.out.tfevents.1", "linked.tfrecord", "plain"];
    let here = here.iter().chain(&["train-00003-of-00010"]).map(|name| at(name));
    assert_eq!(flat.data, here.clone().collect::<Vec<_>>());
    assert_eq!(flat.indexes, [at("alone.idx")]);
    assert_eq!(flat.skipped, Skipped { directories: 2, side_files: 2, others: 3 });
    assert_eq!(flat.skipped.to_string(), "2 directories, 2 side files, 3 other files");

    let deep = list(temporary.path(), true).unwrap();
    let mut all: Vec<_> = here.chain([at("sub/d"), at("sub/deep/e.tfrecord")]).collect();
    all.sort();
    assert_eq!(deep.data, all);
    assert_eq!(deep.skipped, Skipped { directories: 2, side_files: 3, others: 3 });

    let error = list(&at("none"), true).unwrap_err();
    assert_eq!((error.path(), error.os_error()), (Some(&*at("none")), Some(libc::ENOENT)));
}

#[test]
fn shards_are_the_files_and_those_of_the_directories() {
    let temporary = tempfile::tempdir().unwrap();
    let at = |name: &str| temporary.path().join(name);
    fs::create_dir_all(at("d/sub")).unwrap();
    for name in ["a.tfrecord", "d/b.tfrecord", "d/b.tfrecord.idx", "d/notes", "d/sub/c.tfrecord"] {
        fs::write(at(name), "").unwrap();
    }
    let find = |names: &[&str]| Shards::find(names.iter().map(|name| at(name)), &FindShards::new());

    let shards = find(&["a.tfrecord", "d", "a.tfrecord.idx"]).unwrap();
    assert_eq!(
        shards,
        Shards {
            notes: vec![format!("{}: skipped 1 other file", at("d").display())],
            ..Shards::from_paths([at("a.tfrecord"), at("d/b.tfrecord"), at("d/sub/c.tfrecord")])
        }
    );
    assert_eq!(shards.notes().len(), 1);
    assert_eq!(shards[1].find_index().unwrap(), at("d/b.tfrecord.idx"));
    assert_eq!(shards[0].index_path_to_create(), at("a.tfrecord.idx"));

    let elsewhere = Shard { path: at("a.tfrecord"), index_path: Some(at("d/a.tfrecord.idx")) };
    assert_eq!(elsewhere.index_path_to_create(), at("d/a.tfrecord.idx"));
    assert_eq!(elsewhere.find_index().unwrap_err().os_error(), Some(libc::ENOENT));
    fs::write(at("d/a.tfindex"), "").unwrap();
    assert_eq!(elsewhere.find_index().unwrap(), at("d/a.tfindex"));

    fs::create_dir(at("empty")).unwrap();
    for (names, message) in [
        (&["empty"][..], "empty: contains no TFRecord file"),
        (&["d", "d/b.tfrecord"], "b.tfrecord: is given twice"),
        (&["d/b.tfrecord", "d/../d/b.tfrecord"], "b.tfrecord; give it once"),
    ] {
        let error = find(names).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().ends_with(message), "{error}");
    }
}
