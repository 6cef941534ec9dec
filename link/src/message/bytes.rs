use serde::de::DeserializeOwned;

/// Reads a message from its beginning to its end.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("it ends too early")]
    Ends,
    #[error("a number is too large for what it counts")]
    TooLarge,
    #[error("the kind {0} is unknown")]
    UnknownKind(u8),
    #[error("the priority {0} is unknown")]
    UnknownPriority(u8),
    #[error("a value does not decode")]
    Value,
    #[error("bytes are left over")]
    LeftOver,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        let (byte, rest) = self.rest.split_first().ok_or(Malformed::Ends)?;
        self.rest = rest;
        Ok(*byte)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Malformed::Ends)?;
        self.rest = rest;
        Ok(*array)
    }

    /// A number of up to 64 bits, seven in each byte, the lowest first.
    #[inline]
    pub(crate) fn number(&mut self) -> Result<u64, Malformed> {
        // Of up to four bytes without a loop, as nearly all are.
        let (number, rest) = match self.rest {
            [first, rest @ ..] if *first < 0x80 => (u32::from(*first), rest),
            [first, second, rest @ ..] if *second < 0x80 => (seven(*first) | seven(*second) << 7, rest),
            [first, second, third, rest @ ..] if *third < 0x80 => {
                (seven(*first) | seven(*second) << 7 | seven(*third) << 14, rest)
            }
            [first, second, third, fourth, rest @ ..] if *fourth < 0x80 => {
                (seven(*first) | seven(*second) << 7 | seven(*third) << 14 | seven(*fourth) << 21, rest)
            }
            _ => return self.longer_number(),
        };
        self.rest = rest;
        Ok(number.into())
    }

    fn longer_number(&mut self) -> Result<u64, Malformed> {
        let first = self.byte()?;
        let mut number = u64::from(first & 0x7f);
        for shift in (7..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(Malformed::TooLarge);
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed::TooLarge)
    }

    #[inline]
    pub(crate) fn small_number(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.number()?).map_err(|_| Malformed::TooLarge)
    }

    /// So many bytes as a number before them says.
    #[inline]
    pub(crate) fn payload(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.number()?).map_err(|_| Malformed::TooLarge)?;
        let (payload, rest) = self.rest.split_at_checked(length).ok_or(Malformed::Ends)?;
        self.rest = rest;
        Ok(payload)
    }

    /// A value in postcard's format.
    pub(crate) fn value<T: DeserializeOwned>(&mut self) -> Result<T, Malformed> {
        let (value, rest) = postcard::take_from_bytes(self.rest).map_err(|_| Malformed::Value)?;
        self.rest = rest;
        Ok(value)
    }
}

/// The bits of a byte that count.
#[inline]
fn seven(byte: u8) -> u32 {
    u32::from(byte & 0x7f)
}

#[inline]
pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends what `write` appends, with its length before it.
#[inline]
pub(crate) fn put_payload<E>(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<usize, E> {
    let start = out.len();
    out.push(0);
    write(out)?;
    let length = out.len() - start - 1;
    if length < 0x80 {
        out[start] = length as u8;
    } else {
        widen(out, start, length);
    }
    Ok(length)
}

/// Moves a payload so that its length, which takes more than the one byte left for it, fits in before it.
fn widen(out: &mut Vec<u8>, start: usize, length: usize) {
    let more = (length.ilog2() / 7) as usize;
    out.resize(out.len() + more, 0);
    out.copy_within(start + 1..start + 1 + length, start + 1 + more);
    let mut rest = length;
    for byte in &mut out[start..start + more] {
        *byte = rest as u8 | 0x80;
        rest >>= 7;
    }
    out[start + more] = rest as u8;
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_read_as_they_were_written_and_as_postcard_does(number in any::<u64>(), bits in 0..64_u32) {
            let number = number >> bits;
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            prop_assert_eq!(&bytes, &postcard::to_stdvec(&number).unwrap());
            let mut cursor = Cursor::new(&bytes);
            prop_assert_eq!(cursor.number(), Ok(number));
            prop_assert!(cursor.is_at_end());
            for length in 0..bytes.len() {
                prop_assert_eq!(Cursor::new(&bytes[..length]).number(), Err(Malformed::Ends));
            }
        }

        #[test]
        fn payloads_are_read_as_they_were_written(length in prop_oneof![0..300_usize, 16_000..17_000_usize]) {
            let payload: Vec<_> = (0..length).map(|index| index as u8).collect();
            let mut bytes = vec![7];
            let written = put_payload(&mut bytes, |out| {
                out.extend_from_slice(&payload);
                Ok::<_, Infallible>(())
            });
            prop_assert_eq!(written, Ok(length));
            let mut expected = vec![7];
            put_number(&mut expected, length as u64);
            expected.extend_from_slice(&payload);
            prop_assert_eq!(&bytes, &expected);
            let mut cursor = Cursor::new(&bytes[1..]);
            prop_assert_eq!(cursor.payload(), Ok(&payload[..]));
        }
    }

    #[test]
    fn numbers_that_fit_nowhere_are_refused() {
        assert_eq!(Cursor::new(&[0xff; 10]).number(), Err(Malformed::TooLarge));
        let mut just_too_large = [0xff; 10];
        just_too_large[9] = 2;
        assert_eq!(Cursor::new(&just_too_large).number(), Err(Malformed::TooLarge));
        assert_eq!(Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0x7f]).small_number(), Err(Malformed::TooLarge));
    }
}
