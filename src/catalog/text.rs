//! The text of a manifest file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Component, Path, PathBuf};

use super::json::{push_string, Fault, Parsed, Parser};
use super::places::{common, directory_of, relative, text, Places};
use super::{sum, ManifestRow, Rows};
use crate::error::{Error, ErrorKind, Result};
use crate::file::is_url;

const FORMAT: &str = "tfr-index manifest";
const VERSION: u64 = 1;

/// The text of a manifest that will be at `path`, which is no link.
pub(crate) fn format(rows: &[ManifestRow], total: u64, path: &Path) -> Result<String> {
    let mut places = Places::default();
    let (home, _) = places.of(path)?;
    let base = common_directory(&mut places, rows.iter().map(|row| &row.path))?;
    let indexes = || rows.iter().filter_map(|row| row.index_path.as_ref());
    let index_base = common_directory(&mut places, indexes())?;
    // Most sets have their indexes beside their data, and need one base.
    let index_base = index_base
        .filter(|index_base| !base.as_ref().is_some_and(|base| index_base.starts_with(base)));
    let base = base.unwrap_or_else(|| home.clone());

    let mut json = String::with_capacity(200 + 120 * rows.len());
    write!(json, "{{\n\"format\": \"{FORMAT}\",\n\"version\": {VERSION},\n\"base\": ")
        .expect("text");
    push_string(&mut json, text(&relative(&base, &home), &base, "directory")?);
    if let Some(index_base) = &index_base {
        json.push_str(",\n\"index_base\": ");
        let relative = relative(index_base, &home);
        push_string(&mut json, text(&relative, index_base, "directory")?);
    }
    write!(json, ",\n\"total_records\": {total},\n\"shards\": {{\n\"path\": [").expect("text");
    let mut seen = HashMap::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        if let Some(before) = seen.insert(&row.path, number) {
            let detail = format!("is in the manifest twice, as rows {before} and {number}");
            return Err(Error::new(ErrorKind::InvalidArgument, detail).of(&row.path));
        }
        push_path(&mut json, &row.path, &base, &mut places)?;
        json.push(',');
    }
    end_column(&mut json, ",\n\"bytes\": [");
    for row in rows {
        write!(json, "{},", row.bytes).expect("text");
    }
    end_column(&mut json, ",\n\"records\": [");
    for row in rows {
        write!(json, "{},", row.records).expect("text");
    }
    end_column(&mut json, ",\n\"mtime_ns\": [");
    for row in rows {
        match row.mtime_ns {
            Some(mtime_ns) => write!(json, "{mtime_ns},").expect("text"),
            None => json.push_str("null,"),
        }
    }
    end_column(&mut json, ",\n\"index\": [");
    let index_base = index_base.as_ref().unwrap_or(&base);
    for row in rows {
        match &row.index_path {
            Some(index_path) => push_path(&mut json, index_path, index_base, &mut places)?,
            None => json.push_str("null"),
        }
        json.push(',');
    }
    if rows.iter().any(|row| row.etag.is_some()) {
        end_column(&mut json, ",\n\"etag\": [");
        for row in rows {
            match &row.etag {
                Some(etag) => push_string(&mut json, etag),
                None => json.push_str("null"),
            }
            json.push(',');
        }
    }
    end_column(&mut json, "\n}\n}\n");
    Ok(json)
}

/// Ends an array, whose last item may have a comma after it.
fn end_column(json: &mut String, next: &str) {
    if json.ends_with(',') {
        json.pop();
    }
    json.push(']');
    json.push_str(next);
}

fn common_directory<'a>(
    places: &mut Places,
    paths: impl Iterator<Item = &'a PathBuf>,
) -> Result<Option<PathBuf>> {
    let mut directories: Vec<PathBuf> = Vec::new();
    let mut last = None;
    for path in paths {
        // Neighbours are mostly in one directory.
        let directory = directory_of(path);
        if last != Some(directory) {
            directories.push(places.of(path)?.0);
            last = Some(directory);
        }
    }
    common(directories.into_iter())
}

