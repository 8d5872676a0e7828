//! Patterns: the files that a path stands for in a small tree, compared with what the documentation
//! says of each of its paths.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use tfr_index::{ErrorKind, FindShards, Shards};

const FILES: [&str; 17] = [
    "a",
    "ab",
    "b0",
    "b1",
    "b10",
    ".a",
    "{a}",
    "[a]",
    "*",
    "x-00000-of-00002",
    "x-00001-of-00002",
    "x-00001-of-00002.t",
    "d/a",
    "d/b0",
    "d/e/a",
    "d/d/a",
    "d/.h/a",
];

/// The input is the path.
pub fn run(text: &[u8]) {
    let is_usual = |byte: &u8| (33..127).contains(byte);
    if text.is_empty() || text.len() > 60 || text[0] == b'/' || !text.iter().all(is_usual) {
        return;
    }
    let Some(words) = expand(text) else { return };
    // Nothing outside the tree, and no other names for the same file.
    let leads_out =
        |word: &Vec<u8>| word.split(|byte| *byte == b'/').any(|name| name == b"." || name == b"..");
    if words.iter().any(leads_out) {
        return;
    }
    TREE.with(|tree| compare(tree, text, &words));
}

fn compare(tree: &Tree, text: &[u8], words: &[Vec<u8>]) {
    let options = FindShards::new().pattern("*").allow_missing(true).allow_repeated(true);
    let found = Shards::find([tree.path(text)], &options);
    let found = found.map(|shards| shards.iter().map(|shard| shard.path.clone()).collect());
    match (found, tree.find(text, words)) {
        (Ok(found), Some(expected)) => {
            let found: Vec<PathBuf> = found;
            assert_eq!(found, expected, "{}", String::from_utf8_lossy(text));
        }
        (Err(error), None) => assert_eq!(error.kind(), ErrorKind::Io, "{error}"),
        (found, expected) => panic!("{}: {found:?}, {expected:?}", String::from_utf8_lossy(text)),
    }
}

/// Everything below a directory, hidden or not, sorted.
fn paths_below(directory: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            paths.extend(paths_below(&path));
        }
        paths.push(path);
    }
    paths.sort_by(|one, other| one.as_os_str().cmp(other.as_os_str()));
    paths
}

struct Tree {
    root: PathBuf,
    all: Vec<PathBuf>,
    /// Removes the tree at the end.
    _folder: tempfile::TempDir,
}

thread_local! {
    static TREE: Tree = Tree::new();
}

