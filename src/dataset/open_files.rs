//! The files of a data set, of which only some are open at the same time.

use std::collections::HashSet;
use std::mem;
use std::ops::Deref;
use std::sync::MutexGuard;

use super::least_recent::LeastRecent;
use crate::error::{Error, Result};
use crate::fork::{Here, Inherit, Local};
use crate::reader::{Reader, Table};

const TOO_MANY: &str = ": the process or the system has too many open files, and none of them \
                        belongs to this data set: raise the limit (ulimit -n), or lower the number \
                        of files that other data sets may open";

/// The readers of files, which have at most `most` files open at the same time, and their tables, which
/// take at most `memory` bytes. The least recently used ones go. If all files are in use, the
/// thread that needs another one waits.
pub(super) struct OpenFiles {
    local: Local<State>,
    most: usize,
    memory: u64,
}

#[derive(Default)]
struct State {
    /// What is known of each file.
    files: Vec<Option<File>>,
    /// The files that threads are opening.
    opening: HashSet<usize>,
    /// How many files are open, with seek files.
    open: usize,
    /// The most files that a reader had open so far: a compressed file may have a seek file.
    per_reader: usize,
    /// The open files that no thread uses.
    idle: LeastRecent,
    /// The files that no thread uses, open or closed.
    unused: LeastRecent,
    /// Counts uses.
    time: u64,
    /// How much memory the tables take.
    memory: u64,
    /// How many threads wait for a change.
    waiting: usize,
    /// Whether a thread waits until it can open a file while no other is open.
    is_alone: bool,
}

/// A file that was opened, and may be closed again.
struct File {
    table: Table,
    reader: Option<Reader>,
    users: usize,
    /// The time of the last use, if no thread uses the file now.
    used_at: u64,
}

/// A thread's use of a file, which stays open meanwhile. A thread uses one file at a time: if it
/// waited for a second one, threads could wait for each other.
pub(super) struct Use<'a> {
    files: &'a OpenFiles,
    here: &'a Here<State>,
    file: usize,
    /// `None` only while this is dropped.
    reader: Option<Reader>,
}

impl OpenFiles {
    pub fn new(most: usize, memory: u64) -> OpenFiles {
        OpenFiles { local: Local::new(State::default()), most, memory }
    }

    /// Returns the reader of a file, which `open` opens if necessary; it gets the file's table, if
    /// that is known. If the process or the system has too many open files, this closes others, in
    /// the end all of them.
    pub fn get(
        &self,
        file: usize,
        open: impl Fn(Option<&Table>) -> Result<Reader>,
    ) -> Result<Use<'_>> {
        let here = self.local.here();
        let mut is_alone = false;
        let mut state = here.lock();
        loop {
            // These are closed while the state is not locked.
            let mut closed = Vec::new();
            loop {
                if let Some(reader) = state.begin_use(file) {
                    if is_alone {
                        // Another thread had begun to open it before.
                        state.is_alone = false;
                        state.wake(here);
                    }
                    drop(state);
                    return Ok(Use { files: self, here, file, reader: Some(reader) });
                }
                if state.may_open(file, is_alone, self.most, &mut closed) {
                    break;
                }
                state = wait(here, state);
            }
            state.opening.insert(file);
            let table = state.known(file).map(|known| known.table.clone());
            drop(state);
            let opening = Opening { here, file, is_alone };
            drop(closed);
            let opened = open(table.as_ref());
            mem::forget(opening);
            state = here.lock();
            state.end_opening(here, file, is_alone);
            let error = match opened {
                Ok(reader) => {
                    let table = reader.table();
                    state.add(file, table, Some(reader.clone()));
                    let mut closed = state.free_memory(self.memory);
                    // The first ones with a seek file had room for one file.
                    while state.open + state.opening.len() > self.most {
                        let Some(oldest) = state.close_oldest() else { break };
                        closed.push(oldest);
                    }
                    drop(state);
                    drop(closed);
                    return Ok(Use { files: self, here, file, reader: Some(reader) });
                }
                Err(error) => error,
            };
            match is_too_many(&error) {
                true if is_alone => return Err(error.adding(TOO_MANY)),
                true => {}
                false => return Err(error),
            }
            let oldest = state.close_oldest();
            if oldest.is_none() {
                while state.is_alone {
                    state = wait(here, state);
                }
                (state.is_alone, is_alone) = (true, true);
            }
            drop(state);
            drop(oldest);
            state = here.lock();
        }
    }

    /// Returns the tables of files, as far as they are known.
    pub fn tables(&self, files: impl Iterator<Item = usize>) -> Vec<Option<Table>> {
        let mut state = self.local.here().lock();
        let is_limited = self.memory < u64::MAX;
        let mut table = |file| {
            if is_limited {
                state.note_use(file);
            }
            Some(state.known(file)?.table.clone())
        };
        files.map(&mut table).collect()
    }

    /// Closes the files that no thread uses. They are opened again when they are needed.
    pub fn close(&self) {
        let here = self.local.here();
        let mut state = here.lock();
        let mut closed = Vec::new();
        while let Some(reader) = state.close_oldest() {
            closed.push(reader);
        }
        state.wake(here);
        drop(state);
        drop(closed);
    }

    /// How many files are open.
    #[cfg(test)]
    pub fn open(&self) -> usize {
        self.local.here().lock().open
    }

    /// How many tables there are.
    #[cfg(test)]
    pub fn known(&self) -> usize {
        self.local.here().lock().files.iter().flatten().count()
    }
}

fn wait<'a>(here: &Here<State>, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    state.waiting += 1;
    state = here.wait(state);
    state.waiting -= 1;
    state
}

