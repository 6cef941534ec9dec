//! Who reads the dead letters: in the moment they are made, so that none is missed.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;

use edri::manager::{ManagerRestarted, ManagerStopped};
use edri::prelude::*;
use edri::router::{Deliver, Delivery, Envelope, Ticket, Wait};

use crate::books::Books;
use crate::event::Told;

/// Enters notifications in the books on the task that sends them: a subscriber without an inbox.
struct Reader<E> {
    books: Arc<Books>,
    enter: fn(&Books, &E),
    event: PhantomData<fn(E)>,
}

impl<E: Notification> Deliver<Envelope<E>> for Reader<E> {
    fn deliver(&self, parcel: &mut Option<Envelope<E>>, _lane: Priority, _wait: Wait<'_>) -> Delivery {
        if let Some(envelope) = parcel.take() {
            (self.enter)(&self.books, &envelope.event);
        }
        Delivery::Accepted
    }

    fn deliver_many(&self, parcels: &mut VecDeque<Envelope<E>>, _lane: Priority) -> bool {
        parcels.drain(..).for_each(|envelope| (self.enter)(&self.books, &envelope.event));
        true
    }

    /// It has no line.
    fn taken_in(&self, _ticket: Ticket, _waker: &Waker) -> bool {
        true
    }

    fn withdraw(&self, _ticket: Ticket) {}

    fn name(&self) -> &str {
        "the books"
    }
}

fn read<E: Notification>(router: &Router, books: &Arc<Books>, enter: fn(&Books, &E)) {
    let reader = Reader { books: Arc::clone(books), enter, event: PhantomData };
    router.attach_subscriber(Arc::new(reader)).keep();
}

fn read_line<const L: usize>(router: &Router, books: &Arc<Books>) {
    read(router, books, |books, lost: &Undelivered<Told<L>>| books.line(L).told.lose(lost));
}

/// Reads all there are for as long as the router is there.
pub fn read_all(router: &Router, books: &Arc<Books>) {
    read_line::<0>(router, books);
    read_line::<1>(router, books);
    read_line::<2>(router, books);
    read_line::<3>(router, books);
    read_line::<4>(router, books);
    read_line::<5>(router, books);
    read_line::<6>(router, books);
    read_line::<7>(router, books);
    read_line::<8>(router, books);
    read_line::<9>(router, books);
    read_line::<10>(router, books);
    read_line::<11>(router, books);
    // Nobody else subscribes to the router's own news: they would be dead letters, too.
    read(router, books, |books, _: &ManagerRestarted| count(&books.news.restarts));
    read(router, books, |books, _: &ManagerStopped| count(&books.news.stops));
    read(router, books, |books, _: &HealthChanged| count(&books.news.health));
}

fn count(news: &std::sync::atomic::AtomicU64) {
    news.fetch_add(1, Ordering::Relaxed);
}
