use std::fs;
use std::os::unix::fs::symlink;

use super::directory::{list, Names, Skipped};
use super::listings::Listings;
use super::*;
use crate::frame;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// A directory with these files, which are empty, and their directories.
struct Files(tempfile::TempDir);

impl Files {
    fn new(names: &[&str]) -> Files {
        let files = Files(tempfile::tempdir().unwrap());
        names.iter().for_each(|name| files.add(name));
        files
    }

    fn add(&self, name: impl AsRef<OsStr>) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    fn at(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.0.path().join(name.as_ref())
    }

    fn shards(&self, names: &[&str], options: &FindShards) -> Result<Shards> {
        Shards::find(names.iter().map(|name| self.at(name)), options)
    }

    /// The files that a path stands for, by their names in the directory; or else the error,
    /// without the directory's path.
    fn find(&self, name: &str) -> std::result::Result<Vec<String>, String> {
        self.found(self.shards(&[name], &FindShards::new()))
    }

    fn found(&self, shards: Result<Shards>) -> std::result::Result<Vec<String>, String> {
        let here = format!("{}/", self.0.path().display());
        let name = |path: &Path| path.display().to_string().replace(&here, "");
        let shards = shards.map_err(|error| error.to_string().replace(&here, ""))?;
        Ok(shards.iter().map(|shard| name(&shard.path)).collect())
    }
}

fn paths(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(PathBuf::from).collect()
}

/// Paths that a listing shows are those that a look at each shows.
#[test]
fn many_paths_mean_what_each_means() {
    let files = Files::new(&[
        "a",
        "b",
        "c",
        "x@2",
        "l",
        "s/d.tfrecord",
        "t/d.tfrecord",
        "e.tfrecord/f.tfrecord",
    ]);
    symlink("l", files.at("link")).unwrap();
    symlink("t", files.at("to-t")).unwrap();
    symlink("nowhere", files.at("broken")).unwrap();
    let rows = "\"path\": [\"c\"], \"bytes\": [0], \"records\": [0]";
    let head = "{\"format\": \"tfr-index manifest\", \"version\": 1, \"total_records\": 0";
    fs::write(files.at("m.json"), format!("{head}, \"shards\": {{{rows}}}}}")).unwrap();
    let names = ["a", "b", "x@2", "s", "e.tfrecord", "link", "m.json", "broken", "none", "to-t/"];
    let each = names.iter().flat_map(|name| files.find(name).unwrap()).collect::<Vec<_>>();
    assert_eq!(files.found(files.shards(&names, &FindShards::new())).unwrap(), each);
    // Some are seen in the listing, and a slash at the end asks for a directory.
    let paths = names.map(|name| files.at(name));
    let listings = Listings::of(&paths);
    let seen = names.iter().filter(|name| listings.has(&files.at(name))).collect::<Vec<_>>();
    assert_eq!(seen, [&"a", &"b", &"x@2", &"m.json"]);
    assert!(!listings.has(&files.at("a/")) && !listings.has(&files.at("a/..")));
    assert!(!Listings::of(&[files.at("a"), files.at("b")]).has(&files.at("a")));
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
        let mut found = paths(given);
        remove_indexes(&mut found);
        assert_eq!(found, paths(left), "{given:?}");
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
        let found = given_twice(given.iter().map(PathBuf::as_path))
            .map(|(one, other)| (one.to_owned(), other.to_owned()));
        assert_eq!(found, twice.then(|| (at(one), at(other))), "{one} {other}");
    }
    let twice = |names: &[&str]| {
        given_twice(names.iter().map(Path::new)).map(|(_, second)| second.to_owned())
    };
    assert_eq!(twice(&["a", "./a"]), Some("./a".into()));
    assert_eq!(twice(&["a", "b", "/", "..", "d/.."]), None);
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
        ("all.manifest.json", b"{}"),
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

    let here = ["a.tfrecord", "b.TFREC", "dangling.tfrecord", "events.out.tfevents.1"];
    let more = ["linked.tfrecord", "plain", "sub/d", "sub/deep/e.tfrecord", "train-00003-of-00010"];
    let listing = list(temporary.path(), &Names::Data).unwrap();
    assert_eq!(listing.data, here.iter().chain(&more).map(|name| at(name)).collect::<Vec<_>>());
    let skipped = Skipped { directories: 2, side_files: 4, lone_indexes: 1, others: 2 };
    assert_eq!(listing.skipped, skipped);
    assert_eq!(
        skipped.to_string(),
        "2 links to directories, 4 side files, 1 index without data, 2 other files"
    );

    let error = list(&at("none"), &Names::Data).unwrap_err();
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
    let found: Vec<_> = shards.iter().map(|shard| shard.path.clone()).collect();
    assert_eq!(found, [at("a.tfrecord"), at("d/b.tfrecord"), at("d/sub/c.tfrecord")]);
    assert_eq!(shards.notes(), [format!("{}: skipped 1 other file", at("d").display())]);
    assert_eq!(shards[1].find_index().unwrap(), at("d/b.tfrecord.idx"));
    assert_eq!(shards[0].index_path_to_create(), at("a.tfrecord.idx"));

    let elsewhere = Shard { path: at("a.tfrecord"), index_path: Some(at("d/a.tfrecord.idx")) };
    assert_eq!(elsewhere.index_path_to_create(), at("d/a.tfrecord.idx"));
    assert_eq!(elsewhere.find_index().unwrap_err().os_error(), Some(libc::ENOENT));
    fs::write(at("d/a.tfindex"), "").unwrap();
    assert_eq!(elsewhere.find_index().unwrap(), at("d/a.tfindex"));
    // Not instead of an index that is missing.
    let named = Shard { path: at("a.tfrecord"), index_path: Some(at("d/shuffled.idx")) };
    let error = named.find_index().unwrap_err();
    assert_eq!(
        (error.path(), error.os_error()),
        (Some(&*at("d/shuffled.idx")), Some(libc::ENOENT))
    );

    fs::create_dir(at("empty")).unwrap();
    for (names, message) in [
        (&["empty"][..], "give a pattern of these names"),
        (&[], "no files are given: give at least one path"),
        (
            &["d", "d/b.tfrecord"],
            "b.tfrecord: is given twice, so its records would count twice; give it once",
        ),
        (&["d/b.tfrecord", "d/../d/b.tfrecord"], "b.tfrecord; give it once"),
    ] {
        let error = find(names).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().ends_with(message), "{error}");
    }
    let repeated = FindShards::new().allow_repeated(true);
    let shards = Shards::find([at("a.tfrecord"), at("a.tfrecord")], &repeated).unwrap();
    assert_eq!(shards.len(), 2);
}