/// Says that a file is being opened, even if that panics.
struct Opening<'a> {
    here: &'a Here<State>,
    file: usize,
    is_alone: bool,
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        if self.here.is_this_process() {
            self.here.lock().end_opening(self.here, self.file, self.is_alone);
        }
    }
}

impl Deref for Use<'_> {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        self.reader.as_ref().expect("the file is in use")
    }
}

impl Drop for Use<'_> {
    fn drop(&mut self) {
        self.reader = None; // first: whoever closes the file then closes it at once
        if self.here.is_this_process() {
            let mut state = self.here.lock();
            state.end_use(self.file);
            let closed = state.free_memory(self.files.memory);
            state.wake(self.here);
            drop(state);
            drop(closed);
        }
    }
}

impl State {
    fn wake(&self, here: &Here<State>) {
        if self.waiting > 0 {
            here.notify_all();
        }
    }

    /// Whether a thread may open this file now. Closes others to make room.
    fn may_open(
        &mut self,
        file: usize,
        is_alone: bool,
        most: usize,
        closed: &mut Vec<Reader>,
    ) -> bool {
        if is_alone {
            while let Some(reader) = self.close_oldest() {
                closed.push(reader);
            }
            return self.open == 0 && self.opening.is_empty();
        }
        if self.is_alone || self.opening.contains(&file) {
            return false;
        }
        let opening = (self.opening.len() + 1) * self.per_reader.max(1);
        while self.open + opening > most && self.open + self.opening.len() > 0 {
            match self.close_oldest() {
                Some(oldest) => closed.push(oldest),
                None => return false,
            }
        }
        true
    }

    fn end_opening(&mut self, here: &Here<State>, file: usize, is_alone: bool) {
        self.opening.remove(&file);
        if is_alone {
            self.is_alone = false;
        }
        self.wake(here);
    }

    fn known(&mut self, file: usize) -> Option<&mut File> {
        self.files.get_mut(file)?.as_mut()
    }

    /// Adds a file that was opened and is in use.
    fn add(&mut self, file: usize, table: Table, reader: Option<Reader>) {
        self.forget(file);
        self.memory += table.bytes();
        let open = reader.as_ref().map_or(0, Reader::open_files);
        self.open += open;
        self.per_reader = self.per_reader.max(open);
        if self.files.len() <= file {
            self.files.resize_with(file + 1, || None);
        }
        self.files[file] = Some(File { table, reader, users: 1, used_at: 0 });
    }

    /// Forgets a file that no thread uses. Returns its reader.
    fn forget(&mut self, file: usize) -> Option<Reader> {
        let File { table, reader, .. } = self.files.get_mut(file)?.take()?;
        self.memory -= table.bytes();
        self.open -= reader.as_ref().map_or(0, Reader::open_files);
        reader
    }

    fn begin_use(&mut self, file: usize) -> Option<Reader> {
        let known = self.known(file)?;
        let reader = known.reader.clone()?;
        known.users += 1;
        Some(reader)
    }

    fn end_use(&mut self, file: usize) {
        if let Some(known) = self.known(file) {
            known.users -= 1;
            self.note_use(file);
        }
    }

    /// Notes a use of a file, if it is over.
    fn note_use(&mut self, file: usize) {
        self.time += 1;
        let time = self.time;
        match self.known(file) {
            Some(known) if known.users == 0 => known.used_at = time,
            _ => return,
        }
        let State { files, idle, unused, .. } = self;
        unused.push(time, file, |time, file| last_use(files, time, file).is_some());
        idle.push(time, file, |time, file| is_idle(files, time, file));
    }

    /// Closes the least recently used file, and returns its reader.
    fn close_oldest(&mut self) -> Option<Reader> {
        let State { files, idle, .. } = self;
        let file = idle.pop(|time, file| is_idle(files, time, file))?;
        let reader = self.known(file)?.reader.take()?;
        self.open -= reader.open_files();
        Some(reader)
    }

    /// Forgets the least recently used tables if they take too much memory. Returns the readers of
    /// their files.
    fn free_memory(&mut self, most: u64) -> Vec<Reader> {
        let mut closed = Vec::new();
        while self.memory > most {
            let State { files, unused, .. } = self;
            let last_use = |time, file| last_use(files, time, file).is_some();
            let Some(file) = unused.pop(last_use) else { break };
            closed.extend(self.forget(file));
        }
        closed
    }
}

/// Returns an unused file, if its last use was at this time.
fn last_use(files: &[Option<File>], time: u64, file: usize) -> Option<&File> {
    files[file].as_ref().filter(|known| known.users == 0 && known.used_at == time)
}

/// Whether an unused file is open, and its last use was at this time.
fn is_idle(files: &[Option<File>], time: u64, file: usize) -> bool {
    last_use(files, time, file).is_some_and(|known| known.reader.is_some())
}

impl Inherit for State {
    /// Takes over the files and tables. The threads that used them or opened more do not exist.
    fn inherit(&mut self, parents: State) {
        let files = parents.files.into_iter().enumerate();
        let mut files: Vec<_> = files.filter_map(|(file, known)| Some((file, known?))).collect();
        files.sort_unstable_by_key(|(_, known)| known.used_at);
        for (file, known) in files {
            if self.known(file).is_some() {
                continue;
            }
            let reader = match known.reader {
                Some(reader) if !reader.outlives_fork() => {
                    // The descriptor or the connection is not the reader's to close.
                    mem::forget(reader);
                    None
                }
                reader => reader,
            };
            self.add(file, known.table, reader);
            self.end_use(file);
        }
    }
}

/// Whether an error says that too many files are open.
pub(super) fn is_too_many(error: &Error) -> bool {
    matches!(error.os_error(), Some(libc::EMFILE | libc::ENFILE))
}
