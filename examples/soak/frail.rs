//! A manager that gives up after a few restarts, and is started again from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use edri::manager::StartError;
use edri::prelude::*;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::books::Books;
use crate::clerk::scribe;
use crate::lines::FRAIL;

pub async fn start(router: &Router, books: &Arc<Books>) -> Result<Managed, StartError> {
    let host = scribe::<FRAIL>(books, "frail").capacity(64).budget(2, Duration::from_secs(3600));
    host.start(router).await
}

/// Starts it again whenever it has given up, until `ended`; then what it leaves unhandled.
pub async fn keep(
    mut managed: Managed,
    router: Router,
    books: Arc<Books>,
    revived: Arc<AtomicU64>,
    mut ended: oneshot::Receiver<()>,
) -> Result<usize, StartError> {
    loop {
        tokio::select! {
            _ = managed.stopped() => revived.fetch_add(1, Ordering::Relaxed),
            _ = &mut ended => return Ok(managed.stop(Instant::now() + Duration::from_secs(10)).await),
        };
        managed = start(&router, &books).await?;
    }
}