fn push_path(json: &mut String, path: &Path, base: &Path, places: &mut Places) -> Result<()> {
    let (directory, name) = places.of(path)?;
    let below = directory.strip_prefix(base).unwrap_or(&directory).join(name);
    let kind = if name.to_str().is_none() { "file" } else { "directory" };
    push_string(json, text(&below, path, kind)?);
    Ok(())
}

/// Reads the text of a manifest that is in the directory `home`.
pub(crate) fn parse(bytes: &[u8], home: &Path) -> Result<Rows> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let fault = Fault { at: error.valid_up_to(), what: "the text is not UTF-8".to_owned() };
        invalid(&fault, None)
    })?;
    let mut columns = Columns::default();
    let parsed = columns.read(text);
    let head = match parsed {
        Ok(()) => Head { format: columns.format.clone(), version: columns.version },
        Err(_) => Head::of(text), // the version may come after the fault
    };
    if let Some(version) = head.version.filter(|_| head.is_manifest()) {
        ensure_version(version)?;
    }
    parsed.map_err(|fault| invalid(&fault, columns.row))?;
    columns.into_rows(home)
}

/// Whether a text, which may be cut, starts with an object whose `format` is that of manifests.
pub(crate) fn says_format(start: &str) -> bool {
    Head::of(start).is_manifest()
}

/// What a text says that it is.
#[derive(Default)]
struct Head {
    format: Option<String>,
    version: Option<u64>,
}

impl Head {
    /// What comes before a fault counts: the text may be cut.
    fn of(text: &str) -> Head {
        let mut head = Head::default();
        let _ = Parser::new(text).object(|parser, key| {
            match key {
                "format" => head.format = Some(parser.string()?.into_owned()),
                "version" => head.version = Some(parser.unsigned()?),
                _ => parser.skip()?,
            }
            Ok(())
        });
        head
    }

    fn is_manifest(&self) -> bool {
        self.format.as_deref() == Some(FORMAT)
    }
}

