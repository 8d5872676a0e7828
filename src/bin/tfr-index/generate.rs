//! `tfr-index generate`: writes manual pages and completions, for packagers.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Command, Subcommand};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::each::{for_each, succeed};
use crate::output::OutputFile;
use crate::shared::stdio::print;

/// Generate manual pages and shell completions
#[derive(Subcommand)]
pub enum Generate {
    /// Write one manual page for each command
    Man {
        /// An existing directory
        directory: PathBuf,
    },
    /// Print the completions of a shell
    Completions { shell: Shell },
}

impl Generate {
    pub fn run(self, program: Command) -> ExitCode {
        for_each([self], |what| succeed(print(&generate(what, program.clone())?)))
    }
}

/// Returns the text to print.
fn generate(what: Generate, program: Command) -> anyhow::Result<String> {
    match what {
        Generate::Man { directory } => write_pages(program, &directory).map(|()| String::new()),
        Generate::Completions { shell } => completions(program, shell),
    }
}

fn write_pages(program: Command, directory: &Path) -> anyhow::Result<()> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let source = program.render_version();
    for command in shown(&program).chain([&program]) {
        let page = Man::new(command.clone()).source(source.trim_end());
        let mut text = Vec::new();
        page.render(&mut text)?;
        // Manual pages have sections for the end of the help. The text is ASCII, because it must be
        // readable on any terminal.
        let text = String::from_utf8(text)?
            .replace('…', "...")
            .replace(".SH EXTRA\nExamples:\n", ".SH EXAMPLES\n")
            .replace("\nExit status:\n", ".SH EXIT STATUS\n");
        let path = directory.join(page.get_filename());
        let mut file = OutputFile::create(&path)?;
        file.write_all(text.as_bytes()).with_context(|| path.display().to_string())?;
        file.replace()?;
    }
    Ok(())
}

fn completions(program: Command, shell: Shell) -> anyhow::Result<String> {
    // Without hidden commands, which shells would offer. (The version makes --version appear.)
    let mut visible = Command::new("tfr-index").version("").subcommands(shown(&program));
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut visible, "tfr-index", &mut script);
    Ok(String::from_utf8(script)?)
}

fn shown(program: &Command) -> impl Iterator<Item = &Command> {
    program.get_subcommands().filter(|command| !command.is_hide_set())
}
