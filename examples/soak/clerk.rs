//! The managers and workers that do what their events say, and enter it in the books.

use std::sync::Arc;
use std::time::Duration;

use edri::manager::HandlerTimeout;
use edri::prelude::*;

use crate::books::Books;
use crate::event::{Ask, Patience, Receipt, Told};

/// How often an event is delivered again to the manager that comes after the one it took down.
pub const REDELIVER: u32 = 2;

/// Its handlers may wait.
pub struct Clerk<const L: usize> {
    books: Arc<Books>,
}

/// Its handlers do not.
pub struct Scribe<const L: usize> {
    books: Arc<Books>,
}

/// One of a pool.
pub struct Porter<const L: usize> {
    books: Arc<Books>,
}

#[manager]
impl<const L: usize> Clerk<L> {
    #[notification]
    async fn told(&self, event: &Told<L>) -> Result<(), Failure> {
        event.how.perform(event.is_tried_first()).await?;
        handled(&self.books, event);
        Ok(())
    }

    #[request]
    async fn ask(&self, event: Ask<L>) -> Result<Receipt, Failure> {
        begun(&self.books, &event);
        event.how.perform(true).await?;
        Ok(Receipt::new(&self.books.line(L).asked.receipts))
    }
}

#[manager]
impl<const L: usize> Scribe<L> {
    #[notification]
    fn told(&self, event: &Told<L>) -> Result<(), Failure> {
        event.how.perform_now(event.is_tried_first())?;
        handled(&self.books, event);
        Ok(())
    }

    #[request]
    fn ask(&self, event: Ask<L>) -> Result<Receipt, Failure> {
        begun(&self.books, &event);
        event.how.perform_now(true)?;
        Ok(Receipt::new(&self.books.line(L).asked.receipts))
    }
}

impl<const L: usize> Porter<L> {
    pub fn maker(books: &Arc<Books>) -> impl Fn() -> Self + Send + Sync + 'static {
        let books = Arc::clone(books);
        move || Self { books: Arc::clone(&books) }
    }
}

impl<const L: usize> Worker for Porter<L> {
    type Job = Ask<L>;

    async fn run(&mut self, job: Ask<L>, _cx: &WorkerContext) -> Result<Receipt, Failure> {
        begun(&self.books, &job);
        job.how.perform(true).await?;
        Ok(Receipt::new(&self.books.line(L).asked.receipts))
    }
}

fn handled<const L: usize>(books: &Books, event: &Told<L>) {
    let book = &books.line(L).told;
    book.handle(event);
    // Those that several have are tried by each.
    if L != crate::lines::FAN_OUT && event.tries() > 1 + REDELIVER {
        book.tried_too_often.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

fn begun<const L: usize>(books: &Books, event: &Ask<L>) {
    if event.patience == Patience::Patient {
        books.line(L).asked.begun.add(event.sender, event.number);
    }
}

pub fn clerk<const L: usize>(books: &Arc<Books>, name: &'static str) -> Host<Clerk<L>> {
    let books = Arc::clone(books);
    let host = Host::from_fn(move || Clerk { books: Arc::clone(&books) });
    supervised(host, name).handler_timeout(HandlerTimeout::after(Duration::from_millis(50)).abandon())
}

pub fn scribe<const L: usize>(books: &Arc<Books>, name: &'static str) -> Host<Scribe<L>> {
    let books = Arc::clone(books);
    supervised(Host::from_fn(move || Scribe { books: Arc::clone(&books) }), name)
}

/// Made anew at once, and as often as it takes.
fn supervised<M: Manager>(host: Host<M>, name: &'static str) -> Host<M> {
    host.name(name)
        .redeliver(REDELIVER)
        .budget(100_000, Duration::from_secs(1))
        .backoff(Backoff::constant(Duration::from_millis(1)))
}
