//! Writes a file in the background.

use std::mem;
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

use super::Data;
use crate::error::{Error, ErrorKind, Result};
use crate::fork::Owner;
use crate::threads;

/// Writes a full buffer while the caller fills the next one. A thread does this from the first full
/// buffer on, or the caller if no thread can be started.
pub(super) struct Background {
    /// `None` while the thread has the file, and after the thread panicked.
    file: Option<Data>,
    thread: Option<Thread>,
    owner: Owner,
}

/// The writing thread. The file is sent to it with each buffer, and comes back with the buffer.
struct Thread {
    full: SyncSender<(Data, Vec<u8>)>,
    written: Receiver<(Data, Vec<u8>, Result<()>)>,
    /// The buffer that the thread does not have.
    spare: Vec<u8>,
    handle: JoinHandle<()>,
}

impl Background {
    pub fn new(file: Data) -> Background {
        Background { file: Some(file), thread: None, owner: Owner::this_process() }
    }

    /// Sends a buffer to the thread and replaces it by an empty one. An error may be that of the
    /// previous buffer.
    pub fn write(&mut self, buffer: &mut Vec<u8>) -> Result<()> {
        self.wait()?;
        if self.thread.is_none() {
            self.thread = Thread::start(buffer.capacity());
        }
        let Some(thread) = &mut self.thread else { return self.flush(buffer, &[]) };
        let full = mem::replace(buffer, mem::take(&mut thread.spare));
        // Sending fails only if the thread panicked, which the next wait reports.
        if let Some(file) = self.file.take() {
            let _ = thread.full.send((file, full));
        }
        Ok(())
    }

    /// Writes the buffer, then `more`, and empties the buffer. Afterwards the thread is idle.
    pub fn flush(&mut self, buffer: &mut Vec<u8>, more: &[u8]) -> Result<()> {
        self.wait()?.write_both(buffer, more)?;
        buffer.clear();
        Ok(())
    }

    /// Returns the file, once everything is written and the thread has ended.
    pub fn into_file(mut self) -> Result<Data> {
        self.wait()?;
        self.file.take().ok_or_else(panicked)
    }

    /// Returns the file, once the thread has written its buffer.
    pub fn wait(&mut self) -> Result<&mut Data> {
        self.owner.check()?;
        if let (None, Some(thread)) = (&self.file, &mut self.thread) {
            if let Ok((file, buffer, result)) = thread.written.recv() {
                self.file = Some(file);
                thread.spare = buffer;
                result?;
            }
        }
        self.file.as_mut().ok_or_else(panicked)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        if !self.owner.is_this_process() {
            return mem::forget(thread); // it is not in this process; its locks may be held for ever
        }
        let Thread { full, handle, written, .. } = thread;
        drop(full);
        let _ = handle.join();
        drop(written); // drops the file, if the thread sent it back
    }
}

impl Thread {
    /// Returns `None` if there is no memory, or no thread can be started.
    fn start(room: usize) -> Option<Thread> {
        let mut spare = Vec::new();
        spare.try_reserve_exact(room).ok()?;
        let (full, buffers) = sync_channel::<(Data, Vec<u8>)>(1);
        let (back, written) = sync_channel(1);
        let work = move || {
            for (mut file, mut buffer) in buffers {
                let result = file.write_both(&buffer, &[]);
                buffer.clear();
                let _ = back.send((file, buffer, result));
            }
        };
        let handle = thread::Builder::new().name(threads::NAME.into()).spawn(work).ok()?;
        Some(Thread { full, written, spare, handle })
    }
}

fn panicked() -> Error {
    Error::new(
        ErrorKind::Panic,
        "a bug in tfr-index, please report it: the writing thread panicked",
    )
}