impl Tree {
    fn new() -> Tree {
        let folder = tempfile::tempdir().unwrap();
        for file in FILES {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let root = folder.path().to_owned();
        Tree { all: paths_below(&root), root, _folder: folder }
    }

    fn path(&self, word: &[u8]) -> PathBuf {
        let mut path = self.root.clone().into_os_string();
        path.push("/");
        path.push(OsStr::from_bytes(word));
        path.into()
    }

    /// The files that the path stands for; none if there are none.
    fn find(&self, text: &[u8], words: &[Vec<u8>]) -> Option<Vec<PathBuf>> {
        let path = self.path(text);
        let is_expanded = words.len() > 1 || words[0] != text;
        if path.exists() {
            return Some(self.files(&path));
        }
        if !text.iter().any(|byte| b"*?[{@".contains(byte)) {
            return Some(vec![path]);
        }
        let (mut found, mut is_missing) = (Vec::new(), false);
        for word in words {
            let path = self.path(word);
            if path.exists() {
                found.extend(self.files(&path));
                continue;
            }
            match self.matches(word) {
                Some(matches) if !matches.is_empty() => found.extend(matches),
                None if !is_expanded => return Some(vec![path]),
                _ => is_missing = true,
            }
        }
        (!is_missing || !found.is_empty()).then_some(found)
    }

    /// A file; or all files in a directory and below it that are not hidden.
    fn files(&self, path: &Path) -> Vec<PathBuf> {
        if path.is_file() {
            return vec![path.to_owned()];
        }
        let is_inside = |file: &&PathBuf| {
            let below = file.strip_prefix(path).ok().filter(|_| file.is_file());
            below.is_some_and(|below| below.iter().all(|name| !is_hidden(name.as_bytes())))
        };
        self.all.iter().filter(is_inside).cloned().collect()
    }

    /// The files that match a path with wildcards, or those in the directories that do. `None` if
    /// it has no wildcards.
    fn matches(&self, word: &[u8]) -> Option<Vec<PathBuf>> {
        let Some((stem, rest)) = at_sign(word) else { return self.glob(word) };
        let escaped: Vec<u8> = stem
            .iter()
            .flat_map(|byte| match byte {
                b'*' | b'?' | b'[' | b']' => vec![b'[', *byte, b']'],
                _ => vec![*byte],
            })
            .collect();
        let found = self.glob(&[&escaped, &rest[..]].concat())?;
        match found.is_empty() {
            true => self.glob(&[stem, &rest].concat()),
            false => Some(found),
        }
    }

    fn glob(&self, word: &[u8]) -> Option<Vec<PathBuf>> {
        let names: Vec<&[u8]> =
            word.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
        let is_wild = |name: &&[u8]| name.iter().any(|byte| b"*?[".contains(byte));
        let is_wrong = |name: &&[u8]| *name != b"**" && is_wild(name) && tokens(name).is_none();
        if !names.iter().any(is_wild) || names.iter().any(is_wrong) {
            return None;
        }
        let fits = |path: &&PathBuf| {
            let below = path.strip_prefix(&self.root).unwrap();
            let below: Vec<&[u8]> = below.iter().map(OsStr::as_bytes).collect();
            fits(&names, &below, path.is_dir())
        };
        let with_root = [&self.root].into_iter().chain(&self.all);
        let matches: Vec<&PathBuf> = with_root.filter(fits).collect();
        let files: Vec<PathBuf> =
            matches.iter().filter(|path| path.is_file()).map(|path| path.to_path_buf()).collect();
        if !files.is_empty() && !word.ends_with(b"/") {
            return Some(files);
        }
        let directories: Vec<_> = matches.into_iter().filter(|path| path.is_dir()).collect();
        let is_outermost = |path: &&&PathBuf| {
            !directories.iter().any(|other| other != *path && path.starts_with(other))
        };
        Some(directories.iter().filter(is_outermost).flat_map(|path| self.files(path)).collect())
    }
}

fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(b".")
}

/// Whether a path fits: `**` stands for any directories that are not hidden.
fn fits(parts: &[&[u8]], names: &[&[u8]], is_directory: bool) -> bool {
    let Some((part, rest)) = parts.split_first() else { return names.is_empty() };
    if *part == b"**" {
        let takes_one =
            names.first().is_some_and(|name| !is_hidden(name)) && (names.len() > 1 || is_directory);
        // At the end it stands for directories only.
        return fits(rest, names, is_directory) && (!rest.is_empty() || is_directory)
            || takes_one && fits(parts, &names[1..], is_directory);
    }
    let Some((name, below)) = names.split_first() else { return false };
    let is_wild = part.iter().any(|byte| b"*?[".contains(byte));
    let is_match = match is_wild {
        true => matches_name(&tokens(part).unwrap(), name, true),
        false => part == name,
    };
    is_match && fits(rest, below, is_directory)
}

enum Token {
    Any,
    One,
    /// Bytes, or all others.
    Of(Vec<u8>, bool),
    Byte(u8),
}

/// `None` if a bracket is not closed, or `**` is only a part of the name.
fn tokens(pattern: &[u8]) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < pattern.len() {
        match pattern[at] {
            b'*' if pattern.get(at + 1) == Some(&b'*') => return None,
            b'*' => tokens.push(Token::Any),
            b'?' => tokens.push(Token::One),
            b'[' => {
                let is_other = pattern.get(at + 1) == Some(&b'!');
                let start = at + 1 + usize::from(is_other);
                // A bracket at the start is one of the bytes.
                let length = pattern.get(start + 1..)?.iter().position(|byte| *byte == b']')? + 1;
                tokens.push(Token::Of(class(&pattern[start..start + length]), is_other));
                at = start + length;
            }
            byte => tokens.push(Token::Byte(byte)),
        }
        at += 1;
    }
    Some(tokens)
}

