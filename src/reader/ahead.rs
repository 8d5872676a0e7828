//! A thread that reads ahead.

use std::panic;
use std::sync::mpsc::{sync_channel, Receiver};
use std::thread::{self, JoinHandle};

use crate::fork::Owner;
use crate::threads;

/// The thread that reads ahead, piece after piece. It has the next one at hand, and ends when nobody
/// asks for it.
pub(super) struct Ahead<P> {
    /// None when it has ended.
    thread: Option<(Receiver<P>, JoinHandle<()>)>,
    owner: Owner,
}

impl<P: Send + 'static> Ahead<P> {
    /// Starts it, to do `read` until that has no more. None if the system has no thread to spare.
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
    /// The next piece. None if there are no more, and in a forked process, which has no such thread.
    /// Panics if the thread did.
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
            // The thread is not here, but what it held when the process was forked stays held.
            std::mem::forget((pieces, thread));
            return Ok(());
        }
        drop(pieces);
        thread.join()
    }
}

impl<P> Drop for Ahead<P> {
    fn drop(&mut self) {
        let _ = self.end(); // what it read nobody wants, be it a panic
    }
}
