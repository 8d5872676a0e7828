//! Manifests: any text is read or refused, and what was read can be written and read again; rows of
//! any numbers and names come back as they were.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use arbitrary::{Result, Unstructured};
use tfr_index::{ErrorKind, Manifest, ManifestRow};

/// The bytes are used as text and as rows.
pub fn run(data: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    read(data, folder.path());
    let mut plan = Unstructured::new(data);
    let mut rows = Vec::new();
    while let (false, Ok(row)) = (plan.is_empty(), row(&mut plan, folder.path())) {
        rows.push(row);
    }
    write(rows, folder.path());
}

fn read(text: &[u8], folder: &Path) {
    let path = folder.join("read.manifest.json");
    fs::write(&path, text).unwrap();
    let manifest = match Manifest::read(&path) {
        Ok(manifest) => manifest,
        Err(error) => {
            assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidManifest, Some(&*path)));
            return;
        }
    };
    let total: u128 = manifest.iter().map(|row| u128::from(row.records)).sum();
    assert_eq!(total, u128::from(manifest.total_records()));
    let paths: HashSet<_> = manifest.iter().map(|row| &row.path).collect();
    assert_eq!(paths.len(), manifest.len());
    // The bases may lead to directories that do not exist, and so have no relative path.
    if manifest.write(&path).is_ok() {
        let again = Manifest::read(&path).unwrap();
        let numbers = |manifest: &Manifest| -> Vec<_> {
            manifest.iter().map(|row| (row.bytes, row.records, row.mtime_ns)).collect()
        };
        assert_eq!(numbers(&manifest), numbers(&again));
        let text = fs::read(&path).unwrap();
        again.write(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), text);
    }
}

fn row(plan: &mut Unstructured<'_>, folder: &Path) -> Result<ManifestRow> {
    const NAMES: [&str; 8] =
        ["a", "b/c", "b/d", "\"", "\\n\n", "\u{1f600}", "{a,b}*", "-00000-of-00001"];
    let name = |plan: &mut Unstructured<'_>| -> Result<_> {
        let (one, two) = (plan.arbitrary::<u8>()? % 8, plan.arbitrary::<u8>()?);
        Ok(folder.join(format!("{}{two}", NAMES[usize::from(one)])))
    };
    let number = |plan: &mut Unstructured<'_>| -> Result<u64> {
        Ok(plan.arbitrary::<u64>()? >> (plan.arbitrary::<u8>()? % 64))
    };
    let path = name(plan)?;
    let has = plan.arbitrary::<u8>()?;
    Ok(ManifestRow {
        path,
        bytes: number(plan)?,
        records: number(plan)?,
        mtime_ns: if has & 1 == 1 { Some(plan.arbitrary()?) } else { None },
        index_path: if has & 2 == 2 { Some(name(plan)?) } else { None },
        etag: if has & 4 == 4 { Some(format!("\"{has}\n")) } else { None },
    })
}

fn write(rows: Vec<ManifestRow>, folder: &Path) {
    let path = folder.join("written.manifest.json");
    fs::create_dir(folder.join("b")).unwrap();
    let total: u128 = rows.iter().map(|row| u128::from(row.records)).sum();
    let Ok(manifest) = Manifest::from_rows(rows.clone()) else {
        assert!(total > u128::from(u64::MAX));
        return;
    };
    assert_eq!(u128::from(manifest.total_records()), total);
    let paths: HashSet<_> = rows.iter().map(|row| &row.path).collect();
    match manifest.write(&path) {
        Ok(()) => assert_eq!(Manifest::read(&path).unwrap(), manifest),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
            assert!(paths.len() < rows.len(), "{error}");
            assert!(!path.exists());
        }
    }
}
