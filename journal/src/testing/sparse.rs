/// Bytes of which those at the end are zeros that take no memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Sparse {
    bytes: Vec<u8>,
    length: usize,
}

impl Sparse {
    pub(super) fn length(&self) -> usize {
        self.length
    }

    pub(super) fn set_length(&mut self, length: usize) {
        self.bytes.truncate(length);
        self.length = length;
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[offset..end].copy_from_slice(bytes);
        self.length = self.length.max(end);
    }

    /// Copies what is there from `offset` on, and says how much that is.
    pub(super) fn read(&self, offset: usize, buffer: &mut [u8]) -> usize {
        let read = self.length.saturating_sub(offset).min(buffer.len());
        let there = self.bytes.get(offset..).unwrap_or(&[]);
        let there = &there[..there.len().min(read)];
        buffer[..there.len()].copy_from_slice(there);
        buffer[there.len()..read].fill(0);
        read
    }

    pub(super) fn is_zero(&self, offset: usize, length: usize) -> bool {
        let mut there = vec![0; length];
        self.read(offset, &mut there);
        there.iter().all(|&byte| byte == 0)
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes.resize(self.length, 0);
        bytes
    }
}
