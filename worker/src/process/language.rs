use edri_link::{Role, Schema};

/// What comes before a job's bytes: the number by which it is spoken of.
pub(super) const HEAD: usize = 8;

/// That a job is not wanted any more, or its time over. It is answered all the same, when its worker has left it.
///
/// The parent says so by a notification of this schema, whose payload is the job's number.
pub(super) fn cancel() -> Schema {
    Schema {
        name: "edri_worker::CancelJob".to_owned(),
        version: 1,
        role: Role::Subscriber,
        codec: "number".to_owned(),
        shapes: Vec::new(),
    }
}

pub(super) fn number(payload: &[u8]) -> Option<u64> {
    payload.first_chunk().copied().map(u64::from_le_bytes)
}
