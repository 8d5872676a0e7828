use super::*;
use proptest::prelude::*;

fn string(text: &str) -> Parsed<String> {
    let mut parser = Parser::new(text);
    let string = parser.string()?.into_owned();
    parser.end().map(|()| string)
}

fn skip(text: &str) -> Parsed<()> {
    let mut parser = Parser::new(text);
    parser.skip()?;
    parser.end()
}

#[test]
fn strings_are_read_with_their_escapes() {
    for (text, expected) in [
        (r#""""#, ""),
        (r#" "a b" "#, "a b"),
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (
            r#""x\u00e9\u20AC\ud83d\ude00y\u0041\ud83d\ude00""#,
            "x\u{e9}\u{20ac}\u{1f600}yA\u{1f600}",
        ),
        ("\"\u{e9}\u{1f600}\"", "\u{e9}\u{1f600}"),
    ] {
        assert_eq!(string(text), Ok(expected.to_owned()), "{text}");
    }
    for (text, at) in [
        ("", 0),
        ("x", 0),
        ("\"", 1),
        ("\"a", 2),
        ("\"a\nb\"", 2),
        (r#""\x""#, 1),
        (r#""\"#, 1),
        (r#""ab\u12""#, 3),
        (r#""\uzzzz\udc00""#, 1),
        (r#""\u+123""#, 1),
        (r#""\ud800""#, 1),
        (r#""\ud800\u0041""#, 1),
        (r#""\udc00""#, 1),
        (r#""a" x"#, 4),
    ] {
        assert_eq!(string(text).unwrap_err().at, at, "{text}");
    }
}

#[test]
fn integers_are_exact_or_refused() {
    let max = u64::MAX.to_string();
    assert_eq!(Parser::new(&max).unsigned(), Ok(u64::MAX));
    assert_eq!(Parser::new(" 0,").unsigned(), Ok(0));
    assert_eq!(Parser::new("-7").signed(), Ok(-7));
    for limit in [i64::MIN, i64::MAX] {
        assert_eq!(Parser::new(&limit.to_string()).signed(), Ok(limit));
    }
    let over = "18446744073709551616";
    for bad in ["", "x", "-1", "1.0", "1e3", "01", "\"1\"", "null", over] {
        let fault = Parser::new(bad).unsigned().unwrap_err();
        assert_eq!(fault.at, 0, "{bad}: {fault:?}");
    }
    for bad in ["-", "--1", "-1.5", "9223372036854775808", "-9223372036854775809", over] {
        assert!(Parser::new(bad).signed().is_err(), "{bad}");
    }
}

#[test]
fn values_of_any_type_are_skipped() {
    for good in [
        "null",
        " {} ",
        "[]",
        "[1, -2.5e+3, true, false, null, \"]\", {\"a\": [{}], \"b\": \"}\"}]",
        "{\"a\":{\"b\":[[],[]]}}",
    ] {
        assert_eq!(skip(good), Ok(()), "{good}");
    }
    for bad in
        ["", "nul", "inf", "NaN", "[1", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "]"]
    {
        assert!(skip(bad).is_err(), "{bad}");
    }
    let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(skip(&nested(64)), Ok(()));
    assert_eq!(skip(&nested(65)).unwrap_err().at, 65);
    assert!(skip(&"[".repeat(1 << 20)).unwrap_err().what.contains("deeper"));
    let cut = skip("[1,").unwrap_err();
    assert_eq!(cut.what, "expected a value, but the text ends");
}

proptest! {
    #[test]
    fn any_string_is_read_as_it_was_written(text in ".*", control in "[\u{0}-\u{20}\"\\\\]{0,5}") {
        let text = text + &control;
        let mut json = String::new();
        push_string(&mut json, &text);
        prop_assert_eq!(string(&json), Ok(text));
    }

    #[test]
    fn no_text_panics(text in "[\\[\\]{}\",:0-9a-fnul\\\\ \u{e9}.-]{0,40}") {
        let _ = skip(&text);
        let _ = string(&text);
        let _ = Parser::new(&text).signed();
    }
}