/// An error of a manifest file, which names the row if it is in one.
fn invalid(fault: &Fault, row: Option<(&'static str, usize)>) -> Error {
    let Fault { at, what } = fault;
    let error = match row {
        None => Error::new(ErrorKind::InvalidManifest, format!("byte {at}: {what}")),
        Some((column, row)) => {
            let detail = format!("row {row}, \"{column}\", at byte {at}: {what}");
            Error::new(ErrorKind::InvalidManifest, detail).of_record(row as u64)
        }
    };
    error.adding("; not a manifest, or a damaged one: create it again")
}

/// Fails for a manifest of another version, whatever is wrong with it in this one.
fn ensure_version(version: u64) -> Result<()> {
    if version == VERSION {
        return Ok(());
    }
    let detail = format!(
        "the manifest has version {version} of the format, but this program reads version {VERSION}: \
         update tfr-index, or create the manifest again"
    );
    Err(Error::new(ErrorKind::InvalidManifest, detail))
}

/// The contents of a manifest file.
#[derive(Default)]
struct Columns<'t> {
    format: Option<String>,
    version: Option<u64>,
    base: Option<String>,
    index_base: Option<String>,
    total_records: Option<u64>,
    path: Option<Vec<Cow<'t, str>>>,
    bytes: Option<Vec<u64>>,
    records: Option<Vec<u64>>,
    mtime_ns: Option<Vec<Option<i64>>>,
    index: Option<Vec<Option<Cow<'t, str>>>>,
    etag: Option<Vec<Option<String>>>,
    /// The column and the row that is being read.
    row: Option<(&'static str, usize)>,
}

impl<'t> Columns<'t> {
    fn read(&mut self, text: &'t str) -> Parsed<()> {
        let mut parser = Parser::new(text);
        parser.object(|parser, key| {
            let at = parser.place();
            let is_new = match key {
                "format" => self.format.replace(parser.string()?.into_owned()).is_none(),
                "version" => self.version.replace(parser.unsigned()?).is_none(),
                "base" => self.base.replace(base(parser)?).is_none(),
                "index_base" => self.index_base.replace(base(parser)?).is_none(),
                "total_records" => self.total_records.replace(parser.unsigned()?).is_none(),
                "shards" => {
                    parser.object(|parser, key| self.column(parser, key))?;
                    true
                }
                _ => return parser.skip(),
            };
            once(is_new, key, at)
        })?;
        parser.end()
    }

    fn column(&mut self, parser: &mut Parser<'t>, key: &str) -> Parsed<()> {
        let at = parser.place();
        let row = &mut self.row;
        let is_new = match key {
            "path" => {
                let column = items(parser, "path", row, entry)?;
                self.path.replace(column).is_none()
            }
            "bytes" => {
                let column = items(parser, "bytes", row, |parser| parser.unsigned())?;
                self.bytes.replace(column).is_none()
            }
            "records" => {
                let column = items(parser, "records", row, |parser| parser.unsigned())?;
                self.records.replace(column).is_none()
            }
            "mtime_ns" => {
                let column = items(parser, "mtime_ns", row, |parser| match parser.is_null() {
                    true => Ok(None),
                    false => parser.signed().map(Some),
                })?;
                self.mtime_ns.replace(column).is_none()
            }
            "index" => {
                let column = items(parser, "index", row, |parser| match parser.is_null() {
                    true => Ok(None),
                    false => entry(parser).map(Some),
                })?;
                self.index.replace(column).is_none()
            }
            "etag" => {
                let column = items(parser, "etag", row, |parser| match parser.is_null() {
                    true => Ok(None),
                    false => etag(parser).map(Some),
                })?;
                self.etag.replace(column).is_none()
            }
            _ => return parser.skip(),
        };
        once(is_new, key, at)
    }

    fn into_rows(self, home: &Path) -> Result<Rows> {
        let wrong = |detail: String| Err(Error::new(ErrorKind::InvalidManifest, detail));
        if self.format.as_deref() != Some(FORMAT) {
            return wrong(format!(
                "not a manifest: it has no \"format\": {FORMAT:?}; give the file that \
                 `tfr-index manifest` writes"
            ));
        }
        let missing = |key: &str| {
            let detail = format!("the manifest has no {key:?}: create it again");
            Error::new(ErrorKind::InvalidManifest, detail)
        };
        self.version.ok_or_else(|| missing("version"))?;
        let paths = self.path.ok_or_else(|| missing("path"))?;
        let bytes = self.bytes.ok_or_else(|| missing("bytes"))?;
        let records = self.records.ok_or_else(|| missing("records"))?;
        let count = paths.len();
        let mtimes = self.mtime_ns.unwrap_or_else(|| vec![None; count]);
        let indexes = self.index.unwrap_or_else(|| vec![None; count]);
        let etags = self.etag.unwrap_or_else(|| vec![None; count]);
        for (key, len) in [
            ("bytes", bytes.len()),
            ("records", records.len()),
            ("mtime_ns", mtimes.len()),
            ("index", indexes.len()),
            ("etag", etags.len()),
        ] {
            if len != count {
                return wrong(format!(
                    "the manifest has {count} items in \"path\", but {len} in \"{key}\": create it \
                     again"
                ));
            }
        }
        if let Some((one, other)) = twins(&paths) {
            let detail =
                format!("rows {one} and {other} are both {:?}: create it again", paths[one]);
            return Err(Error::new(ErrorKind::InvalidManifest, detail).of_record(other as u64));
        }
        let Some(total) = sum(records.iter().copied()) else {
            return wrong("the numbers of records add up to more than 2^64 - 1".to_owned());
        };
        let said = self.total_records.ok_or_else(|| missing("total_records"))?;
        if said != total {
            return wrong(format!(
                "\"total_records\" is {said}, but the shards have {total} records: create it again"
            ));
        }
        let base = based(home, self.base.as_deref().unwrap_or("."));
        let index_base = self.index_base.map_or_else(|| base.clone(), |path| based(home, &path));
        let others = bytes.into_iter().zip(records).zip(mtimes.into_iter().zip(indexes));
        let rows = paths.into_iter().zip(others.zip(etags));
        let rows = rows.map(|(path, (((bytes, records), (mtime_ns, index)), etag))| ManifestRow {
            path: below(&base, &path),
            bytes,
            records,
            mtime_ns,
            index_path: index.map(|index| below(&index_base, &index)),
            etag,
        });
        Ok(Rows { rows: rows.collect(), total })
    }
}

fn once(is_new: bool, key: &str, at: usize) -> Parsed<()> {
    match is_new {
        true => Ok(()),
        false => Err(Fault { at, what: format!("{key:?} is there twice") }),
    }
}

fn items<'t, T>(
    parser: &mut Parser<'t>,
    name: &'static str,
    row: &mut Option<(&'static str, usize)>,
    mut item: impl FnMut(&mut Parser<'t>) -> Parsed<T>,
) -> Parsed<Vec<T>> {
    let mut column = Vec::new();
    parser.array(|parser, number| {
        *row = Some((name, number));
        if column.len() == column.capacity() && column.try_reserve(1).is_err() {
            return parser.fault("out of memory");
        }
        column.push(item(parser)?);
        Ok(())
    })?;
    *row = None;
    Ok(column)
}

/// The base of a manifest: a path, which a person sees at the top of the file.
fn base(parser: &mut Parser<'_>) -> Parsed<String> {
    let at = parser.place();
    let path = parser.string()?;
    match path.contains('\0') || path.is_empty() {
        true => Err(Fault { at, what: "not a path".to_owned() }),
        false => Ok(path.into_owned()),
    }
}

fn etag(parser: &mut Parser<'_>) -> Parsed<String> {
    let at = parser.place();
    let etag = parser.string()?;
    match etag.contains('\0') {
        true => Err(Fault { at, what: "an entity tag with a NUL byte".to_owned() }),
        false => Ok(etag.into_owned()),
    }
}

/// The path of a file below the base. A row that led elsewhere would be hard to see.
fn entry<'t>(parser: &mut Parser<'t>) -> Parsed<Cow<'t, str>> {
    let at = parser.place();
    let path = parser.string()?;
    match fault_of_entry(&path) {
        None => Ok(path),
        Some(what) => Err(Fault { at, what: format!("{path:?} is {what}") }),
    }
}

