use std::cell::RefCell;

use bytes::Bytes;

/// What becomes of the long stretches of bytes in a value while it is written: strings and byte arrays that need not be copied
/// along with the rest, since they travel by a way of their own, such as shared memory.
pub struct Apart<'a> {
    least: usize,
    take: &'a mut dyn FnMut(&[u8]) -> bool,
    places: Vec<Place>,
}

/// Where a stretch belongs that is not among the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Before the byte of that number.
    pub at: usize,
    /// How long it is.
    pub length: usize,
}

impl<'a> Apart<'a> {
    /// Stretches of `least` bytes and more are offered to `take`, one after the other; one that it takes is left out, and has
    /// to be there again when the value is read.
    pub fn new(least: usize, take: &'a mut dyn FnMut(&[u8]) -> bool) -> Self {
        Self { least, take, places: Vec::new() }
    }

    /// Where those belong that were taken, in their order.
    pub fn into_places(self) -> Vec<Place> {
        self.places
    }
}

impl std::fmt::Debug for Apart<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Apart").field("least", &self.least).field("places", &self.places).finish()
    }
}

/// Writes a value, but for what is taken apart.
pub(super) struct Splitting<'o, 'a, 'b> {
    pub(super) out: &'o mut Vec<u8>,
    pub(super) begin: usize,
    pub(super) apart: &'a mut Apart<'b>,
}

impl postcard::ser_flavors::Flavor for Splitting<'_, '_, '_> {
    type Output = ();

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        if data.len() >= self.apart.least && (self.apart.take)(data) {
            let at = self.out.len() - self.begin;
            self.apart.places.push(Place { at, length: data.len() });
        } else {
            self.out.extend_from_slice(data);
        }
        Ok(())
    }

    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.out.push(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Reads a value of which stretches are elsewhere.
pub(super) struct Joining<'de> {
    bytes: &'de [u8],
    at: usize,
    elsewhere: std::slice::Iter<'de, (Place, Bytes)>,
}

impl<'de> Joining<'de> {
    pub(super) fn new(bytes: &'de [u8], elsewhere: &'de [(Place, Bytes)]) -> Self {
        Self { bytes, at: 0, elsewhere: elsewhere.iter() }
    }

    /// The stretch that belongs here, if one does.
    fn here(&mut self, length: usize) -> Option<&'de [u8]> {
        let (place, bytes) = self.elsewhere.as_slice().first()?;
        if (place.at, place.length) != (self.at, length) || bytes.len() != length {
            return None;
        }
        self.elsewhere.next();
        Some(bytes)
    }
}

impl<'de> postcard::de_flavors::Flavor<'de> for Joining<'de> {
    /// How many bytes, and stretches, were not used.
    type Remainder = usize;
    type Source = &'de [u8];

    fn pop(&mut self) -> postcard::Result<u8> {
        let byte = self.bytes.get(self.at).copied().ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
        self.at += 1;
        Ok(byte)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.bytes.len() - self.at)
    }

    fn try_take_n(&mut self, length: usize) -> postcard::Result<&'de [u8]> {
        if let Some(stretch) = self.here(length) {
            return Ok(stretch);
        }
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn finalize(self) -> postcard::Result<usize> {
        Ok(self.bytes.len() - self.at + self.elsewhere.len())
    }
}

thread_local! {
    /// The stretches of the value that is being read on this thread.
    static READING: RefCell<Vec<Bytes>> = const { RefCell::new(Vec::new()) };
}

/// While a value is being read, what its stretches are parts of.
pub(super) struct Reading(Vec<Bytes>);

impl Reading {
    pub(super) fn begin(elsewhere: &[(Place, Bytes)]) -> Self {
        let all = elsewhere.iter().map(|(_, bytes)| bytes.clone()).collect();
        Self(READING.with(|reading| reading.replace(all)))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let before = std::mem::take(&mut self.0);
        READING.with(|reading| drop(reading.replace(before)));
    }
}

