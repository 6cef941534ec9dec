use edri_event::Notification;

use crate::router::Router;

impl Router {
    /// Tells news: a notification that is no loss where nobody wants it. It is made, and sent, only if somebody
    /// subscribes to it or it is [retained](Self::retain); without either it is no [dead letter](crate::DeadLetter).
    ///
    /// Never waits: a subscriber without room misses it, which is told to the log.
    pub fn announce<E: Notification>(&self, news: impl FnOnce() -> E) {
        let wanted =
            self.has_subscribers::<E>() || self.history::<E>().is_some_and(|history| history.keeps());
        if wanted && let Err(error) = self.try_notify(news()) {
            tracing::warn!("news did not reach everybody: {error}");
        }
    }
}
