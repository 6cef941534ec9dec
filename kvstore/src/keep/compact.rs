use std::sync::Arc;

use edri_journal::{Journal, JournalError, Position, SnapshotWriter};

use super::line::Line;
use crate::core::{Core, Space};
use crate::event::Range;

/// How many keys are looked at under one lock.
const PAGE: usize = 256;

/// Takes a picture of what has a journal, which takes the place of all records up to `position`. All of those have to be
/// seen already; writes go on meanwhile.
pub(super) async fn compact(core: &Core, journal: &Journal, position: Position) -> Result<(), JournalError> {
    picture(core, journal.snapshot(position).await?, core.logged()).await
}

/// Writes a picture of namespaces.
pub(super) async fn picture(
    core: &Core,
    mut snapshot: SnapshotWriter,
    spaces: impl Iterator<Item = Arc<Space>>,
) -> Result<(), JournalError> {
    for space in spaces {
        let mut part = Vec::new();
        Line::Reached { space: space.name(), version: space.version().get() }.write(&mut part);
        let mut after = None;
        loop {
            let sheet = space.page(&Range::All, after.as_deref(), PAGE, None);
            for row in &sheet.rows {
                let deadline = space.shared().clock.to_world(row.deadline);
                let (version, kind) = (row.version.get(), row.content.kind);
                let (space, key, bytes) = (space.name(), &*row.key, &*row.content.bytes);
                Line::Put { space, key, version, deadline, kind, bytes }.write(&mut part);
            }
            snapshot.write(&part).await?;
            part.clear();
            tokio::task::yield_now().await;
            match sheet.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    // Behind the values, so that it has the names of all of them.
    let mut part = Vec::new();
    for kind in core.types().all() {
        Line::Type { kind: kind.fingerprint(), name: kind.name() }.write(&mut part);
    }
    snapshot.write(&part).await?;
    snapshot.finish().await
}
