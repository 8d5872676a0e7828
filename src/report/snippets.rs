//! Code that reads this very data set, in four languages.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::spec::{cpp, cpp_literal, dali, literal, python};
use crate::example::Feature;
use crate::file::is_url;
use crate::shards::Shard;

/// The most paths and features in the code.
const PATHS: usize = 8;
const FEATURES: usize = 200;

#[derive(Debug, Default)]
pub(super) struct Snippets {
    pub python: String,
    pub pytorch: String,
    pub dali: String,
    pub cpp: String,
}

/// Few paths that stand for the shards: those that were given, a complete set, or directories.
pub(super) fn paths(shards: &[Shard], given: &[PathBuf]) -> Vec<PathBuf> {
    if (1..=PATHS).contains(&given.len()) {
        return given.to_vec();
    }
    if shards.len() <= PATHS {
        return shards.iter().map(|shard| shard.path.clone()).collect();
    }
    if let Some(set) = set_of(shards) {
        return vec![set];
    }
    let mut directories: Vec<_> = shards.iter().filter_map(|shard| shard.path.parent()).collect();
    directories.sort_unstable();
    directories.dedup();
    let path = |directory: &Path| match directory.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false if is_url(directory) => directory.join(""), // a slash says that it is a directory
        false => directory.to_owned(),
    };
    directories.into_iter().take(PATHS).map(path).collect()
}

/// `train@8`, if the shards are `train-00000-of-00008` to `train-00007-of-00008`.
fn set_of(shards: &[Shard]) -> Option<PathBuf> {
    let parts = |path: &'_ Path| {
        let name = path.file_name()?.to_str()?.to_owned();
        let (before, after) = name.split_once("-of-")?;
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let (start, number) = before.rsplit_once('-')?;
        let set =
            (start.to_owned(), after[..digits].parse::<usize>().ok()?, after[digits..].to_owned());
        Some((set, number.parse::<usize>().ok()?))
    };
    let (set, _) = parts(&shards.first()?.path)?;
    let parent = shards.first()?.path.parent();
    let is_of_set = |(number, shard): (usize, &Shard)| {
        shard.path.parent() == parent
            && parts(&shard.path).is_some_and(|(other, at)| other == set && at == number)
    };
    let (start, count, end) = &set;
    let is_set = *count == shards.len()
        && (end.is_empty() || end == ".tfrecord")
        && shards.iter().enumerate().all(is_of_set);
    is_set.then(|| parent.unwrap_or(Path::new("")).join(format!("{start}@{count}{end}")))
}

impl Snippets {
    /// Code for the files at these paths, which have that many records with these features.
    pub fn new(paths: &[PathBuf], features: &[Feature], records: u64) -> Snippets {
        let features = &features[..features.len().min(FEATURES)];
        let few = records.min(8);
        Snippets {
            python: in_python(paths, features, few),
            pytorch: in_pytorch(paths, features),
            dali: in_dali(paths, features),
            cpp: in_cpp(paths, features, few),
        }
    }
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// A path, or a list of paths.
fn python_paths(paths: &[PathBuf]) -> String {
    match paths {
        [path] => literal(bytes(path)),
        paths => python_list(paths),
    }
}

fn python_list(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| literal(bytes(path))).collect();
    format!("[{}]", paths.join(", "))
}

fn in_python(paths: &[PathBuf], features: &[Feature], few: u64) -> String {
    let paths = python_paths(paths);
    let open = format!("dataset = tfr_index.Dataset({paths})\nprint(len(dataset), \"records\")\n");
    let read = match features.first() {
        _ if few == 0 => String::new(),
        None => "payload = dataset[0]  # bytes\n".to_owned(),
        Some(first) => {
            let first = literal(first.name());
            format!("\nbatch = dataset.read_columns(range({few}), spec)\nprint(batch[{first}])\n")
        }
    };
    let spec = match features {
        [] => String::new(),
        features => python(features) + "\n",
    };
    format!("import tfr_index\n\n{spec}{open}{read}")
}

fn in_pytorch(paths: &[PathBuf], features: &[Feature]) -> String {
    let is_remote = paths.iter().any(|path| is_url(path));
    let paths = python_paths(paths);
    let head = "import tfr_index\nfrom torch.utils.data import DataLoader\n\n";
    let (spec, argument) = match features {
        [] => (String::new(), ""),
        features => (python(features) + "\n", ", features=spec"),
    };
    let has_no_shape = |feature: &Feature| feature.dimensions().is_none() || feature.is_sequence();
    let collate = match features.iter().any(has_no_shape) {
        true => ",\n    collate_fn=list,  # rows: ragged features have no common shape\n",
        false => ",\n",
    };
    // Threads of the store's library do not exist in forked workers.
    let workers = match is_remote {
        true => "4,\n    multiprocessing_context=\"forkserver\"",
        false => "4",
    };
    let read = format!(
        "rows = tfr_index.Dataset({paths}{argument})\n\
         sampler = tfr_index.Sampler(rows, seed=0)  # shuffles, and shards over ranks\n\
         loader = DataLoader(\n    rows, batch_size=32, sampler=sampler, num_workers={workers}{collate})\n\
         for epoch in range(3):\n    sampler.set_epoch(epoch)\n    for batch in loader:\n        ...\n"
    );
    match is_remote {
        true => format!("{head}{spec}if __name__ == \"__main__\":\n{}", indented(&read)),
        false => format!("{head}{spec}{read}"),
    }
}

fn indented(code: &str) -> String {
    code.lines().map(|line| format!("    {line}\n")).collect()
}

