//! The lines of a manifest, as GNU `sha256sum` writes them and `sha256sum --check` reads them.

use std::path::Path;

/// One line: the hash, two blanks, the name.
///
/// A name may be any bytes but NUL, and is written as it is. Only backslash, newline and carriage return are
/// escaped; a backslash in front of the whole line tells that something was.
pub fn line(sha256: &[u8; 32], name: &Path) -> Vec<u8> {
    let name = name.as_os_str().as_encoded_bytes();
    let mut line = Vec::with_capacity(2 * sha256.len() + name.len() + 8);
    if name.iter().any(|&byte| escape(byte).is_some()) {
        line.push(b'\\');
    }
    for byte in sha256 {
        line.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
    }
    line.extend(b"  ");
    push_escaped(&mut line, name);
    line.push(b'\n');
    line
}

/// A name for people, on one line whatever is in it.
pub fn escaped(name: &Path) -> Vec<u8> {
    let mut escaped = Vec::new();
    push_escaped(&mut escaped, name.as_os_str().as_encoded_bytes());
    escaped
}

fn push_escaped(line: &mut Vec<u8>, name: &[u8]) {
    for &byte in name {
        match escape(byte) {
            Some(letter) => line.extend([b'\\', letter]),
            None => line.push(byte),
        }
    }
}

/// What stands behind the backslash for a byte that needs one.
fn escape(byte: u8) -> Option<u8> {
    match byte {
        b'\\' => Some(b'\\'),
        b'\n' => Some(b'n'),
        b'\r' => Some(b'r'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn line_of(name: impl AsRef<Path>) -> Vec<u8> {
        let sha256 = std::array::from_fn(|at| u8::from_str_radix(&EMPTY[2 * at..2 * at + 2], 16).unwrap());
        line(&sha256, name.as_ref())
    }

    #[test]
    fn names_are_written_as_they_are() {
        for name in ["a", "./a b", " lead", "*star", "-d", "tab\there", "b\"q'", "ünï"] {
            assert_eq!(line_of(name), format!("{EMPTY}  {name}\n").into_bytes());
        }
    }

    #[test]
    fn what_would_break_a_line_is_escaped_and_the_line_marked() {
        for (name, expected) in [
            ("new\nline", "new\\nline"),
            ("carriage\rreturn", "carriage\\rreturn"),
            ("back\\slash", "back\\\\slash"),
            ("\\n", "\\\\n"),
            ("\r\n\\", "\\r\\n\\\\"),
        ] {
            assert_eq!(line_of(name), format!("\\{EMPTY}  {expected}\n").into_bytes());
            assert_eq!(escaped(Path::new(name)), expected.as_bytes());
        }
    }

    #[cfg(unix)]
    #[test]
    fn names_need_not_be_utf_8() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt as _;

        let line = line_of(OsStr::from_bytes(b"\xff\\\xfe"));
        assert_eq!(line, [b"\\", EMPTY.as_bytes(), b"  \xff\\\\\xfe\n"].concat());
    }
}
