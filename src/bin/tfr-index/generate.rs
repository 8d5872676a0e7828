//! `tfr-index generate`: manual pages and completions, for those who install the program.

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

/// Make manual pages and completions, to install them
#[derive(Subcommand)]
pub enum Generate {
    /// Write the manual pages, one for each command
    Man {
        /// An existing directory
        directory: PathBuf,
    },
    /// Print a shell's completions
    Completions { shell: Shell },
}

impl Generate {
    pub fn run(self, program: Command) -> ExitCode {
        for_each([self], |what| succeed(print(&generate(what, program.clone())?)))
    }
}

/// Returns what is to be printed.
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
        // What the help says at its end has its own places in a manual page, which is ASCII: it is
        // read where there is nothing else, too.
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
    // Shells would offer what the help hides. (The version is for --version to be there.)
    let mut visible = Command::new("tfr-index").version("").subcommands(shown(&program));
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut visible, "tfr-index", &mut script);
    Ok(String::from_utf8(script)?)
}

fn shown(program: &Command) -> impl Iterator<Item = &Command> {
    program.get_subcommands().filter(|command| !command.is_hide_set())
}
