use edri_event::Event;

use super::letter::DeadLetter;
use super::letters::DeadLetterCounts;
use super::undelivered::Undelivered;
use crate::router::Router;
use crate::subscription::Subscription;

/// Dead letters.
///
/// An event becomes one when nobody handled it and nobody was told: a notification without a subscriber, one
/// that an inbox dropped by its policy, one whose handler failed or panicked, one that waited for a consumer when
/// that stopped. Requests and tunnels are answered with the error instead, and a notification that is
/// [rejected](crate::Overflow::Reject) is given back to its sender.
impl Router {
    /// The events of one type that are lost from here on, each with its letter. For another capacity or policy,
    /// `subscribe_with::<Undelivered<E>>(…)`, which is the same.
    ///
    /// `E` is a notification, or the [`Answer`](crate::Answer) to a request, of which an observer missed one.
    ///
    /// ```
    /// # use edri_event::Notification;
    /// # use edri_router::{Reason, Router};
    /// #[derive(Notification)]
    /// struct Shipped { order: u64 }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let router = Router::new();
    /// let mut lost = router.dead_letters::<Shipped>();
    /// router.notify(Shipped { order: 7 }).await?;
    ///
    /// let lost = lost.try_recv().expect("nobody subscribes to it");
    /// assert_eq!(lost.event.order, 7);
    /// assert_eq!(lost.letter.reason, Reason::NoSubscriber);
    /// # Ok(())
    /// # }
    /// ```
    pub fn dead_letters<E: Event + Sync>(&self) -> Subscription<Undelivered<E>> {
        self.subscribe()
    }

    /// How many events have been lost so far, by reason.
    pub fn dead_letter_counts(&self) -> DeadLetterCounts {
        self.letters().counts()
    }

    /// The newest dead letters, oldest first: 256 of them, unless [told otherwise](Self::retain_dead_letters).
    pub fn recent_dead_letters(&self) -> Vec<DeadLetter> {
        self.letters().recent()
    }

    /// Keeps so many dead letters from here on, the newest; none with 0. Those beyond are forgotten.
    pub fn retain_dead_letters(&self, letters: usize) {
        self.letters().set_limit(letters);
    }
}
