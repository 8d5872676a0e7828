//! Files at URLs, which the Python package reads.

use std::fs;
use std::process::Command;

use crate::programs::{ended, folder_with};

#[test]
fn without_python_the_program_says_what_to_install() {
    let folder = folder_with(&[("list", b"x\ns3://bucket/x\n")]);
    for (arguments, is_read_by_python) in [
        (&["create", "s3://bucket/x"][..], true),
        (&["create", "--files-from", "list"], true),
        (&["create", "list", "-o", "s3://bucket/x.idx"], true),
        (&["check", "s3://bucket/x", "--json"], true),
        (&["ls", "https://host/x"], true),
        (&["cat", "s3://bucket/x", "5"], true),
        (&["manifest", "s3://bucket/x", "-o", "m.json"], true),
        (&["manifest", "--refresh", "-o", "s3://bucket/m.json"], true),
        (&["report", "s3://bucket/x", "-o", "x.html"], true),
        (&["show", "s3://bucket/x"], false),
        (&["features", "s3://bucket/x"], false),
        (&["reshard", "s3://bucket/x", "-o", "out", "--shards", "2"], false),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
        let command = command.args(arguments).current_dir(folder.path()).env("PATH", "");
        let (status, stdout, stderr) = ended(&command.output().unwrap());
        assert_eq!((status, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
        assert!(
            stderr.contains(": this is a URL, and the command reads local files; "),
            "{stderr}"
        );
        let pip = "pip install \"tfr-index[remote]\"";
        assert_eq!(stderr.contains(pip), is_read_by_python, "{stderr}");
        assert_eq!(stderr.contains("; copy the file"), !is_read_by_python, "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1); // nothing was created
}