fn in_dali(paths: &[PathBuf], features: &[Feature]) -> String {
    let note = only_local(paths, "#");
    let paths = python_list(paths);
    let head = format!("{note}import dali_tfr  # the plugin's module\n");
    let pipeline = "@pipeline_def(batch_size=32, num_threads=4, device_id=0)\ndef records():\n";
    let reads = |feature: &Feature| !dali(std::slice::from_ref(feature)).contains("    # ");
    let wanted: Vec<_> = features.iter().filter(|feature| reads(feature)).collect();
    if wanted.is_empty() {
        return format!(
            "{head}from nvidia.dali import fn, pipeline_def\n\n\n\
             {pipeline}    return fn.tfr.reader(paths={paths}, name=\"reader\")  # payloads\n"
        );
    }
    format!(
        "{head}import nvidia.dali.tfrecord as tfrec\nfrom nvidia.dali import fn, pipeline_def\n\n\
         {}\n\n{pipeline}    outputs = fn.tfr.reader(\n        paths={paths}, features=features, \
         name=\"reader\"\n    )\n    return tuple(outputs.values())\n",
        dali(features)
    )
}

/// A comment, if the files are not local.
fn only_local(paths: &[PathBuf], mark: &str) -> String {
    match paths.iter().any(|path| is_url(path)) {
        true => format!("{mark} This reads local files: copy these, or mount their bucket.\n"),
        false => String::new(),
    }
}

fn in_cpp(paths: &[PathBuf], features: &[Feature], few: u64) -> String {
    let note = only_local(paths, "//");
    let paths: Vec<_> = paths.iter().map(|path| cpp_literal(bytes(path))).collect();
    let paths = paths.join(", ");
    let records: Vec<_> = (0..few).map(|record| record.to_string()).collect();
    let records = records.join(", ");
    let read = match features {
        _ if few == 0 => String::new(),
        [] => "    const std::string payload = dataset.read(0);\n".to_owned(),
        features => format!(
            "{}    const tfr::batch batch = dataset.read_columns({{{records}}}, spec);\n",
            indented(&cpp(features))
        ),
    };
    format!(
        "{note}#include <iostream>\n#include <tfr_index.hpp>\n\nint main() {{\n    const tfr::dataset \
         dataset(tfr::shards::find({{{paths}}}));\n    std::cout << dataset.size() << \" \
         records\\n\";\n{read}}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(paths: &[String]) -> Vec<Shard> {
        let shard = |path: &String| Shard { path: path.into(), index_path: None };
        paths.iter().map(shard).collect()
    }

    #[test]
    fn few_paths_stand_for_many() {
        let set = |end: &str| -> Vec<_> {
            (0..20).map(|shard| format!("data/train-{shard:05}-of-00020{end}")).collect()
        };
        let of = |names: &[String]| {
            paths(&shards(names), &names.iter().map(PathBuf::from).collect::<Vec<_>>())
        };
        assert_eq!(of(&set("")), [PathBuf::from("data/train@20")]);
        assert_eq!(of(&set(".tfrecord")), [PathBuf::from("data/train@20.tfrecord")]);
        assert_eq!(of(&set(".gz")), [PathBuf::from("data")]);
        assert_eq!(of(&set("")[1..]), [PathBuf::from("data")]);
        assert_eq!(
            of(&set("")[..2]),
            ["data/train-00000-of-00020", "data/train-00001-of-00020"].map(PathBuf::from)
        );
        let names: Vec<_> = (0..9).map(|shard| format!("{shard}.tfrecord")).collect();
        assert_eq!(of(&names), [PathBuf::from(".")]);
        assert_eq!(paths(&shards(&names), &["*.tfrecord".into()]), [PathBuf::from("*.tfrecord")]);
        let urls: Vec<_> = (0..9).map(|shard| format!("s3://b/x/{shard}.tfrecord")).collect();
        let [directory] = &paths(&shards(&urls), &[])[..] else { panic!() };
        assert_eq!(directory.to_str(), Some("s3://b/x/"));
    }

    #[test]
    fn remote_files_are_read_where_that_goes() {
        let path = ["s3://bucket/train.tfrecord"].map(PathBuf::from);
        let Snippets { python, pytorch, dali, cpp } =
            Snippets::new(&path, &[Feature::int64("label")], 9);
        assert!(python.contains("Dataset(\"s3://bucket/train.tfrecord\")"), "{python}");
        assert!(pytorch.contains("\nif __name__ == \"__main__\":\n    rows = "), "{pytorch}");
        assert!(pytorch.contains("multiprocessing_context=\"forkserver\",\n"), "{pytorch}");
        assert!(dali.starts_with("# This reads local files"), "{dali}");
        assert!(cpp.starts_with("// This reads local files"), "{cpp}");
    }

    #[test]
    fn code_is_quoted() {
        let paths = ["it's \"a\\b\"\n.tfrecord"].map(PathBuf::from);
        let features = [Feature::bytes("</script>\"\n"), Feature::int64("label").ragged()];
        let Snippets { python, pytorch, dali, cpp } = Snippets::new(&paths, &features, 100);
        for code in [&python, &pytorch, &dali] {
            assert!(code.contains(r#""it's \"a\\b\"\x0a.tfrecord""#), "{code}");
            assert!(code.contains(r#""</script>\"\x0a""#), "{code}");
        }
        assert!(cpp.contains(r#"find({"it's \"a\\b\"\012.tfrecord"})"#), "{cpp}");
        assert!(cpp.contains("read_columns({0, 1, 2, 3, 4, 5, 6, 7}, spec)"), "{cpp}");
        assert!(pytorch.contains("collate_fn=list"), "{pytorch}");
        let Snippets { python, cpp, .. } = Snippets::new(&paths, &[], 0);
        assert!(!python.contains("dataset[0]") && !cpp.contains("read("), "{python}{cpp}");
    }
}
