//! A replaced file keeps its owner, group and mode, as far as the process has the right to set them. If
//! a file cannot be replaced, the error comes before the work. Only root can act as several users.

#![cfg(all(feature = "cli", target_os = "linux"))]

use std::ffi::CString;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use tfr_index::{Index, Options, RecordWriter};

#[path = "../support/child.rs"]
mod child;

/// Users and groups; they need no names.
const US: u32 = 40_001;
const OTHER: u32 = 40_002;
const GROUP: u32 = 40_003;

const OLD: &str = "0 16\n";

/// A directory that all may write to, with a TFRecord file and the program in it.
struct Place(tempfile::TempDir);

impl Place {
    /// None where the test cannot act as other users.
    fn new() -> Option<Place> {
        // SAFETY: the call only returns a number.
        if unsafe { libc::geteuid() } != 0 {
            println!("skipped: this takes root");
            return None;
        }
        let place = Place(tempfile::tempdir().unwrap());
        place.set(".", 0, 0, 0o777);
        fs::copy(env!("CARGO_BIN_EXE_tfr-index"), place.path("tfr-index")).unwrap();
        place.set("tfr-index", 0, 0, 0o755);
        fs::copy("tests/data/examples.tfrecord", place.path("x")).unwrap();
        place.set("x", 0, 0, 0o644);
        Some(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn set(&self, name: &str, user: u32, group: u32, mode: u32) {
        let path = CString::new(self.path(name).into_os_string().into_vec()).unwrap();
        // SAFETY: the path ends in NUL.
        assert_eq!(unsafe { libc::chown(path.as_ptr(), user, group) }, 0);
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    /// An old index.
    fn put(&self, user: u32, group: u32, mode: u32) {
        let _ = fs::remove_file(self.path("x.idx"));
        fs::write(self.path("x.idx"), OLD).unwrap();
        self.set("x.idx", user, group, mode);
    }

    fn found(&self, name: &str) -> (u32, u32, u32) {
        let metadata = fs::metadata(self.path(name)).unwrap();
        (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777)
    }

    /// Creates the index as a user who is in these groups.
    fn create_as(&self, user: u32, groups: &[u32]) -> Output {
        self.run_as(user, groups, &["create", "x"])
    }

    fn run_as(&self, user: u32, groups: &[u32], arguments: &[&str]) -> Output {
        let mut command = Command::new(self.path("tfr-index"));
        command.args(arguments).current_dir(&self.0);
        let groups = groups.to_vec();
        let become_user = move || {
            // SAFETY: system calls that read an array of numbers.
            let became = unsafe {
                libc::setgroups(groups.len(), groups.as_ptr()) == 0
                    && libc::setgid(user) == 0
                    && libc::setuid(user) == 0
            };
            if became {
                Ok(())
            } else {
                Err(std::io::Error::last_os_error())
            }
        };
        child::with_defaults(&mut command);
        // SAFETY: `become_user` makes system calls only, and allocates nothing.
        unsafe { command.pre_exec(become_user) };
        loop {
            match command.output() {
                // Another test's process was forked while the program was being copied, and has not
                // closed the copy yet.
                Err(error) if error.raw_os_error() == Some(libc::ETXTBSY) => {}
                output => return output.unwrap(),
            }
        }
    }

    /// Checks that the create was refused, and that only the old index is there.
    fn expect_refused(&self, output: &Output, why: &str) {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(why), "{stderr}");
        assert_eq!(fs::read_to_string(self.path("x.idx")).unwrap(), OLD);
        assert_eq!(fs::read_dir(&self.0).unwrap().count(), 3);
    }
}

#[test]
fn root_keeps_the_owner_of_all_that_it_replaces() {
    let Some(place) = Place::new() else { return };
    let (path, index_path) = (place.path("x"), place.path("x.idx"));
    for mode in [0o600, 0o640, 0o444, 0o666] {
        place.put(US, GROUP, mode);
        let index = Index::scan(&path, &Options::new()).unwrap();
        index.write(&index_path).unwrap();
        assert_eq!(place.found("x.idx"), (US, GROUP, mode));
        assert!(place.create_as(0, &[]).status.success());
        assert_eq!(place.found("x.idx"), (US, GROUP, mode));
        place.set("x", OTHER, GROUP, mode);
        let options = Options::new();
        for append in [true, false] {
            let writer = match append {
                true => RecordWriter::append(&path, &index_path, &options),
                false => RecordWriter::create(&path, &index_path, &options),
            };
            writer.unwrap().finish().unwrap();
            assert_eq!(place.found("x"), (OTHER, GROUP, mode));
            assert_eq!(place.found("x.idx"), (US, GROUP, mode));
        }
        fs::copy("tests/data/examples.tfrecord", &path).unwrap();
    }
}

#[test]
fn others_keep_what_they_may_and_give_nobody_more() {
    let Some(place) = Place::new() else { return };
    for (old, groups, expected) in [
        ((US, US, 0o640), &[][..], (US, US, 0o640)),
        ((US, GROUP, 0o664), &[GROUP], (US, GROUP, 0o664)),
        ((OTHER, GROUP, 0o660), &[GROUP], (US, GROUP, 0o660)),
        // Our group must not gain access that others did not have.
        ((US, GROUP, 0o660), &[], (US, US, 0o600)),
        ((US, GROUP, 0o604), &[], (US, US, 0o600)),
        ((OTHER, OTHER, 0o664), &[], (US, US, 0o644)),
    ] {
        let (user, group, mode) = old;
        place.put(user, group, mode);
        let output = place.create_as(US, groups);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(place.found("x.idx"), expected, "{old:?}");
        assert_eq!(fs::read_dir(&place.0).unwrap().count(), 3);
    }
}

#[test]
fn a_directory_that_forbids_it_is_named_before_the_work() {
    let Some(place) = Place::new() else { return };
    // Damage would give another error.
    fs::write(place.path("x"), "no records").unwrap();
    place.put(OTHER, OTHER, 0o666);
    place.set(".", 0, 0, 0o1777);
    place.expect_refused(&place.create_as(US, &[]), "the directory is sticky");
    place.set(".", 0, 0, 0o755);
    place.expect_refused(&place.create_as(US, &[]), "its directory must be writable");

    // The owner and root may replace it.
    fs::copy("tests/data/examples.tfrecord", place.path("x")).unwrap();
    place.set(".", 0, 0, 0o1777);
    for user in [OTHER, 0] {
        place.put(OTHER, OTHER, 0o644);
        assert!(place.create_as(user, &[]).status.success());
    }
    place.set(".", US, US, 0o1755);
    assert!(place.create_as(US, &[]).status.success());
}

#[test]
fn a_file_that_is_mounted_is_named_before_the_work() {
    let Some(place) = Place::new() else { return };
    let mount = "mount --bind other x.idx && exec ./tfr-index create x";
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", script]).current_dir(&place.0);
        child::with_defaults(&mut command).output()
    };
    place.put(0, 0, 0o644);
    fs::write(place.path("other"), OLD).unwrap();
    if !unshare("mount --bind other x.idx").is_ok_and(|output| output.status.success()) {
        println!("skipped: this takes a mount namespace");
        return;
    }
    fs::write(place.path("x"), "no records").unwrap();
    let output = unshare(mount).unwrap();
    assert_eq!(fs::read_to_string(place.path("other")).unwrap(), OLD);
    fs::remove_file(place.path("other")).unwrap();
    place.expect_refused(&output, "the file is a mount point");
}

#[test]
fn a_file_of_a_set_that_cannot_be_read_is_named() {
    let Some(place) = Place::new() else { return };
    for name in ["a.tfrecord", "b.tfrecord", "c.tfrecord"] {
        fs::copy(place.path("x"), place.path(name)).unwrap();
        place.set(name, US, US, 0o600);
    }
    for name in ["a.tfrecord", "c.tfrecord"] {
        assert!(place.run_as(US, &[], &["create", name]).status.success());
    }
    let run = |arguments: &[&str]| {
        let output = place.run_as(US, &[], arguments);
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        (output.status.code(), stdout, stderr)
    };
    assert_eq!(run(&["manifest", "-q", ".", "-o", "m.json"]).0, Some(0));
    // One of them has an index, and one has none.
    for name in ["b.tfrecord", "c.tfrecord"] {
        place.set(name, OTHER, OTHER, 0o600);
        for set in [".", "m.json"] {
            let (status, stdout, _) = run(&["ls", set]);
            assert_eq!(status, Some(1));
            let is_its = |line: &&str| line.ends_with(name);
            let line = stdout.lines().find(is_its).unwrap();
            assert!(line.contains("  unreadable  "), "{line}");
            for command in ["check", "show", "cat"] {
                let (status, _, stderr) = run(&[command, set]);
                let found = stderr.lines().find(|line| line.contains(name)).unwrap();
                assert_eq!(status, Some(1), "{command}");
                assert!(
                    found.starts_with("error: ") && found.contains("Permission denied"),
                    "{found}"
                );
            }
        }
        // Its records are counted in its index, if it has one.
        let (status, _, stderr) = run(&["manifest", ".", "-o", "n.json"]);
        let has_index = name == "c.tfrecord";
        assert_eq!(status, Some(i32::from(!has_index)), "{stderr}");
        assert_eq!((stderr.contains(name), place.path("n.json").exists()), (!has_index, has_index));
        place.set(name, US, US, 0o600);
    }
}
