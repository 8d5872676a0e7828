//! A thread that reads ahead.

use std::panic;
use std::sync::mpsc::{sync_channel, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::fork::Owner;
use crate::threads;

/// A thread that reads pieces ahead. It holds the next piece ready, and ends when this is dropped.
pub(crate) struct Ahead<P> {
    /// `None` once the thread has ended.
    thread: Option<(Receiver<P>, JoinHandle<()>)>,
    /// A piece that [`wait`](Self::wait) got.
    ready: Option<P>,
    owner: Owner,
}

impl<P: Send + 'static> Ahead<P> {
    /// Starts a thread that calls `read` until it returns `None`. The thread has a piece in hand,
    /// and `more` pieces may wait. Returns `None` if no thread can be started.
    pub fn start(
        more: usize,
        mut read: impl FnMut() -> Option<P> + Send + 'static,
    ) -> Option<Ahead<P>> {
        let (send, pieces) = sync_channel(more);
        let work = move || {
            while let Some(piece) = read() {
                if send.send(piece).is_err() {
                    break;
                }
            }
        };
        let thread = thread::Builder::new().name(threads::NAME.into()).spawn(work).ok()?;
        let thread = Some((pieces, thread));
        Some(Ahead { thread, ready: None, owner: Owner::this_process() })
    }
}

impl<P> Ahead<P> {
    /// Returns the next piece; `None` at the end, and in a forked process, which does not have the
    /// thread. Panics if the thread panicked.
    pub fn next(&mut self) -> Option<P> {
        if !self.is_here() {
            return None;
        }
        if let Some(piece) = self.ready.take() {
            return Some(piece);
        }
        let (pieces, _) = self.thread.as_ref()?;
        let piece = pieces.recv().ok();
        if piece.is_none() {
            if let Err(panic) = self.end() {
                panic::resume_unwind(panic);
            }
        }
        piece
    }

    /// Waits for the next piece, but not longer than `timeout`. Returns whether
    /// [`next`](Self::next) would not wait.
    pub fn wait(&mut self, timeout: Duration) -> bool {
        if let (true, None, Some((pieces, _))) = (self.is_here(), &self.ready, &self.thread) {
            match pieces.recv_timeout(timeout) {
                Ok(piece) => self.ready = Some(piece),
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => {}
            }
        }
        true
    }

    /// Whether the thread was started by this process, and not by its parent.
    pub fn is_here(&self) -> bool {
        self.owner.is_this_process()
    }

    fn end(&mut self) -> thread::Result<()> {
        let Some((pieces, thread)) = self.thread.take() else { return Ok(()) };
        if !self.owner.is_this_process() {
            // The thread is not in this process, but locks that it held at the fork stay locked.
            std::mem::forget((pieces, thread));
            return Ok(());
        }
        drop(pieces);
        thread.join()
    }
}

impl<P> Drop for Ahead<P> {
    fn drop(&mut self) {
        let _ = self.end(); // the rest is not needed, not even a panic
    }
}
