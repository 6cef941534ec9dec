use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use tokio::sync::watch;

use crate::error::JournalError;
use crate::log::{End, List, Log};
use crate::position::Position;
use crate::settings::Settings;
use crate::storage::FileSystem;
use crate::write::{Queue, Stage};

/// What the handles of a journal, its readers and its writer have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) files: Arc<dyn FileSystem>,
    pub(crate) list: Arc<List>,
    pub(crate) limit: u64,
    pub(crate) queue: Queue,
    view: watch::Sender<View>,
    /// Whether somebody writes a snapshot.
    pub(crate) snapshot_under_way: AtomicBool,
    /// How many were begun.
    pub(crate) snapshots_begun: AtomicU64,
    /// How the writer ended.
    pub(crate) ended: Stage<Result<(), JournalError>>,
}

/// What of a journal lasts, at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) end: End,
    pub(crate) confirmed: Option<Position>,
    pub(crate) snapshot: Option<Position>,
    /// Whether nothing will be written any more.
    pub(crate) closed: bool,
}

impl View {
    fn of(log: &Log) -> Self {
        Self { end: log.end(), confirmed: log.confirmed(), snapshot: log.snapshot(), closed: false }
    }
}

impl Shared {
    pub(crate) fn new(log: &Log, settings: &Settings) -> Self {
        Self {
            files: log.files(),
            list: log.list(),
            limit: settings.limit,
            queue: Queue::new(settings),
            view: watch::Sender::new(View::of(log)),
            snapshot_under_way: AtomicBool::new(false),
            snapshots_begun: AtomicU64::new(0),
            ended: Stage::default(),
        }
    }

    pub(crate) fn view(&self) -> View {
        *self.view.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<View> {
        self.view.subscribe()
    }

    pub(crate) fn publish(&self, log: &Log) {
        let view = View::of(log);
        self.view.send_if_modified(|known| {
            let is_new = *known != view;
            *known = view;
            is_new
        });
    }

    /// The writer has ended: in order, or for this reason.
    pub(crate) fn end(&self, why: JournalError) {
        self.ended.complete(Err(why.clone()));
        self.queue.abandon(why);
        self.view.send_modify(|view| view.closed = true);
    }
}