/// What is wrong with a path that must be below a base.
pub(crate) fn fault_of_entry(path: &str) -> Option<&'static str> {
    // Most have no dots: to look at components takes longer.
    let may_lead_out = path.as_bytes().windows(2).any(|two| two == b"..");
    let leads_out =
        || Path::new(path).components().any(|component| component == Component::ParentDir);
    match () {
        _ if path.is_empty() => Some("an empty path"),
        _ if path.contains('\0') => Some("a path with a NUL byte"),
        _ if path.starts_with('/') => Some("an absolute path; only the manifest's base may be one"),
        _ if may_lead_out && leads_out() => {
            Some("a path with '..', which leads out of the manifest's base")
        }
        _ => None,
    }
}

fn based(home: &Path, base: &str) -> PathBuf {
    match base {
        "." => home.to_owned(),
        base if is_url(Path::new(base)) => base.into(),
        base => home.join(base),
    }
}

/// The path of an entry, in one allocation.
fn below(base: &Path, path: &str) -> PathBuf {
    let mut joined = PathBuf::with_capacity(base.as_os_str().len() + 1 + path.len());
    joined.push(base);
    joined.push(path);
    joined
}

/// The numbers of two equal paths.
fn twins(paths: &[Cow<'_, str>]) -> Option<(usize, usize)> {
    if paths.windows(2).all(|pair| pair[0] < pair[1]) {
        return None; // the usual order
    }
    let mut seen = HashMap::with_capacity(paths.len());
    (0..paths.len()).find_map(|row| Some((seen.insert(&paths[row], row)?, row)))
}
