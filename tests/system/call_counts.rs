//! How many system calls a file costs: on a network each may be a round trip.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::frames::frame;

use crate::child;

/// A directory of data files, and the library that counts calls.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        let mut gcc = Command::new("gcc");
        gcc.args(["-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC"]);
        gcc.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c/faulty.c"));
        assert!(gcc.args(["-ldl", "-o"]).arg(place.path("faulty.so")).status().unwrap().success());
        fs::create_dir(place.path("data")).unwrap();
        for number in 0..=MORE {
            fs::write(place.path("data").join(number.to_string()), frame(b"x").repeat(100))
                .unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        fs::canonicalize(&self.0).unwrap().join(name)
    }

    /// A command's calls for files in the directory: all of them, and those that reach the file
    /// system.
    fn count(&self, arguments: &[&str], files: usize) -> [usize; 2] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
        command.args(arguments).args((0..files).map(|number| number.to_string()));
        command.current_dir(self.path("data")).stdout(Stdio::null());
        command.env("LD_PRELOAD", self.path("faulty.so"));
        command.env("FAULTY_FOLDER", self.path("data")).env("FAULTY_COUNTS", self.path("counts"));
        assert!(child::with_defaults(&mut command).status().unwrap().success());
        let counts = fs::read_to_string(self.path("counts")).unwrap();
        let counts = counts.lines().map(|line| line.split_once(' ').unwrap());
        // An unoptimized standard library checks that a descriptor is open before it closes it.
        let counts = counts.filter(|(name, _)| !name.starts_with("fcntl"));
        let all: Vec<(&str, usize)> =
            counts.map(|(name, count)| (name, count.parse().unwrap())).collect();
        let heard = all.iter().filter(|(name, _)| !["close", "flock"].contains(name));
        [all.iter().map(|(_, count)| count).sum(), heard.map(|(_, count)| count).sum()]
    }

    /// The calls for one more file.
    fn count_each(&self, arguments: &[&str], before: impl Fn(&Path)) -> [usize; 2] {
        let counts = [1, 1 + MORE].map(|files| {
            (0..files).for_each(|number| before(&self.path("data").join(format!("{number}.idx"))));
            self.count(arguments, files)
        });
        let each = [0, 1].map(|which| (counts[1][which] - counts[0][which] + MORE - 1) / MORE);
        println!("{arguments:?}: {} calls for each file, {} for its file system", each[0], each[1]);
        each
    }
}

const MORE: usize = 10;

#[test]
fn a_file_takes_few_calls() {
    let place = Place::new();
    let remove = |index: &Path| drop(fs::remove_file(index));
    let [all, heard] = place.count_each(&["create"], remove);
    assert!(all <= 40 && heard <= 30, "{all} {heard}");
    let [all, heard] = place.count_each(&["create"], |_| {}); // which replaces
    assert!(all <= 55 && heard <= 45, "{all} {heard}");
    let [all, heard] = place.count_each(&["check"], |_| {});
    assert!(all <= 25 && heard <= 20, "{all} {heard}");
    // A reader opens the index beside the file.
    let [all, heard] = place.count(&["cat"], 1);
    assert!(all <= 25 && heard <= 20, "{all} {heard}");
}
