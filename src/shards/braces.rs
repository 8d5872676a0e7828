//! Braces in paths: `{a,b}` and `{00..09}`, as in a shell.

/// The most paths that braces may stand for.
pub(super) const MOST: usize = 1_000_000;
/// No path of a system is longer, and no pattern needs to be.
const LONGEST: usize = 4096;

/// Returns the texts that the braces of a text stand for, in order; without braces, the text
/// itself. `None` if they are more than [`MOST`].
///
/// `{a,b}` are alternatives, which may contain braces. `{8..11}` are the numbers from 8 to 11, and
/// `{08..11}` the same with two digits each. Braces of other content stand for themselves.
pub(super) fn expand(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    if text.len() > LONGEST {
        return Some(vec![text.to_vec()]);
    }
    for open in (0..text.len()).filter(|&at| text[at] == b'{') {
        let Some(close) = closing(&text[open..]).map(|length| open + length) else { continue };
        let Some(alternatives) = alternatives(&text[open + 1..close]) else { continue };
        let alternatives = alternatives?;
        let tails = expand(&text[close + 1..])?;
        if alternatives.len().checked_mul(tails.len())? > MOST {
            return None;
        }
        let mut expanded = Vec::with_capacity(alternatives.len() * tails.len());
        for alternative in &alternatives {
            for tail in &tails {
                expanded.push([&text[..open], alternative, tail].concat());
            }
        }
        return Some(expanded);
    }
    Some(vec![text.to_vec()])
}

/// The position of the brace that closes the first one.
fn closing(text: &[u8]) -> Option<usize> {
    let mut depth = 0;
    text.iter().position(|byte| {
        depth += i32::from(*byte == b'{') - i32::from(*byte == b'}');
        depth == 0
    })
}

/// The texts that the content of a pair of braces stands for. `None` if the pair stands for itself,
/// `Some(None)` if there are too many.
#[allow(clippy::option_option)] // two reasons, each of which ends something else
fn alternatives(content: &[u8]) -> Option<Option<Vec<Vec<u8>>>> {
    let mut depth = 0;
    let mut parts = content.split(|byte| {
        depth += i32::from(*byte == b'{') - i32::from(*byte == b'}');
        depth == 0 && *byte == b','
    });
    let (first, rest) = (parts.next()?, parts.collect::<Vec<_>>());
    if rest.is_empty() {
        return numbers(content);
    }
    let mut texts = expand(first);
    for part in rest {
        texts = texts.zip(expand(part)).map(|(texts, more)| [texts, more].concat());
        texts = texts.filter(|texts| texts.len() <= MOST);
    }
    Some(texts)
}

/// The numbers of `8..11` or `08..11`.
#[allow(clippy::option_option)]
fn numbers(content: &[u8]) -> Option<Option<Vec<Vec<u8>>>> {
    let (first, last) = std::str::from_utf8(content).ok()?.split_once("..")?;
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u64>().ok().filter(|_| is_number)
    };
    let is_padded = [first, last].iter().any(|text| text.len() > 1 && text.starts_with('0'));
    let width = if is_padded { first.len().max(last.len()) } else { 0 };
    let (first, last) = (number(first)?, number(last)?);
    if first.abs_diff(last) >= MOST as u64 {
        return Some(None);
    }
    let text = |number: u64| format!("{number:0width$}").into_bytes();
    Some(Some(match first <= last {
        true => (first..=last).map(text).collect(),
        false => (last..=first).rev().map(text).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    use std::process::Command;

    fn expanded(text: &str) -> Vec<String> {
        let texts = expand(text.as_bytes()).unwrap();
        texts.into_iter().map(|text| String::from_utf8(text).unwrap()).collect()
    }

    #[test]
    fn braces_stand_for_alternatives_and_numbers() {
        for (text, texts) in [
            ("a{0..2}b", &["a0b", "a1b", "a2b"][..]),
            ("{08..11}", &["08", "09", "10", "11"]),
            ("{8..10}", &["8", "9", "10"]),
            ("{1..001}", &["001"]),
            ("{2..0}", &["2", "1", "0"]),
            ("{a,b}/{x,y}", &["a/x", "a/y", "b/x", "b/y"]),
            ("{a,b{0..1},}", &["a", "b0", "b1", ""]),
            ("{a}{b,c}{", &["{a}b{", "{a}c{"]),
            ("{{a,b}", &["{a", "{b"]),
            ("{}{0..}{..9}{a..b}{0..9..2}{-1..1}", &["{}{0..}{..9}{a..b}{0..9..2}{-1..1}"]),
            ("}a,b{", &["}a,b{"]),
            ("", &[""]),
        ] {
            assert_eq!(expanded(text), texts, "{text}");
        }
        assert_eq!(expand(b"\xff{\xfe,b}").unwrap(), [b"\xff\xfe", b"\xffb"]);
    }

    #[test]
    fn braces_are_bounded() {
        assert_eq!(expand(b"{0000000..0999999}").unwrap().len(), MOST);
        let doubled = "{a,b}".repeat(20); // 2^20
        let nested = "{a,{0..999999}}";
        for many in ["{0..1000000}", "{0..18446744073709551615}", nested, &doubled] {
            assert_eq!(expand(many.as_bytes()), None, "{many}");
        }
        for deep in ["{a,".repeat(1300), "{".repeat(4096), "{,".repeat(10_000)] {
            assert_eq!(expanded(&deep), [&*deep]);
        }
    }

    /// The texts that bash makes of each text.
    fn of_bash(texts: &[String]) -> Vec<String> {
        let script = texts.iter().map(|text| format!("printf '%s ' {text}_; echo\n"));
        let script = script.collect::<String>();
        let done = Command::new("bash").args(["--norc", "-c", &script]).output().unwrap();
        let lines = String::from_utf8(done.stdout).unwrap();
        lines.lines().map(|line| line.trim_end().to_owned()).collect()
    }

    /// Texts whose braces are balanced. (Of others, bash makes surprising things.)
    fn text() -> impl Strategy<Value = String> {
        const PARTS: &[&str] =
            &["a", "b", ",", "{0..3}", "{07..11}", "{3..1}", "{a}", "{}", "{b..}"];
        let part = prop::sample::select(PARTS).prop_map(str::to_owned);
        part.prop_recursive(3, 12, 3, |inner| {
            let alternatives = prop::collection::vec(inner.clone(), 2..4);
            let alternatives = alternatives.prop_map(|texts| format!("{{{}}}", texts.join(",")));
            let joined = prop::collection::vec(inner, 0..3).prop_map(|texts| texts.concat());
            prop_oneof![alternatives, joined]
        })
    }

    #[test]
    fn bash_expands_braces_alike() {
        let mut runner = TestRunner::deterministic();
        let strategy = text();
        let draw = |_| strategy.new_tree(&mut runner).unwrap().current();
        let texts: Vec<_> = (0..500).map(draw).collect();
        let ours = texts.iter().map(|text| expanded(&format!("{text}_")).join(" "));
        assert_eq!(ours.collect::<Vec<_>>(), of_bash(&texts));
    }
}
