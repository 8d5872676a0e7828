//! Writes HTML. Markup is a part of this program; everything else goes through [`Html::text`], which
//! escapes it.

use std::fmt::Display;

use crate::error::is_unprintable;

/// A page, or a part of one.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Appends markup. Data has no `'static` strings, so that it cannot come here by mistake.
    pub fn raw(&mut self, markup: &'static str) -> &mut Html {
        self.0.push_str(markup);
        self
    }

    /// Appends text, for an element or an attribute in quotes. Characters that would hide something
    /// are visible. Line breaks and tabs stay.
    pub fn text(&mut self, text: &str) -> &mut Html {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\n' | '\t' => self.0.push(character),
                '\r' => {} // a parser would make it a line break
                _ if is_unprintable(character) || is_no_character(character) => {
                    self.0.extend(character.escape_default());
                }
                _ => self.0.push(character),
            }
        }
        self
    }

    /// Appends a number, or another thing that is never markup.
    pub fn number(&mut self, number: impl Display) -> &mut Html {
        self.text(&number.to_string())
    }

    /// Appends a number in few digits, as a coordinate.
    pub fn at(&mut self, place: f64) -> &mut Html {
        let text = format!("{place:.1}");
        self.0.push_str(text.strip_suffix(".0").unwrap_or(&text));
        self
    }

    /// Appends bytes in Base64.
    pub fn base64(&mut self, bytes: &[u8]) -> &mut Html {
        self.0.push_str(&super::media::base64(bytes));
        self
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

/// Code points that HTML does not allow, even escaped.
fn is_no_character(character: char) -> bool {
    let code = u32::from(character);
    (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_markup() {
        let mut html = Html::default();
        html.raw("<b title=\"").text("\"'><script>&amp;").raw("\">");
        html.text("a\r\n\tb\u{202e}\0\u{fffe}\u{1fffe}\u{e9}").raw("</b>").at(1.0).at(0.25);
        let right = "<b title=\"&quot;&#39;&gt;&lt;script&gt;&amp;amp;\">\
                     a\n\tb\\u{202e}\\u{0}\\u{fffe}\\u{1fffe}\u{e9}</b>10.2";
        assert_eq!(html.into_string(), right);
    }
}
