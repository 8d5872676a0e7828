//! `create --shard I/N`: a part of the files.

use std::str::FromStr;

/// Every N-th file, beginning with file I. By default all files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    number: usize,
    parts: usize,
}

impl Default for Part {
    fn default() -> Part {
        Part { number: 0, parts: 1 }
    }
}

impl Part {
    /// The files of this part. Neighbours go to different parts, since they are often alike in size.
    pub fn of<T>(self, files: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        files.skip(self.number).step_by(self.parts)
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Part, String> {
        let parsed = text.split_once('/').and_then(|(number, parts)| {
            Some(Part { number: number.parse().ok()?, parts: parts.parse().ok()? })
        });
        match parsed {
            None | Some(Part { parts: 0, .. }) => Err("expected I/N, such as 0/8".to_owned()),
            Some(Part { number, parts }) if number >= parts => {
                Err(format!("there is no part {number} of {parts}: they are 0 to {}", parts - 1))
            }
            Some(part) => Ok(part),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_in_one_part() {
        for parts in 1..12 {
            let mut files: Vec<_> = (0..parts)
                .flat_map(|number| Part { number, parts }.of(0..9).collect::<Vec<_>>())
                .collect();
            files.sort_unstable();
            assert!(files.into_iter().eq(0..9));
        }
        assert!(Part::default().of(0..9).eq(0..9));
        assert!("1/4".parse::<Part>().unwrap().of(0..9).eq([1, 5]));
    }

    #[test]
    fn what_is_no_part_is_refused() {
        for text in ["", "1", "/", "1/", "/4", "-1/4", "1/4/2", "1.0/4", "a/b", " 1/4", "0/0"] {
            assert_eq!(text.parse::<Part>(), Err("expected I/N, such as 0/8".to_owned()), "{text}");
        }
        for (text, said) in [
            ("4/4", "there is no part 4 of 4: they are 0 to 3"),
            ("1/1", "there is no part 1 of 1: they are 0 to 0"),
        ] {
            assert_eq!(text.parse::<Part>(), Err(said.to_owned()));
        }
    }
}
