//! How much memory the process can still get.
//!
//! Linux grants memory that it does not have, and kills a process that then uses it. So the size of
//! a giant batch is compared with the available memory before it is allocated.

use std::fs;
use std::path::{Path, PathBuf};

/// The available memory in bytes: the least that is free or used only by caches in the system and
/// in each control group of the process, plus the free swap space. `None` if the system does not
/// report it.
pub(crate) fn available_memory() -> Option<u64> {
    available_below(Path::new("/"))
}

fn available_below(root: &Path) -> Option<u64> {
    let system = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let swap = number_after("SwapFree:", &system).unwrap_or(0) * KB;
    let mut least = number_after("MemAvailable:", &system)? * KB;
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    for (group, files) in groups.lines().filter_map(|line| group_of(root, line)) {
        // A container may not see the directory of its group. The files are then in the top one.
        let within = group.ancestors().take_while(|ancestor| ancestor.starts_with(files.top(root)));
        least = within.filter_map(|group| files.available_in(group)).fold(least, u64::min);
    }
    Some(least.saturating_add(swap))
}

const KB: u64 = 1024;

/// The names of a control group's files.
struct Files {
    top: &'static str,
    limit: &'static str,
    used: &'static str,
    /// The page cache in `memory.stat`.
    caches: [&'static str; 2],
}

const VERSION_1: Files = Files {
    top: "sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    caches: ["total_active_file", "total_inactive_file"],
};
const VERSION_2: Files = Files {
    top: "sys/fs/cgroup",
    limit: "memory.max",
    used: "memory.current",
    caches: ["active_file", "inactive_file"],
};

impl Files {
    fn top(&self, root: &Path) -> PathBuf {
        root.join(self.top)
    }

    /// `None` if there is no limit.
    fn available_in(&self, group: &Path) -> Option<u64> {
        let read = |name: &str| fs::read_to_string(group.join(name)).ok();
        let limit: u64 = read(self.limit)?.trim().parse().ok()?;
        let used: u64 = read(self.used)?.trim().parse().ok()?;
        let stat = read("memory.stat").unwrap_or_default();
        let caches = self.caches.map(|name| number_after(name, &stat).unwrap_or(0));
        let used = caches.iter().fold(used, |used, cache| used.saturating_sub(*cache));
        Some(limit.saturating_sub(used))
    }
}

/// The directory of the group in a line of `/proc/self/cgroup`, if its controller limits memory.
fn group_of(root: &Path, line: &str) -> Option<(PathBuf, &'static Files)> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, group) = (fields.next()?, fields.next()?);
    let files = match controllers {
        "" => &VERSION_2,
        _ if controllers.split(',').any(|name| name == "memory") => &VERSION_1,
        _ => return None,
    };
    Some((files.top(root).join(group.trim_start_matches('/')), files))
}

/// The number after `name` in the line that starts with it.
fn number_after(name: &str, text: &str) -> Option<u64> {
    let mut lines = text.lines().map(str::split_ascii_whitespace);
    lines.find_map(|mut words| (words.next()? == name).then(|| words.next()?.parse().ok())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEM: &str = "MemTotal: 999999 kB\nMemAvailable:   5000 kB\nSwapFree:  7 kB\n";

    /// The available memory in a system with these files.
    fn available_with(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        available_below(root.path())
    }

    #[test]
    fn that_of_the_system_counts() {
        assert_eq!(available_with(&[]), None);
        assert_eq!(available_with(&[("proc/meminfo", "MemTotal: 5 kB\n")]), None);
        assert_eq!(available_with(&[("proc/meminfo", SYSTEM)]), Some(5007 << 10));
        assert_eq!(
            available_with(&[("proc/meminfo", SYSTEM), ("proc/self/cgroup", "0::/none\n:\n\n0:")]),
            Some(5007 << 10)
        );
        if cfg!(target_os = "linux") {
            assert!(available_memory().is_some());
        }
    }

    #[test]
    fn the_least_of_all_groups_counts() {
        let group = |path: &str, limit: &str| {
            available_with(&[
                ("proc/meminfo", SYSTEM),
                ("proc/self/cgroup", "1:name=systemd:/x\n0::/jobs/one\n"),
                (&format!("sys/fs/cgroup{path}/memory.max"), limit),
                (&format!("sys/fs/cgroup{path}/memory.current"), "500000\n"),
                (
                    &format!("sys/fs/cgroup{path}/memory.stat"),
                    "anon 1\nactive_file 100000\ninactive_file 300000\n",
                ),
            ])
        };
        for path in ["/jobs/one", "/jobs", ""] {
            assert_eq!(group(path, "1000000\n"), Some(900_000 + (7 << 10)), "{path}");
            assert_eq!(group(path, "max\n"), Some(5007 << 10));
            assert_eq!(group(path, "90000000\n"), Some(5007 << 10));
            assert_eq!(group(path, "50\n"), Some(7 << 10));
        }
        assert_eq!(group("/jobs/another", "1000000\n"), Some(5007 << 10));
    }

    #[test]
    fn groups_of_the_first_version_count() {
        let group = "sys/fs/cgroup/memory/docker/x";
        let available = available_with(&[
            ("proc/meminfo", SYSTEM),
            ("proc/self/cgroup", "5:cpu,cpuacct:/y\n4:hugetlb,memory:/docker/x\n0::/\n"),
            (&format!("{group}/memory.limit_in_bytes"), "2000000"),
            (&format!("{group}/memory.usage_in_bytes"), "900000"),
            (&format!("{group}/memory.stat"), "active_file 5\ntotal_inactive_file 100000\n"),
        ]);
        assert_eq!(available, Some(1_200_000 + (7 << 10)));
    }
}
