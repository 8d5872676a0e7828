//! The features that are to be printed, and which of them no record has.

use std::collections::BTreeSet;

use strsim::normalized_damerau_levenshtein as similarity;

/// The most names that are remembered of those that were not asked for.
const MOST: usize = 1000;
/// How alike two names are, from 0 to 1, if one is suggested for the other.
const ALIKE: f64 = 0.7;

/// The names that were asked for: all, if there are none.
pub struct Wanted<'a> {
    /// Each name, and whether a record has it.
    names: Vec<(&'a str, bool)>,
    others: BTreeSet<String>,
    records: u64,
}

impl<'a> Wanted<'a> {
    pub fn new(names: &'a [String]) -> Wanted<'a> {
        let names = names.iter().map(|name| (&**name, false)).collect();
        Wanted { names, others: BTreeSet::new(), records: 0 }
    }

    pub fn begin_record(&mut self) {
        self.records += 1;
    }

    /// Whether to print the feature of this name.
    pub fn has(&mut self, name: &str) -> bool {
        if self.names.is_empty() {
            return true;
        }
        let name = as_argument(name);
        let mut is_wanted = false;
        for (_, is_found) in self.names.iter_mut().filter(|(wanted, _)| *wanted == name) {
            (*is_found, is_wanted) = (true, true);
        }
        if !is_wanted && self.others.len() < MOST && !self.others.contains(&name) {
            self.others.insert(name);
        }
        is_wanted
    }

    /// A line for each name that no record has, if there were records.
    pub fn missing(&self) -> impl Iterator<Item = String> + '_ {
        let missing = self.names.iter().filter(|(_, is_found)| !is_found && self.records > 0);
        missing.map(|(name, _)| {
            let alike = |other: &&String| similarity(name, other) >= ALIKE;
            let alike: Vec<_> = self.others.iter().filter(alike).map(String::as_str).collect();
            match &*alike {
                [] => format!("no printed record has the feature '{name}'"),
                some => format!(
                    "no printed record has the feature '{name}'; there is '{}'",
                    some.join("', '")
                ),
            }
        })
    }
}

/// A name as it is written on the command line, where commas separate names.
fn as_argument(name: &str) -> String {
    name.replace(',', "\\x2c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_like_the_missing_one_are_suggested() {
        let names = ["image/encode", "id", "none"].map(String::from);
        let mut wanted = Wanted::new(&names);
        assert_eq!(wanted.missing().count(), 0); // of no records
        wanted.begin_record();
        for (name, is_wanted) in [("id", true), ("image/encoded", false), ("image/encoder", false)]
        {
            assert_eq!(wanted.has(name), is_wanted);
        }
        let right = [
            "no printed record has the feature 'image/encode'; there is 'image/encoded', 'image/encoder'",
            "no printed record has the feature 'none'",
        ];
        assert_eq!(wanted.missing().collect::<Vec<_>>(), right);
        assert!(Wanted::new(&[]).has("x"));
    }
}
