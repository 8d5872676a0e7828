//! Hands a command line with URLs to the Python package, which has a client for them.

use std::env;
use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use tfr_index::internal::is_url;

use crate::shared::stdio::note;

/// The exit status of usage errors.
const USAGE: i32 = 2;

/// Runs the command in Python. The first argument is the message if that cannot be imported.
///
/// The working directory is left out of the search for modules: a file of data may have a name of
/// one. Until the package handles it, Ctrl-C ends the process, without a traceback.
const CODE: &str = "\
import sys, _signal
if sys.path[:1] == ['']:
    del sys.path[0]
if callable(_signal.getsignal(_signal.SIGINT)):
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
try:
    import obstore
    from tfr_index._command import main
except ImportError as error:
    sys.stderr.write(f'{sys.argv[1]} ({sys.executable}: {error})\\n')
    sys.exit(2)
main(sys.argv[2:])
";

static READS_URLS: AtomicBool = AtomicBool::new(false);

/// Says whether the Python package has the command that is to be run.
pub fn set_reads_urls(reads_urls: bool) {
    READS_URLS.store(reads_urls, Ordering::Relaxed);
}

/// The first path that is a URL, and not the path of a local file.
pub fn find<P: AsRef<Path>>(mut paths: impl Iterator<Item = P>) -> Option<P> {
    paths.find(|path| is_url(path.as_ref()) && !path.as_ref().exists())
}

/// Hands the command over if one of the paths is a URL.
pub fn ensure_local<P: AsRef<Path>>(paths: impl Iterator<Item = P>) -> anyhow::Result<()> {
    find(paths).map_or(Ok(()), |url| hand_over(url.as_ref(), None))
}

/// Replaces this process by one of Python that does the same command. Signals, pipes and the exit
/// status are those of one process. `stdin` is what was read from standard input.
///
/// Ends the program if the Python package does not have the command, or is not installed.
pub fn hand_over(url: &Path, stdin: Option<&[u8]>) -> anyhow::Result<()> {
    let url = url.display();
    if !READS_URLS.load(Ordering::Relaxed) {
        refuse(&format!(
            "{url}: this is a URL, and the command reads local files; copy the file, or write some of \
             its records to a file: tfr-index cat {url} 0-9 --frames -o FILE"
        ));
    }
    let missing = format!(
        "{url}: this is a URL, and the command reads local files; the Python package reads URLs: pip \
         install \"tfr-index[remote]\""
    );
    let python = python();
    let mut command = Command::new(&python);
    command.args(["-c", CODE, &format!("error: {missing}")]);
    command.args(env::args_os().skip(1));
    if let Some(content) = stdin {
        command.stdin(unread(content).context("cannot keep the list that stdin had")?);
    }
    let error = command.exec();
    refuse(&format!("{missing} ({}: {error})", python.display()))
}

/// The interpreter of the environment that this program is installed in: pip, pipx, uv and conda put
/// both into one directory. If there is none, as beside a program of Cargo or of `pip install
/// --user`, the one that `pip install` most likely means.
fn python() -> PathBuf {
    let program = env::current_exe().and_then(fs::canonicalize).ok();
    let beside = |name| Some(program.as_ref()?.with_file_name(name));
    let mut names = ["python3", "python"].into_iter().filter_map(beside);
    names.find(|path| path.is_file()).unwrap_or_else(|| "python3".into())
}

/// A file from which the content can be read again.
fn unread(content: &[u8]) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}

fn refuse(message: &str) -> ! {
    note(&format_args!("error: {message}"));
    process::exit(USAGE)
}
