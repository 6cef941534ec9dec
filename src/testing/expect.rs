use std::fmt::Debug;
use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use edri_event::{Event, Notification};
use edri_router::{DeadLetter, Shared};
use tokio::time::timeout;

use super::bed::Testbed;

/// What is expected.
///
/// Each of these is a future to be awaited, which panics with what did come when its time is over. It is cancel safe:
/// dropped before it is ready, it has read nothing.
impl Testbed {
    /// The next unread notification of one type. Begins to [watch](Self::watch) it, if nobody did before: then it
    /// sees what comes from here on only.
    ///
    /// # Panics
    /// If none comes within the [patience](Self::patience).
    #[track_caller]
    pub fn expect<E: Notification + Debug>(&self) -> impl Future<Output = Shared<E>> {
        self.expect_some(E::name().to_owned(), |_: &E| true)
    }

    /// The first unread notification of one type that matches; those before it stay unread.
    ///
    /// # Panics
    /// As [`expect`](Self::expect).
    #[track_caller]
    pub fn expect_that<E: Notification + Debug>(
        &self,
        matches: impl Fn(&E) -> bool,
    ) -> impl Future<Output = Shared<E>> {
        self.expect_some(format!("a {} that matches", E::name()), matches)
    }

    #[track_caller]
    fn expect_some<E: Notification + Debug>(
        &self,
        what: String,
        matches: impl Fn(&E) -> bool,
    ) -> impl Future<Output = Shared<E>> {
        let recorder = self.recorder::<E>();
        let patience = self.waiting_at(Location::caller());
        async move { recorder.unread.expect(what, |event| matches(event), patience).await }
    }

    /// That no notification of one type is unread, and none comes for so long. Begins to watch it, if nobody did
    /// before.
    ///
    /// # Panics
    /// If there is one: with what it is.
    #[track_caller]
    pub fn expect_nothing_for<E: Notification + Debug>(&self, time: Duration) -> impl Future<Output = ()> {
        let recorder = self.recorder::<E>();
        let at = Location::caller();
        async move {
            if let Ok(event) = timeout(time, recorder.unread.next(|_| true)).await {
                let event: &E = &event;
                panic!("{at}: expected no {} for {time:?}, and got {event:?}; {}", E::name(), self.journal());
            }
        }
    }

    /// The first unread dead letter of an event of one type; others stay unread. It may have come before: the bed
    /// records dead letters from its beginning.
    ///
    /// # Panics
    /// If none comes within the [patience](Self::patience).
    #[track_caller]
    pub fn expect_dead_letter<E: Event>(&self) -> impl Future<Output = DeadLetter> {
        let recorder = self.recorder::<DeadLetter>();
        let patience = self.waiting_at(Location::caller());
        async move {
            let what = format!("a dead letter of {}", E::name());
            let of_it = |letter: &Shared<DeadLetter>| letter.event == E::name();
            recorder.unread.expect(what, of_it, patience).await.into_owned()
        }
    }

    /// The dead letters that are unread, oldest first, which are read by this.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.recorder::<DeadLetter>().unread.take_all().into_iter().map(Shared::into_owned).collect()
    }

    /// That no dead letter is unread.
    ///
    /// # Panics
    /// If there are some: with all of them.
    #[track_caller]
    pub fn expect_no_dead_letters(&self) {
        let letters = self.dead_letters();
        if !letters.is_empty() {
            let lines: Vec<_> = letters.iter().map(|letter| format!("\n  {letter}")).collect();
            panic!("expected no dead letters, and there are {}:{}", letters.len(), lines.concat());
        }
    }
}
