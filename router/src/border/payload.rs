use std::ops::Deref;

use bytes::Bytes;

/// The bytes of an event on its way out. Long ones are shared by all who keep them; short ones are copied to where they
/// wait.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// To be copied.
    Short(&'a [u8]),
    /// To be shared.
    Long(&'a Bytes),
}

/// Longer ones than this are not copied, in bytes.
pub(super) const LONG: usize = 64 * 1024;

impl Payload<'_> {
    /// As something that can be kept: shared if it is long, else copied.
    pub fn to_bytes(self) -> Bytes {
        match self {
            Self::Short(bytes) => Bytes::copy_from_slice(bytes),
            Self::Long(bytes) => bytes.clone(),
        }
    }
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Short(bytes)
    }
}

impl<'a> From<&'a Bytes> for Payload<'a> {
    fn from(bytes: &'a Bytes) -> Self {
        Self::Long(bytes)
    }
}

impl Deref for Payload<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Short(bytes) => bytes,
            Self::Long(bytes) => bytes,
        }
    }
}
