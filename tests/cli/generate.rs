//! Manual pages and completions, compared with the program's help.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::programs::{ended, tfr_index};

/// A command's help.
fn help(arguments: &[&str]) -> String {
    let (status, stdout, stderr) = ended(&tfr_index(Path::new("."), arguments));
    assert_eq!((status, stderr.as_str()), (0, ""));
    stdout
}

/// The commands of the short help: the first words of the lines under "Commands:".
fn commands() -> Vec<String> {
    let help = help(&["-h"]);
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = lines.map_while(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// The options that a text names, as "--seed".
fn options(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_lowercase() && c != '-');
    words.filter(|word| word.len() > 2 && word.starts_with("--")).collect()
}

#[test]
fn every_command_and_option_has_its_place_in_a_page() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(help(&["generate", "man", folder.path().to_str().unwrap()]), "");
    let page = |name: &str| {
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(text.is_ascii(), "{text}");
        text.replace("\\-", "-").replace("\\*(Aq", "'")
    };
    let main = page("tfr-index.1");
    for heading in ["NAME", "DESCRIPTION", "SUBCOMMANDS", "EXAMPLES", "EXIT STATUS", "VERSION"] {
        assert!(main.contains(&format!("\n.SH {heading}\n")), "{heading}: {main}");
    }
    assert!(!main.contains("Exit status"), "{main}");
    assert!(main.contains(&format!("\"tfr-index {}\"", env!("CARGO_PKG_VERSION"))), "{main}");

    let commands = commands();
    assert!(commands.len() > 10 && !commands.contains(&"generate".to_owned()), "{commands:?}");
    for command in &commands {
        assert!(main.contains(&format!("\ntfr-index-{command}(1)\n")), "{command}: {main}");
        let (help, page) = (help(&[command, "--help"]), page(&format!("tfr-index-{command}.1")));
        assert!(options(&help).is_subset(&options(&page)), "{command}: {page}");
        assert!(help.contains("\nExamples:\n  tfr-index ") || command == "concat", "{help}");
        assert!(page.contains("\n.SH EXAMPLES\n"), "{command}: {page}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1 + commands.len());

    if Command::new("man").arg("--version").output().is_ok() {
        for page in fs::read_dir(folder.path()).unwrap() {
            let mut man = Command::new("man");
            man.args(["--warnings", "-l"]).arg(page.unwrap().path()).env("MANWIDTH", "80");
            let (status, stdout, stderr) = ended(&man.output().unwrap());
            assert!(status == 0 && stderr.is_empty() && !stdout.is_empty(), "{man:?}: {stderr}");
        }
    }
}

#[test]
fn a_page_that_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let output = tfr_index(folder.path(), &["generate", "man", "missing"]);
    let (status, stdout, stderr) = ended(&output);
    assert_eq!((status, stdout.as_str()), (1, ""));
    assert!(stderr.starts_with("error: missing/tfr-index-create.1: "), "{stderr}");
}

/// What bash offers to complete the line's last word.
fn bash_completes(line: &[&str]) -> Vec<String> {
    let script = r#"
        source <(printf %s "$SCRIPT")
        [[ $(complete -p tfr-index) =~ -F\ ([^ ]+) ]]
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        "${BASH_REMATCH[1]}" tfr-index "${@: -1}" "${@: -2:1}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-euc", script, "bash"]).args(line);
    bash.env("SCRIPT", help(&["generate", "completions", "bash"]));
    let (status, stdout, stderr) = ended(&bash.output().unwrap());
    assert_eq!((status, stderr.as_str()), (0, ""), "{line:?}");
    stdout.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    assert_eq!(bash_completes(&["tfr-index", "cre"]), ["create"]);
    assert_eq!(bash_completes(&["tfr-index", "create", "--sal"]), ["--salvage"]);
    let policies = bash_completes(&["tfr-index", "create", "--checksums", ""]);
    assert_eq!(policies, ["auto", "none", "length", "full"]);
    let offered = bash_completes(&["tfr-index", ""]);
    assert!(commands().iter().all(|command| offered.contains(command)), "{offered:?}");
    assert!(!offered.contains(&"generate".to_owned()), "{offered:?}");
}

#[test]
fn the_other_shells_know_the_commands() {
    for (shell, start, before, behind) in [
        ("zsh", "#compdef tfr-index\n", "\n'", ":"),
        ("fish", "# Print an optspec", " -a \"", "\""),
    ] {
        let script = help(&["generate", "completions", shell]);
        assert!(script.starts_with(start), "{script}");
        for command in commands() {
            assert!(script.contains(&format!("{before}{command}{behind}")), "{shell}: {command}");
        }
        // The shell can parse it, if it is installed.
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("script");
        fs::write(&file, script).unwrap();
        if let Ok(output) = Command::new(shell).arg("-n").arg(file).output() {
            assert_eq!(ended(&output), (0, String::new(), String::new()));
        }
    }
}
