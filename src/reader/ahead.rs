//! A thread that reads ahead.

use std::panic;
use std::sync::mpsc::{sync_channel, Receiver};
use std::thread::{self, JoinHandle};

use crate::fork::Owner;
use crate::threads;

/// A thread that reads pieces ahead. It holds the next piece ready, and ends when this is dropped.
pub(super) struct Ahead<P> {
    /// `None` once the thread has ended.
    thread: Option<(Receiver<P>, JoinHandle<()>)>,
    owner: Owner,
}

impl<P: Send + 'static> Ahead<P> {
    /// Starts a thread that calls `read` until it returns `None`. Returns `None` if no thread can
    /// be started.
    pub fn start(mut read: impl FnMut() -> Option<P> + Send + 'static) -> Option<Ahead<P>> {
        let (send, pieces) = sync_channel(0);
        let work = move || {
            while let Some(piece) = read() {
                if send.send(piece).is_err() {
                    break;
                }
            }
        };
        let thread = thread::Builder::new().name(threads::NAME.into()).spawn(work).ok()?;
        Some(Ahead { thread: Some((pieces, thread)), owner: Owner::this_process() })
    }
}

impl<P> Ahead<P> {
    /// Returns the next piece; `None` at the end, and in a forked process, which does not have the
    /// thread. Panics if the thread panicked.
    pub fn next(&mut self) -> Option<P> {
        if !self.owner.is_this_process() {
            return None;
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
