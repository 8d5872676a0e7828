//! The files of a set that is named `NAME-00003-of-00008` or `NAME_3_of_8`: which are missing, which do
//! not belong.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::parts::parts;
use super::search::Found;
use super::{files_of, ADVICE};
use crate::error::{Error, ErrorKind, Result};

/// The parts of the name of a set's file, such as `train-00003-of-00008.tfrecord`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Member<'a> {
    /// `train`
    stem: &'a [u8],
    number: u64,
    count: u64,
    /// How many digits the number has.
    digits: usize,
    /// What is between the parts: `-` or `_`.
    dash: char,
    /// `.tfrecord`: empty, or from a dot on.
    suffix: &'a [u8],
}

impl<'a> Member<'a> {
    /// The last `-I-of-N` or `_I_of_N` of a name counts, if the name ends there or continues with a dot.
    fn parse(name: &'a [u8]) -> Option<Member<'a>> {
        Member::parse_with(name, '-', b"-of-").or_else(|| Member::parse_with(name, '_', b"_of_"))
    }

    fn parse_with(name: &'a [u8], dash: char, of: &[u8]) -> Option<Member<'a>> {
        let at = name.windows(of.len()).rposition(|window| window == of)?;
        let (start, end) = (&name[..at], &name[at + of.len()..]);
        let is_other = |byte: &u8| !byte.is_ascii_digit();
        let (count, suffix) = end.split_at(end.iter().position(is_other).unwrap_or(end.len()));
        let (stem, number) = start.split_at(start.iter().rposition(is_other)? + 1);
        let value = |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse::<u64>().ok();
        let is_member = stem.ends_with(&of[..1]) && (suffix.is_empty() || suffix.starts_with(b"."));
        is_member.then_some(())?;
        let stem = &stem[..stem.len() - 1];
        let (digits, number, count) = (number.len(), value(number)?, value(count)?);
        Some(Member { stem, number, count, digits, dash, suffix })
    }

    /// The set, as users name it: `train@8.tfrecord`, or `train_*_of_8.tfrecord`.
    fn name_of_set(&self) -> String {
        let [stem, suffix] = [self.stem, self.suffix].map(String::from_utf8_lossy);
        match self.dash {
            '-' => format!("{stem}@{}{suffix}", self.count),
            _ => format!("{stem}_*_of_{}{suffix}", self.count),
        }
    }

    /// Another file of the same set.
    fn name(&self, number: u64) -> Vec<u8> {
        let Member { digits, count, dash, .. } = *self;
        let middle = format!("{dash}{number:0digits$}{dash}of{dash}{count:0digits$}");
        [self.stem, middle.as_bytes(), self.suffix].concat()
    }
}

/// Whether a name ends like `-00003-of-00010`, with two digits or more each.
pub(super) fn is_named_as_member(name: &[u8]) -> bool {
    let member = Member::parse(name);
    member.is_some_and(|member| {
        let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        member.suffix.is_empty() && member.digits > 1 && digits > 1
    })
}

/// The wildcards for `NAME@8`, `NAME@8.EXTENSION` and `NAME@*`: the part of a path before `@`, the
/// text in place of `@8`, and the rest.
pub(super) fn at_sign(path: &[u8]) -> Option<(&[u8], String, &[u8])> {
    let (stem, count, suffix) = parts_of_at_sign(path)?;
    let (digits, count) = match count {
        "*" => (5, "?????".to_owned()),
        count => {
            let count: u32 = count.parse().ok().filter(|count| *count > 0)?;
            let count = format!("{count:05}");
            (count.len(), count)
        }
    };
    Some((stem, format!("-{}-of-{count}", "?".repeat(digits)), suffix))
}

/// Whether a path is like `NAME@0`, a set without files.
pub(super) fn is_at_zero(path: &[u8]) -> bool {
    parts_of_at_sign(path).is_some_and(|(_, count, _)| count.parse() == Ok(0))
}

/// The part of a path before `@`, the number or `*`, and the rest.
fn parts_of_at_sign(path: &[u8]) -> Option<(&[u8], &str, &[u8])> {
    let at = path.iter().rposition(|byte| *byte == b'@')?;
    let (stem, rest) = (&path[..at], &path[at + 1..]);
    let is_other = |byte: &u8| !byte.is_ascii_digit();
    let end = match rest.first()? {
        b'*' => 1,
        _ => rest.iter().position(is_other).unwrap_or(rest.len()),
    };
    let (count, suffix) = rest.split_at(end);
    let is_name = stem.last().is_some_and(|byte| *byte != b'/')
        && (suffix.is_empty() || suffix.starts_with(b".") && !suffix.contains(&b'/'));
    is_name.then_some((stem, std::str::from_utf8(count).ok()?, suffix))
}

/// The files of one directory whose names differ only in their numbers.
#[derive(Debug, Default)]
struct Set<'a> {
    files: Vec<(Member<'a>, &'a Path)>,
    /// Whether a pattern or a directory named one of the files.
    is_searched: bool,
}

/// Checks that sets are complete, those apart whose files are all given one by one. If `allow_missing`,
/// returns the errors instead.
///
/// # Errors
/// The first file that is missing, or does not belong.
pub(super) fn check(found: &[Found], allow_missing: bool) -> Result<Vec<String>> {
    let mut numbers = HashMap::new();
    let mut sets: Vec<Set<'_>> = Vec::new();
    for Found { path, is_searched, .. } in found {
        let (parent, name) = parts(path);
        let Some(member) = Member::parse(name.unwrap_or_default().as_bytes()) else { continue };
        let key = (parent, member.stem, member.suffix);
        let number = numbers.entry(key).or_insert_with(|| {
            sets.push(Set::default());
            sets.len() - 1
        });
        let set = &mut sets[*number];
        set.files.push((member, path));
        set.is_searched |= is_searched;
    }
    let mut notes = Vec::new();
    for set in sets.iter().filter(|set| set.is_searched) {
        match set.check() {
            Err(error) if allow_missing => notes.push(error.to_string()),
            checked => checked?,
        }
    }
    Ok(notes)
}

impl Set<'_> {
    fn check(&self) -> Result<()> {
        let count = self.count();
        let is_of_set = |(member, _): &&(Member<'_>, &Path)| member.count == count;
        let (first, first_path) =
            self.files.iter().find(is_of_set).expect("it is the count of some");
        if let Some((other, path)) = self.files.iter().find(|file| !is_of_set(file)) {
            let [set, other] = [first, other].map(Member::name_of_set);
            let detail = format!(
                "does not belong to the set of {}, which is beside it: remove the file, or name one \
                 set, as {set} or {other}",
                first_path.display()
            );
            return Err(Error::new(ErrorKind::InvalidArgument, detail).of(path));
        }
        let mut files = self.files.clone();
        files.sort_by_key(|(member, path)| (member.number, *path));
        files.dedup_by_key(|(_, path)| *path); // one that is given twice is no other file
        if let Some(twins) = files.windows(2).find(|two| two[0].0.number == two[1].0.number) {
            let detail = format!(
                "has the same number in its set as {}: remove one of them",
                twins[0].1.display()
            );
            return Err(Error::new(ErrorKind::InvalidArgument, detail).of(twins[1].1));
        }
        // Some sets count from 1.
        let is_from_one = files[0].0.number > 0 && files[files.len() - 1].0.number == count;
        let from = u64::from(is_from_one);
        if let Some((_, path)) = files.iter().find(|(member, _)| member.number - from >= count) {
            let detail = format!(
                "has a number that is too large for a set of {}: remove or rename it",
                files_of(count)
            );
            return Err(Error::new(ErrorKind::InvalidArgument, detail).of(path));
        }
        let missing = count - files.len() as u64;
        if missing == 0 {
            return Ok(());
        }
        let present = (from..).zip(&files).take_while(|(at, (member, _))| *at == member.number);
        let digits = self.files.iter().map(|(member, _)| member.digits).min().unwrap_or(1);
        let name = Member { digits, ..*first }.name(from + present.count() as u64);
        let path = first_path.with_file_name(OsStr::from_bytes(&name));
        let are = match missing {
            1 => "it is the only one that is missing".to_owned(),
            _ => format!("{missing} are missing"),
        };
        let why =
            format!(": the set of {} has {count} files, and {are}{ADVICE}", first_path.display());
        let error = Error::io("find", io::Error::from_raw_os_error(libc::ENOENT));
        Err(error.adding(&why).of(&path))
    }

    /// The count that most files have in their names.
    fn count(&self) -> u64 {
        let mut files: HashMap<u64, usize> = HashMap::new();
        for (member, _) in &self.files {
            *files.entry(member.count).or_default() += 1;
        }
        let most = files.into_iter().map(|(count, files)| (files, count)).max();
        most.map_or(0, |(_, count)| count)
    }
}
