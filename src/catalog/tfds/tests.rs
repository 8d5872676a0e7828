use super::*;

#[test]
fn names_are_formatted_as_python_does() {
    let values = [("A", "x"), ("LONG", "yz")];
    for (template, expected) in [
        ("", Some("")),
        ("{A}", Some("x")),
        ("a{A}-{LONG}b", Some("ax-yzb")),
        ("{{{A}}}{{", Some("{x}{")),
        ("{B}", None),
        ("{A", None),
        ("A}", None),
        ("{}", None),
        ("{A:3}", None),
    ] {
        assert_eq!(fill(template, &values).as_deref(), expected, "{template}");
    }
    assert_eq!(x_of_y(7, 10), "00007-of-00010");
    assert_eq!(x_of_y(7, 100_000), "000007-of-100000");
}
