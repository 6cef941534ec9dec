use super::protocol::read;
use crate::child::{Line, Lines, Overlong};

/// Bytes as a worker may write them, in pieces: the first byte says how large. Whatever they are, nothing panics, and no
/// line is longer than may be.
pub(crate) fn line(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let (piece, longest) = (usize::from(first >> 4) + 1, 1 << (first & 15));
    let mut lines = Lines::new(longest, Overlong::Skip);
    for piece in bytes.chunks(piece) {
        lines.space().extend_from_slice(piece);
        while let Some(line) = lines.next() {
            match line {
                Line::Whole(line) => {
                    assert!(line.len() <= longest && !line.contains(&b'\n'));
                    let _ = read(line);
                }
                Line::TooLong(length) => assert!(length > longest),
            }
        }
        assert!(lines.space().len() <= longest);
    }
    assert!(lines.rest().is_none_or(|rest| rest.len() <= longest));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    /// Pieces of what may be said, whole and broken.
    fn scraps() -> impl Strategy<Value = Vec<u8>> {
        let known: Vec<&[u8]> = vec![
            br#"{"id":1,"response":{"a":[1,null,"x"]}}"#,
            br#"{"id":18446744073709551615,"failure":{"code":"c","message":"m"}}"#,
            br#"{"id":2,"progress":{"done":1,"total":2}}"#,
            br#"{"notify":{"event":"e","data":[]}}"#,
            br#"{"ready":{"concurrency":9999999999,"cancel":true}}"#,
            b"\n",
            b"{",
            b"}",
            b"\"",
            b"\\u00",
            b"[",
            b"1e999",
            b"\xff",
            b"\0",
            br#""id":"#,
            br#""response":"#,
        ];
        let scrap = prop_oneof![
            prop::sample::select(known).prop_map(<[u8]>::to_vec),
            prop::collection::vec(any::<u8>(), 0..8),
        ];
        prop::collection::vec(scrap, 0..40).prop_map(|scraps| scraps.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

        #[test]
        fn whatever_a_worker_writes_is_read_or_refused(first: u8, bytes in scraps()) {
            let mut all = vec![first];
            all.extend(bytes);
            super::line(&all);
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_end_the_program() {
        let mut bytes = vec![0xff];
        bytes.extend(br#"{"id":1,"response":"#);
        bytes.extend(vec![b'['; 20_000]);
        bytes.push(b'\n');
        super::line(&bytes);
    }
}
