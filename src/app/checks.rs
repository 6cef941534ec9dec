use std::time::Duration;

use edri_router::Router;
use tokio::task::AbortHandle;

/// The task that asks all parts how they are, now and then. Dropping it ends it.
pub(super) struct Checks(AbortHandle);

impl Checks {
    pub(super) fn begin(router: &Router, period: Duration) -> Self {
        let router = router.clone();
        Self(tokio::spawn(async move { router.watch_health(period).await }).abort_handle())
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        self.0.abort();
    }
}
