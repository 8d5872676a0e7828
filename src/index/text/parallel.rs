//! Index text decoded in parts by several threads.

use std::sync::mpsc::sync_channel;
use std::thread;

use super::Decoder;
use crate::index::entries::Collect;
use crate::index::{Entry, Index};
use crate::source::{fill_at, ReadAt};
use crate::threads::{self, Crew};

/// Bytes of index text in a part: few enough to stay in the cache until its entries are collected.
pub(super) const PART: u64 = 256 << 10;
/// Text of fewer parts is decoded faster than threads start.
const MIN_PARTS: u64 = 16;
/// A longer line is not one that this library writes.
const LINE_MAX: usize = 4 << 10;

/// Decodes the first `size` bytes of a source, all of its text, in parts, several at the same time, and collects the entries part
/// by part. Returns `None` if the text is small or not valid: decoding it from the start then finds
/// what is wrong, and where.
pub(crate) fn decode_in_parts<C: Collect>(source: &(impl ReadAt + Sync), size: u64) -> Option<C> {
    if size < MIN_PARTS * PART {
        return None;
    }
    let starts = (0..size).step_by(PART as usize);
    let decoders = threads::processors().min(threads::DECODING);
    let mut collected = C::default();
    thread::scope(|scope| {
        let mut crew = Crew::new(scope);
        let mut replies = Vec::new(); // dropped before the crew, which then ends
        for decoder in 0..decoders {
            let parts = starts.clone().skip(decoder).step_by(decoders);
            let (decoded, reply) = sync_channel(2);
            // Memory is reused: getting it from the system takes as long as decoding.
            let (emptied, spare) = sync_channel(4);
            let decode = move || {
                let mut text = Vec::new();
                for start in parts {
                    let part = spare.try_recv().unwrap_or_default();
                    let part = decode_part(source, start, size, &mut text, part);
                    decoded.send(part).ok()?; // fails if the part is no longer needed
                }
                Some(())
            };
            if !crew.start(decode) {
                return None;
            }
            replies.push((reply, emptied));
        }
        for (_, (reply, emptied)) in starts.zip(replies.iter().cycle()) {
            let mut part = reply.recv().ok()??;
            collected.collect(&mut part).ok()?;
            let _ = emptied.try_send(part);
        }
        Some(collected)
    })
}

/// Appends to `entries` those of the lines that start in the part at `start`.
pub(super) fn decode_part(
    source: &impl ReadAt,
    start: u64,
    size: u64,
    text: &mut Vec<u8>,
    entries: Vec<Entry>,
) -> Option<Vec<Entry>> {
    let end = next_line(source, start + PART, size)?;
    let start = next_line(source, start, size)?;
    let length = usize::try_from(end.checked_sub(start)?).ok()?;
    text.try_reserve(length.saturating_sub(text.len())).ok()?;
    text.resize(length, 0);
    if fill_at(source, text, start).ok()? < text.len() {
        return None;
    }
    let mut decoder = Decoder::appending_to(entries);
    decoder.push(text).ok()?;
    decoder.finish().ok().map(Index::into_entries)
}

/// Where the first line at or after `offset` starts.
fn next_line(source: &impl ReadAt, offset: u64, size: u64) -> Option<u64> {
    if offset == 0 || offset >= size {
        return Some(offset.min(size));
    }
    let mut text = [0; LINE_MAX];
    let count = fill_at(source, &mut text, offset - 1).ok()?;
    match text[..count].iter().position(|&byte| byte == b'\n') {
        Some(end) => Some(offset + end as u64),
        None => (count < LINE_MAX).then_some(size), // the last line needs no line feed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares decoding in parts with decoding the whole text, for text around the parts' borders.
    #[test]
    fn parts_make_the_whole() {
        let enough = (MIN_PARTS * PART) as usize;
        for end in ["", "\n", "1", " ", "\r\n", "\n\n\n", "x\n", "7 15\n", "7 16 1\n"] {
            for padding in 0..4 {
                let mut text = "\n".repeat(padding);
                let mut offset = 0;
                while text.len() < enough + 20 {
                    let size = 16 + text.len() as u64 % 1009;
                    text += &format!("{offset} {size}\n");
                    offset += size;
                }
                text.pop();
                text += end;
                let whole = Index::from_text(&text);
                let parts =
                    decode_in_parts(&text.as_bytes(), text.len() as u64).map(Index::from_checked);
                assert_eq!(parts, whole.ok(), "{end:?}");
            }
        }
    }

    #[test]
    fn small_texts_and_endless_lines_are_not_decoded_in_parts() {
        for text in ["0 16\n".to_owned(), " ".repeat(2 * (MIN_PARTS * PART) as usize)] {
            assert_eq!(decode_in_parts::<Vec<Entry>>(&text.as_bytes(), text.len() as u64), None);
        }
    }
}
