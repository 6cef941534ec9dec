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

/// That what was lent is read no more: its numbers, among those of the descriptors that the parent has sent.
///
/// The child says so by a notification of this schema.
pub(super) fn give_back() -> Schema {
    Schema { name: "edri_worker::GiveBack".to_owned(), codec: "numbers".to_owned(), ..cancel() }
}

/// As many as fit into one notification with ease.
pub(super) const GIVEN_BACK: usize = 1024;

pub(super) fn numbers(payload: &[u8]) -> impl Iterator<Item = u64> {
    payload.chunks_exact(8).filter_map(number)
}

pub(super) fn number(payload: &[u8]) -> Option<u64> {
    payload.first_chunk().copied().map(u64::from_le_bytes)
}