/// The bytes as a part of what is being read, without copying them; copied if they are none.
pub(crate) fn part_of_reading(bytes: &[u8]) -> Bytes {
    let within = |whole: &Bytes| {
        let (whole, part) = (whole.as_ptr_range(), bytes.as_ptr_range());
        !bytes.is_empty() && whole.start <= part.start && part.end <= whole.end
    };
    READING.with(|reading| {
        let reading = reading.borrow();
        let whole = reading.iter().find(|whole| within(whole));
        whole.map_or_else(|| Bytes::copy_from_slice(bytes), |whole| whole.slice_ref(bytes))
    })
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::codec::{Codec, CodecError, MessagePack, Postcard};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Picture {
        name: String,
        #[serde(with = "crate::uncopied")]
        first: Bytes,
        empty: String,
        long: String,
        #[serde(with = "crate::uncopied")]
        second: Bytes,
        #[serde(with = "crate::uncopied")]
        short: Bytes,
    }

    fn picture() -> Picture {
        Picture {
            name: "a".into(),
            first: vec![1; 100].into(),
            empty: String::new(),
            long: "x".repeat(200),
            second: vec![2; 100].into(),
            short: vec![3; 99].into(),
        }
    }

    fn taken_apart() -> (Vec<u8>, Vec<(Place, Bytes)>) {
        let (mut out, mut taken) = (vec![9], Vec::new());
        let mut take = |bytes: &[u8]| {
            taken.push(Bytes::copy_from_slice(bytes));
            true
        };
        let mut apart = Apart::new(100, &mut take);
        Postcard::encode_apart(&picture(), &mut out, &mut apart).unwrap();
        let places = apart.into_places();
        (out.split_off(1), places.into_iter().zip(taken).collect())
    }

    #[test]
    fn what_is_long_is_taken_apart_and_joined_again_without_a_copy() {
        let (bytes, elsewhere) = taken_apart();
        assert_eq!(elsewhere.iter().map(|(place, _)| place.length).collect::<Vec<_>>(), [100, 200, 100]);
        assert!(bytes.len() < 120);
        let read: Picture = Postcard::decode_apart(&bytes, &elsewhere).unwrap();
        assert_eq!(read, picture());
        assert_eq!(read.first.as_ptr(), elsewhere[0].1.as_ptr(), "it was copied");
        assert_eq!(read.second.as_ptr(), elsewhere[2].1.as_ptr(), "it was copied");
    }

    #[test]
    fn nothing_may_be_missing_too_much_or_somewhere_else() {
        let (bytes, elsewhere) = taken_apart();
        assert!(Postcard::decode_apart::<Picture>(&bytes, &elsewhere[..2]).is_err());
        let more: Vec<_> = elsewhere.iter().chain(&elsewhere[2..]).cloned().collect();
        let too_much = Postcard::decode_apart::<Picture>(&bytes, &more);
        assert!(matches!(too_much, Err(CodecError::Trailing { left: 1, .. })));
        let moved = |(place, bytes): &(Place, Bytes)| (Place { at: place.at + 1, ..*place }, bytes.clone());
        let moved: Vec<_> = elsewhere.iter().map(moved).collect();
        assert!(Postcard::decode_apart::<Picture>(&bytes, &moved).is_err());
        assert!(MessagePack::decode_apart::<Picture>(&bytes, &elsewhere).is_err());
    }

    #[test]
    fn without_anything_taken_it_is_as_it_always_is() {
        let mut all = Vec::new();
        Postcard::encode(&picture(), &mut all).unwrap();
        let mut apart_out = Vec::new();
        let mut nothing = |_: &[u8]| false;
        Postcard::encode_apart(&picture(), &mut apart_out, &mut Apart::new(100, &mut nothing)).unwrap();
        assert_eq!(all, apart_out);
        assert_eq!(Postcard::decode_apart::<Picture>(&all, &[]).unwrap(), picture());
        assert_eq!(Postcard::decode::<Picture>(&all).unwrap(), picture());
    }
}