#[test]
fn patterns_stand_for_the_files_that_match() {
    let files = Files::new(&[
        "a.tfrecord",
        "a.tfrecord.idx",
        "b.tfrecord",
        ".hidden.tfrecord",
        "c[1].tfrecord",
        "x{0,1}",
        "x0",
        "x1",
        "user@8",
        "d/one/t-0.rec",
        "d/one/t-1.rec",
        "d/one/t-0.tfindex",
        "d/two/deep/t-2.rec",
        "d/.none/t-3.rec",
    ]);
    symlink("d", files.at("link")).unwrap();
    symlink("nowhere", files.at("a-broken")).unwrap();
    for (pattern, found) in [
        ("*.tfrecord", &["a.tfrecord", "b.tfrecord", "c[1].tfrecord"][..]),
        ("a*", &["a-broken", "a.tfrecord"]),
        ("?.tfrecord", &["a.tfrecord", "b.tfrecord"]),
        ("[!a].tfrecord", &["b.tfrecord"]),
        (".h*", &[".hidden.tfrecord"]),
        ("c[1].tfrecord", &["c[1].tfrecord"]),
        ("c[[]1].tf*", &["c[1].tfrecord"]),
        ("x{0,1}", &["x{0,1}"]),
        ("x{1,0}", &["x1", "x0"]),
        ("x{0..1}", &["x0", "x1"]),
        ("user@8", &["user@8"]),
        ("d/*/t-?.rec", &["d/one/t-0.rec", "d/one/t-1.rec"]),
        ("d/**/t-*", &["d/one/t-0.rec", "d/one/t-1.rec", "d/two/deep/t-2.rec"]),
        ("d/**/**/deep/../deep/*", &["d/two/deep/../deep/t-2.rec"]),
        ("d/**/*/**/t-2.rec", &["d/two/deep/t-2.rec"]), // in two ways
        ("l*/o*/t-0.rec", &["link/one/t-0.rec"]),
        ("link/**/t-2.rec", &["link/two/deep/t-2.rec"]),
    ] {
        let found: Vec<_> = found.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(files.find(pattern), Ok(found), "{pattern}");
    }
    assert!(files.find("*/../b.tf*").unwrap_err().contains("is also given as"));
    for (pattern, message) in [
        ("*.rec", "*.rec: cannot find: No such file or directory (os error 2): no file matches this pattern"),
        ("none/*", "none/*: cannot find"),
        ("a.tfrecord/*", "a.tfrecord/*: cannot find"),
        ("x{0..2}", "x2: cannot find: No such file or directory (os error 2): "),
        ("y@8.rec", "no file is named like …-?????-of-00008.rec"),
        ("z@0", "z@0: a set has at least one file: give the number of its files"),
        ("z@00.rec", "z@00.rec: a set has at least one file"),
        ("{0..99999999}", "{0..99999999}: stands for more than 1000000 paths"),
    ] {
        let error = files.find(pattern).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
    // These are names, and to open the file fails.
    for name in ["none", "y[1", "z{a}", "z@x", "@8", "d/@8", "z@8/x"] {
        assert_eq!(files.find(name), Ok(vec![name.to_owned()]));
    }
}

#[test]
fn directories_that_match_are_searched_if_no_file_does() {
    let files = Files::new(&["d/one/a.tfrecord", "d/two/sub/b.tfrecord", "d/two/c.tfrecord"]);
    let all = ["d/one/a.tfrecord", "d/two/c.tfrecord", "d/two/sub/b.tfrecord"].map(str::to_owned);
    for pattern in ["d/*", "*", "d/*/", "d/**", "d/**/", "**", "d/{one,two}"] {
        assert_eq!(files.find(pattern), Ok(all.to_vec()), "{pattern}");
    }
    files.add("d/e");
    assert_eq!(files.find("d/*"), Ok(vec!["d/e".to_owned()]));
}

#[test]
fn a_pattern_of_names_says_what_is_data_in_a_directory() {
    let files = Files::new(&["d/a.tfr", "d/a.tfr.idx", "d/b.tfrecord", "d/sub/c.tfr", "d/.d.tfr"]);
    let find =
        |pattern: &str| files.found(files.shards(&["d"], &FindShards::new().pattern(pattern)));
    assert_eq!(find("*.tfr").unwrap(), ["d/a.tfr", "d/sub/c.tfr"]);
    assert_eq!(find("{a,c}*").unwrap(), ["d/a.tfr", "d/sub/c.tfr"]);
    assert_eq!(find("*").unwrap(), ["d/a.tfr", "d/b.tfrecord", "d/sub/c.tfr"]);
    for (pattern, message) in [
        ("*.rec", "d: contains no file whose name matches *.rec"),
        ("sub/*", "pattern sub/*: it is matched with names of files"),
        ("[a", "pattern [a: a [ needs a ]"),
        ("", "pattern : it is"),
    ] {
        let error = find(pattern).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn sets_that_are_searched_are_complete() {
    let name = |number: usize| format!("d/train-{number:05}-of-00008");
    let whole: Vec<_> = (0..8).map(name).collect();
    let files = Files::new(&whole.iter().map(String::as_str).collect::<Vec<_>>());
    let searches = ["d", "d/train-*", "d/train@8", "d/train@*", "d/train-?????-of-00008"];
    for search in searches.iter().chain(&["d/train-0000{0..7}-of-00008"]) {
        assert_eq!(files.find(search).as_ref(), Ok(&whole), "{search}");
    }
    assert!(files.find("d/train-0000[0-6]*").unwrap_err().starts_with("d/train-00007-of-00008: "));

    fs::remove_file(files.at(name(3))).unwrap();
    fs::remove_file(files.at(name(6))).unwrap();
    for search in searches {
        let error = files.find(search).unwrap_err();
        assert_eq!(
            error,
            "d/train-00003-of-00008: cannot find: No such file or directory (os error 2): the set of \
             d/train-00000-of-00008 has 8 files, and 2 are missing; restore what is missing, or use \
             option allow_missing"
        );
    }
    assert!(files.find("d/train-{00000..00007}-of-00008").unwrap_err().starts_with(&*name(3)));
    files.add("d/train-00001-of-00008.idx"); // indexes are no set of their own
    assert!(files.find("d/train*").unwrap_err().starts_with("d/train-00003-of-00008: "));
    let given: Vec<_> = [0, 1, 2, 4].map(name).into();
    let given: Vec<_> = given.iter().map(String::as_str).collect();
    let none = FindShards::new();
    assert_eq!(files.shards(&given, &none).unwrap().len(), 4);
    // With those that a pattern stands for, they are one set.
    let error = files.found(files.shards(&[&*name(0), "d/train-0000[12]*"], &none));
    assert!(error.unwrap_err().starts_with("d/train-00003-of-00008: "));

    let allow = FindShards::new().allow_missing(true);
    for search in ["d", "d/train@8", "d/train-{00000..00007}-of-00008"] {
        let shards = files.shards(&[search], &allow).unwrap();
        assert_eq!(shards.len(), 6);
        assert!(shards.incomplete()[0].contains("train-00003-of-00008: cannot find"));
        for note in shards.incomplete() {
            assert!(note.ends_with("2 are missing"), "{note}");
        }
    }
    // Who keeps what is missing has not allowed it.
    let kept = find_listed([files.at("d")], &FindShards::new()).unwrap();
    assert!(kept.incomplete()[0].ends_with("or use option allow_missing"));
}

#[test]
fn a_member_that_is_given_twice_is_no_other_file() {
    let files = Files::new(&["two/t-00000-of-00002", "two/t-00001-of-00002"]);
    let given = ["two/t@2", "two/t-00000-of-00002"];
    let error = files.found(files.shards(&given, &FindShards::new())).unwrap_err();
    let text =
        "two/t-00000-of-00002: is given twice, so its records would count twice; give it once";
    assert_eq!(error, text);
    let repeated = FindShards::new().allow_repeated(true);
    assert_eq!(files.shards(&given, &repeated).unwrap().len(), 3);
}

#[test]
fn numbers_of_files_agree_with_their_nouns() {
    let files = Files::new(&["t-1.rec", "u-1-of-1", "u-5-of-1"]);
    let error = files.find("t-{1,2}.rec").unwrap_err();
    assert!(error.ends_with("stands for it; of its files, 1 is missing"), "{error}");
    let error = files.find("t-{1,2,3}.rec").unwrap_err();
    assert!(error.ends_with("stands for it; of its files, 2 are missing"), "{error}");
    let error = files.find("u-*").unwrap_err();
    assert!(error.contains("too large for a set of 1 file: "), "{error}");
    write_manifest(&files.at("m.json"), &[files.at("none.rec")]);
    let allow = FindShards::new().allow_missing(true);
    let note = files.shards(&["m.json"], &allow).unwrap().incomplete()[0].clone();
    assert!(note.contains("m.json lists 1 file, and it is missing"), "{note}");
}

#[test]
fn files_of_another_set_do_not_belong() {
    let files =
        Files::new(&["a-0-of-2.rec", "a-1-of-2.rec", "a-2-of-3.rec", "b-1-of-2", "b-2-of-2"]);
    files.add("c-0-of-2");
    files.add("c-00-of-2");
    files.add("e-1-of-2");
    files.add("e-3-of-2");
    for (search, message) in [
        (
            "a-*",
            "a-2-of-3.rec: does not belong to the set of a-0-of-2.rec, which is beside it: remove \
                 the file, or name one set, as a@2.rec or a@3.rec",
        ),
        ("c-*", "has the same number in its set as"),
        (
            "e-*",
            "e-3-of-2: has a number that is too large for a set of 2 files: remove or rename it",
        ),
    ] {
        let error = files.find(search).unwrap_err();
        assert!(error.contains(message), "{error}");
        let allow = FindShards::new().allow_missing(true);
        let shards = files.shards(&[search], &allow).unwrap();
        assert!(shards.incomplete()[0].contains(&message[..20]), "{:?}", shards.incomplete());
    }
    assert_eq!(files.find("a-?-of-2.rec").unwrap(), ["a-0-of-2.rec", "a-1-of-2.rec"]);
    assert_eq!(files.find("b*").unwrap(), ["b-1-of-2", "b-2-of-2"]); // from 1
                                                                     // Hashes differ: these are not one set. Nor are directories.
    let apart = Files::new(&["t-0-of-2-ab.rec", "t-1-of-2-cd.rec", "u/t-0-of-1", "v/t-0-of-1"]);
    assert_eq!(apart.find("t*").unwrap().len(), 2);
    assert_eq!(apart.find("?/t*").unwrap().len(), 2);
}

#[test]
fn indexes_in_a_directory_mirror_the_data() {
    let files =
        Files::new(&["d/one/a.tfrecord", "d/two/a.tfrecord", "d/two/sub/b.tfrecord", "c.rec"]);
    let options = FindShards::new().index_dir("i");
    let places = |names: &[&str]| {
        let shards = files.shards(names, &options).unwrap();
        let place = |shard: &Shard| shard.index_path.clone().unwrap().display().to_string();
        shards.iter().map(place).collect::<Vec<_>>()
    };
    let in_two = ["i/a.tfrecord.idx", "i/sub/b.tfrecord.idx"];
    assert_eq!(places(&["d/two"]), in_two);
    assert_eq!(places(&["d/one/../two"]), in_two);
    assert_eq!(places(&["d/two/sub"]), ["i/b.tfrecord.idx"]);
    let all = ["i/one/a.tfrecord.idx", "i/two/a.tfrecord.idx", "i/two/sub/b.tfrecord.idx"];
    assert_eq!(places(&["d"]), all);
    assert_eq!(places(&["d/one", "d/two"]), all);
    assert_eq!(places(&["d/{one,two}"]), all);
    assert_eq!(places(&["d/**/*.tfrecord"]), all);
    assert_eq!(places(&["d/*/a.tfrecord"]), all[..2]);
    assert_eq!(places(&["d/tw*/a.tfrecord"]), all[1..2]);
    assert_eq!(places(&["d/two/a.tfrecord"]), in_two[..1]);
    assert_eq!(places(&["d/two/a.tfrecord", "c.rec"]), ["i/d/two/a.tfrecord.idx", "i/c.rec.idx"]);
}

#[test]
fn names_that_are_not_utf8_are_found() {
    let files = Files::new(&[]);
    let names: [&[u8]; 3] = [b"d\xff/a-\xfe.tfrecord", b"d\xff/a-\xfe.tfrecord.idx", b"d\xff/b"];
    names.iter().for_each(|name| files.add(OsStr::from_bytes(name)));
    let data = files.at(OsStr::from_bytes(names[0]));
    for pattern in
        [&b"d\xff"[..], b"d\xff/a*", b"*/*.tfrecord", b"d\xff/{a-\xfe.tf*,b}", b"**/a-?.*"]
    {
        let found = Shards::find([files.at(OsStr::from_bytes(pattern))], &FindShards::new());
        assert_eq!(found.unwrap()[0].path, data, "{pattern:?}");
    }
}

/// A manifest of files that do not exist, with 7 records each.
fn write_manifest(path: &Path, paths: &[PathBuf]) {
    let row = |path: &PathBuf| crate::ManifestRow {
        path: path.clone(),
        bytes: 500,
        records: 7,
        mtime_ns: None,
        index_path: Some(path.with_extension("index")),
        etag: None,
    };
    let rows = paths.iter().map(row).collect();
    crate::Manifest::from_rows(rows).unwrap().write(path).unwrap();
}

#[test]
fn a_manifest_stands_for_the_files_that_it_lists() {
    let files = Files::new(&["d/x/1.rec", "d/y/2.rec", "d/y/3.rec"]);
    let listed = ["d/y/2.rec", "d/x/1.rec", "d/none.rec"].map(|name| files.at(name));
    for name in ["m.manifest.json", "m.json"] {
        write_manifest(&files.at(name), &listed);
        let shards = files.shards(&[name, "d/y/3.rec"], &FindShards::new()).unwrap();
        let found: Vec<_> = shards.iter().map(|shard| shard.path.clone()).collect();
        assert_eq!(found, [&listed[..], &[files.at("d/y/3.rec")]].concat());
        assert_eq!(shards[0].index_path, Some(files.at("d/y/2.index")));
        let records = (0..4).map(|shard| shards.listed(shard).map(|listed| listed.records));
        assert_eq!(records.collect::<Vec<_>>(), [Some(7), Some(7), Some(7), None]);

        // The indexes mirror the directory that all files have in common.
        let options = FindShards::new().index_dir("idx");
        let shards = files.shards(&[name], &options).unwrap();
        assert_eq!(shards[1].index_path.as_deref(), Some(Path::new("idx/x/1.rec.idx")));
        let listed = shards.listed(1).unwrap();
        assert!(listed.has_given_index && listed.records == 7, "{listed:?}");

        let options = FindShards::new().allow_missing(true);
        let shards = files.shards(&[name], &options).unwrap();
        assert_eq!(shards.len(), 2);
        assert!(
            shards.incomplete()[0].contains("none.rec: cannot find"),
            "{:?}",
            shards.incomplete()
        );
        let kept = find_listed([files.at(name)], &FindShards::new()).unwrap();
        assert_eq!((kept.len(), kept.incomplete().len()), (3, 0));
    }
    let twice = files.shards(&["m.json", "d/x/1.rec"], &FindShards::new()).unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::InvalidArgument);
    fs::write(files.at("m.manifest.json"), "{}").unwrap();
    let error = files.shards(&["m.manifest.json"], &FindShards::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidManifest);
    // A file with another name is not opened.
    fs::copy(files.at("m.json"), files.at("m.tfrecord")).unwrap();
    assert_eq!(files.find("m.tfrecord").unwrap(), ["m.tfrecord"]);
    write_manifest(&files.at("m.json"), &[]);
    assert_eq!(files.find("m.json").unwrap(), [""; 0]);
}

#[test]
fn a_directory_has_the_files_that_tfds_lists() {
    let names = ["a-test.tfrecord-00000-of-00001", "a-train.tfrecord-00000-of-00002"];
    let files = Files::new(&[names[0], names[1], "features.json", "d/other.tfrecord"]);
    let splits = r#"[{"name": "train", "shardLengths": ["3", "4"], "numBytes": "9"},
        {"name": "test", "shardLengths": ["5"], "numBytes": "1"}]"#;
    let info = format!(r#"{{"name": "a", "splits": {splits}}}"#);
    fs::write(files.at("dataset_info.json"), &info).unwrap();
    let missing = "a-train.tfrecord-00001-of-00002: cannot find: No such file or directory (os \
                   error 2): dataset_info.json lists 3 files, and it is the only one that is \
                   missing; restore what is missing, or use option allow_missing";
    for name in ["", "dataset_info.json"] {
        assert_eq!(files.find(name), Err(missing.to_owned()));
    }
    let allowed = files.shards(&[""], &FindShards::new().allow_missing(true)).unwrap();
    assert_eq!((allowed.len(), allowed.incomplete().len()), (3, 1));
    assert!(allowed.lists().iter().all(|list| list.path == files.at("dataset_info.json")));
    let sums =
        |shards: &Shards| shards.lists().iter().map(|list| list.payload_bytes).collect::<Vec<_>>();
    assert_eq!(sums(&allowed), [None, Some(1)]);

    files.add("a-train.tfrecord-00001-of-00002");
    let shards = files.shards(&[""], &FindShards::new()).unwrap();
    let records = (0..4).map(|shard| shards.listed(shard).map(|listed| listed.records));
    assert_eq!(records.collect::<Vec<_>>(), [Some(5), Some(3), Some(4), None]);
    assert!(shards.notes()[0].ends_with("skipped 1 other file"), "{:?}", shards.notes());
    let train = FindShards::new().pattern("a-train*0-of*");
    let some = files.shards(&[""], &train).unwrap();
    assert_eq!((some.len(), sums(&some)), (1, vec![None, None]));

    // Files of other kinds that have this name.
    for (from, to) in [("[{", "{\"a\": [{"), ("{\"name\": \"a\"", "{\"fileFormat\": \"riegeli\"")] {
        fs::write(files.at("dataset_info.json"), info.replacen(from, to, 1)).unwrap();
        let shards = files.shards(&[""], &FindShards::new()).unwrap();
        assert!(shards.notes()[0].ends_with("so the files count as they are"));
        assert_eq!((shards.len(), shards.listed(0), shards.lists().len()), (4, None, 0));
        files.shards(&["dataset_info.json"], &FindShards::new()).unwrap_err();
    }
}
