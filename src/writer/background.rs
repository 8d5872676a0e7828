//! A file that is written to in the background.

use std::mem;
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

use super::Data;
use crate::error::{Error, ErrorKind, Result};
use crate::fork::Owner;
use crate::threads;

/// Writes a full buffer to a file while the next one is filled. A thread does, from the first full
/// buffer on; the caller, where the system has no thread to spare.
pub(super) struct Background {
    /// None while the thread has it, and after a panic there.
    file: Option<Data>,
    thread: Option<Thread>,
    owner: Owner,
}

/// The file goes to the thread with each buffer, and comes back with it.
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

    /// Has a buffer written, and puts an empty one in its place. An error may be that of the buffer
    /// before.
    pub fn write(&mut self, buffer: &mut Vec<u8>) -> Result<()> {
        self.wait()?;
        if self.thread.is_none() {
            self.thread = Thread::start(buffer.capacity());
        }
        let Some(thread) = &mut self.thread else { return self.flush(buffer, &[]) };
        let full = mem::replace(buffer, mem::take(&mut thread.spare));
        // It ends before it is told to only by a panic, which the next wait finds.
        if let Some(file) = self.file.take() {
            let _ = thread.full.send((file, full));
        }
        Ok(())
    }

    /// Writes what is in the buffer, and `more` behind it, and empties the buffer. Nothing is under
    /// way then.
    pub fn flush(&mut self, buffer: &mut Vec<u8>, more: &[u8]) -> Result<()> {
        self.wait()?.write_both(buffer, more)?;
        buffer.clear();
        Ok(())
    }

    /// The file, when nothing is under way and the thread is gone.
    pub fn into_file(mut self) -> Result<Data> {
        self.wait()?;
        self.file.take().ok_or_else(panicked)
    }

    /// Waits for what is under way.
    fn wait(&mut self) -> Result<&mut Data> {
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
            return mem::forget(thread); // it is not in this process, and may hold locks for ever
        }
        let Thread { full, handle, written, .. } = thread;
        drop(full);
        let _ = handle.join();
        drop(written); // with the file, if it is there
    }
}

impl Thread {
    /// None if there is no thread, or no memory, to spare.
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
