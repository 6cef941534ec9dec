use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The line at `offset`, from 1.
pub(super) fn line(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// The key at `offset`, or that of the value there, with the tables it is in.
pub(super) fn key(text: &str, offset: usize) -> Option<String> {
    let document = DeTable::parse(text).ok()?;
    let mut path = String::new();
    in_table(document.get_ref(), offset, &mut path);
    (!path.is_empty()).then_some(path)
}

/// Appends to `path` what leads to `offset`.
fn in_table(table: &DeTable<'_>, offset: usize, path: &mut String) {
    // Tables may be written in pieces: the innermost that holds the place is meant.
    for (key, value) in table {
        let mut inner = path.clone();
        if !inner.is_empty() {
            inner.push('.');
        }
        inner.push_str(key.get_ref());
        if key.span().contains(&offset) {
            *path = inner;
            return;
        }
        let before = inner.len();
        let holds = value.span().contains(&offset);
        in_value(value, offset, &mut inner);
        if holds || inner.len() > before {
            *path = inner;
            return;
        }
    }
}

fn in_value(value: &Spanned<DeValue<'_>>, offset: usize, path: &mut String) {
    match value.get_ref() {
        DeValue::Table(table) => in_table(table, offset, path),
        DeValue::Array(array) => {
            for (index, item) in array.iter().enumerate() {
                let mut inner = format!("{path}[{index}]");
                let before = inner.len();
                in_value(item, offset, &mut inner);
                if item.span().contains(&offset) || inner.len() > before {
                    *path = inner;
                    return;
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_and_the_line_of_a_place_are_found() {
        let text = "listen = [\"a\", \"b\"]\n\n[limits]\nframe = 1\nqueue = 2\n\n[[token]]\nsecret = \"x\"\n\n[[token]]\nsecret = \"y\"\n";
        let cases = [
            ("listen", 1, "listen"),
            ("\"b\"", 1, "listen[1]"),
            ("frame", 4, "limits.frame"),
            ("2", 5, "limits.queue"),
            ("\"x\"", 8, "token[0].secret"),
            ("\"y\"", 11, "token[1].secret"),
        ];
        for (what, on, expected) in cases {
            let offset = text.find(what).unwrap();
            assert_eq!((line(text, offset), key(text, offset).as_deref()), (on, Some(expected)), "{what}");
        }
        assert_eq!(key("not toml", 0), None);
    }
}