fn class(text: &[u8]) -> Vec<u8> {
    match text {
        [first, b'-', last, rest @ ..] => [(*first..=*last).collect(), class(rest)].concat(),
        [one, rest @ ..] => [vec![*one], class(rest)].concat(),
        [] => Vec::new(),
    }
}

fn matches_name(tokens: &[Token], name: &[u8], is_start: bool) -> bool {
    let Some((token, rest)) = tokens.split_first() else { return name.is_empty() };
    let hides = is_start && is_hidden(name);
    match token {
        Token::Any => (0..=name.len()).any(|count| {
            !(hides && count > 0) && matches_name(rest, &name[count..], is_start && count == 0)
        }),
        Token::One => !name.is_empty() && !hides && matches_name(rest, &name[1..], false),
        Token::Of(bytes, is_other) => {
            name.first().is_some_and(|byte| bytes.contains(byte) != *is_other)
                && !hides
                && matches_name(rest, &name[1..], false)
        }
        Token::Byte(byte) => name.first() == Some(byte) && matches_name(rest, &name[1..], false),
    }
}

/// The part before `@8`, and the wildcards for the rest.
fn at_sign(word: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let at = word.iter().rposition(|byte| *byte == b'@')?;
    let (stem, rest) = (&word[..at], &word[at + 1..]);
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (count, suffix) = match rest.first()? {
        b'*' => ("?????".to_owned(), &rest[1..]),
        _ => {
            let count = std::str::from_utf8(&rest[..digits]).unwrap().parse::<u32>().ok()?;
            (format!("{:05}", Some(count).filter(|count| *count > 0)?), &rest[digits..])
        }
    };
    let is_name = !stem.is_empty() && !stem.ends_with(b"/");
    let is_extension = suffix.is_empty() || suffix[0] == b'.' && !suffix.contains(&b'/');
    let middle = format!("-{}-of-{count}", "?".repeat(count.len()));
    (is_name && is_extension).then(|| (stem, [middle.as_bytes(), suffix].concat()))
}

/// What the braces stand for; `None` if that is much.
fn expand(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    const MOST: usize = 200;
    for open in 0..text.len() {
        let mut depth = 0;
        let close = (open..text.len()).find(|&at| {
            depth += i32::from(text[at] == b'{') - i32::from(text[at] == b'}');
            depth <= 0
        });
        let Some(close) = close.filter(|&close| close > open) else { continue };
        let Some(choices) = choices(&text[open + 1..close]) else { continue };
        let mut words = Vec::new();
        for choice in choices {
            for inner in if choice.1 { expand(&choice.0)? } else { vec![choice.0] } {
                for tail in expand(&text[close + 1..])? {
                    words.push([&text[..open], &inner, &tail].concat());
                }
            }
            if words.len() > MOST {
                return None;
            }
        }
        return Some(words);
    }
    Some(vec![text.to_vec()])
}

/// The choices between braces, and whether they may have braces of their own.
fn choices(content: &[u8]) -> Option<Vec<(Vec<u8>, bool)>> {
    let mut depth = 0;
    let mut parts = vec![Vec::new()];
    for byte in content {
        depth += i32::from(*byte == b'{') - i32::from(*byte == b'}');
        match depth == 0 && *byte == b',' {
            true => parts.push(Vec::new()),
            false => parts.last_mut().unwrap().push(*byte),
        }
    }
    if parts.len() > 1 {
        return Some(parts.into_iter().map(|part| (part, true)).collect());
    }
    let (first, last) = std::str::from_utf8(content).unwrap().split_once("..")?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(first) || !is_number(last) {
        return None;
    }
    let is_padded = [first, last].iter().any(|text| text.len() > 1 && text.starts_with('0'));
    let width = if is_padded { first.len().max(last.len()) } else { 0 };
    let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
    let (least, most) = (first.min(last), first.max(last));
    let count = (most - least).min(1000); // so many that expand() gives up
    let numbers = least..=least + count;
    let words = numbers.map(|number| (format!("{number:0width$}").into_bytes(), false));
    let mut words: Vec<_> = words.collect();
    if first > last {
        words.reverse();
    }
    Some(words)
}
