use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use edri_event::RouterId;
use edri_router::{Border, DeadLetterOffice, Horizon, InboxSettings, Registration, Router};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::book::{Book, Entry, log_folder};
use super::counts::{Counts, DurableStatus};
use super::error::DurableError;
use super::keep::Keep;
use super::keeping::{Keeping, begin_to_keep};
use super::log::{Log, OpenError, Shop};
use super::receipt::{Desk, Receipt};
use super::reopen::ReopenError;
use super::settings::DurableSettings;
use super::wants::Wants;
use crate::bridge::exit::Exit;
use crate::bridge::seam::Seam;
use crate::bridge::side::Side;
use crate::durable::Mark;
use crate::interest::Interest;
use crate::settings::Settings;
use crate::wire::{Consumer, Peer, Schema};

/// What lasts of a router, in a folder: what it keeps for other routers until they have handled it, and how far it has come in
/// what others keep for it.
///
/// It goes into the [`Settings`](Settings::durable) of links and networks, several of them perhaps; between two routers that both
/// have one, notifications last. The places of those who consume them are on this router's routes from the moment at which
/// it is opened, whether they are there or not. Of one network only: that of the settings it was opened with.
///
/// When the last of its clones is gone, which links and networks have too, it [closes](Self::close).
#[derive(Clone)]
pub struct Durable(Arc<Alive>);

/// Dropped with the last handle.
struct Alive(Arc<House>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// What all links of a router share.
pub(super) struct House {
    router: Router,
    seam: Arc<Seam>,
    inbox: InboxSettings,
    window: u32,
    shop: Shop,
    horizon: Horizon,
    settings: Settings,
    table: Mutex<Table>,
    /// Held while a place is put on a route, or taken off.
    routes: Mutex<()>,
}

#[derive(Default)]
struct Table {
    border: Option<Registration>,
    keeps: HashMap<RouterId, Arc<Keep>>,
    receipts: HashMap<RouterId, Arc<Receipt>>,
    marks: BTreeMap<RouterId, Mark>,
    sides: u32,
    links: u64,
    tasks: Vec<JoinHandle<()>>,
    is_closed: bool,
}

impl Durable {
    /// Opens the folder of what lasts of `router`, for links and networks of these settings. Needs a tokio runtime, and its timer.
    ///
    /// What was kept for other routers, when whoever had it was ended or killed, is kept on, and sent when they are there.
    ///
    /// # Errors
    /// [`Router`](DurableError::Router) if the folder belongs to another one, [`Journal`](DurableError::Journal) if it is in use
    /// by another process, or damaged, and all others.
    pub async fn open(
        router: &Router,
        settings: DurableSettings,
        link: &Settings,
    ) -> Result<Self, DurableError> {
        settings.check()?;
        let asked = settings.clone();
        let owner = tokio::task::spawn_blocking(move || asked.router_id())
            .await
            .unwrap_or(Err(DurableError::Closed))?;
        if owner != router.id() {
            let (folder, here) = (settings.folder.clone(), router.id());
            return Err(DurableError::Router { folder, owner, here });
        }
        let counts = Arc::new(Counts::default());
        let (book, known) = Book::open(&settings, Arc::clone(&counts)).await?;
        let name: Arc<str> = format!("what lasts of {}", link.identity.name).into();
        let office = DeadLetterOffice::new(router, name);
        let horizon = link.horizon.unwrap_or_else(|| Horizon::named(&link.identity.network));
        let seam = Arc::new(Seam::new(horizon, office.clone(), link.filter.clone()));
        let mut logs = Vec::new();
        for (router, destination) in known.destinations {
            let folder = log_folder(&settings, router, destination.log);
            let log =
                Log::open(&settings, destination.log, folder.clone()).await.map_err(|error| match error {
                    OpenError::Journal(error) => DurableError::Journal(error),
                    OpenError::Record(error) => DurableError::Record { folder, reason: error.to_string() },
                })?;
            logs.push((router, destination, log));
        }
        let house = Arc::new_cyclic(|house| House {
            router: router.clone(),
            seam,
            inbox: link.inbox,
            window: link.limits.window,
            shop: Shop {
                router: router.clone(),
                office,
                settings,
                book,
                counts,
                house: std::sync::Weak::clone(house),
            },
            horizon,
            settings: link.clone(),
            table: Mutex::new(Table { marks: known.marks, ..Table::default() }),
            routes: Mutex::default(),
        });
        // What is known here is introduced before anything is wanted: otherwise that would be on a route twice.
        let border = router.attach_border(Arc::clone(&house.seam) as Arc<dyn Border>);
        house.table().border = Some(border);
        for (router, destination, log) in logs {
            let keep = house.add_keep(&mut house.table(), router);
            keep.side.name(&destination.name.into());
            for (schema, hops) in destination.wants {
                let number = keep.state().wants.remember(schema.clone());
                number.into_iter().for_each(|number| house.put_on_route(&keep, number, schema.clone(), hops));
            }
            let task = tokio::spawn(Keeping::new(Arc::clone(&keep), house.shop.clone(), log).run());
            house.table().tasks.push(task);
        }
        Ok(Self(Arc::new(Alive(house))))
    }

    /// Ready when all that was sent before is on the disk, for all destinations there are: it is not lost by an end of this
    /// program or its machine. Where the disk fails, that is when it has been written after all.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// [`DurableError::Closed`] if it is closed before that, or one of the destinations is given up.
    pub async fn synced(&self) -> Result<(), DurableError> {
        let waiting: Vec<_> = self.0.0.keeps().iter().map(|keep| keep.barrier()).collect();
        for stored in waiting {
            stored.await.map_err(|_| DurableError::Closed)?;
        }
        // For whom it is, too.
        Ok(self.0.0.shop.book.sync().await?)
    }

    /// Ready when all that was sent before has been handled by its destinations, or is a dead letter. That takes as long as they are
    /// away.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// [`DurableError::Closed`] if it is closed before that.
    pub async fn delivered(&self) -> Result<(), DurableError> {
        let keeps = self.0.0.keeps();
        let waiting: Vec<_> = keeps.iter().map(|keep| (keep.barrier(), keep.progress.subscribe())).collect();
        for (stored, mut progress) in waiting {
            let Ok(last) = stored.await else { return self.unless_given_up() };
            let reached =
                progress.wait_for(|progress| progress.acknowledged >= last || progress.is_over).await;
            let is_reached = reached.is_ok_and(|progress| progress.acknowledged >= last);
            if !is_reached {
                self.unless_given_up()?;
            }
        }
        Ok(())
    }

    fn unless_given_up(&self) -> Result<(), DurableError> {
        if self.0.0.table().is_closed { Err(DurableError::Closed) } else { Ok(()) }
    }

    /// What is kept, and what has become of it.
    pub fn status(&self) -> DurableStatus {
        let house = &self.0.0;
        let mut destinations: Vec<_> = house.keeps().iter().map(|keep| keep.status()).collect();
        destinations.sort_by_key(|status| status.router);
        house.shop.counts.status(destinations)
    }

    /// Takes nothing more, from this router or others; ready when all that was sent before is on the disk, and how far this router
    /// has come in what others send. The folder may be opened again then.
    ///
    /// # Cancel safety
    /// If it is dropped, it is closed all the same.
    ///
    /// # Errors
    /// What the disk refuses.
    pub async fn close(&self) -> Result<(), DurableError> {
        self.0.0.leave();
        loop {
            let task = self.0.0.table().tasks.pop();
            let Some(task) = task else { break };
            // A panic of it was told.
            let _ = task.await;
        }
        let closed = self.0.0.shop.book.close().await;
        closed.map_err(|error| match error {
            ReopenError::Journal(error) => DurableError::Journal(error),
            other => DurableError::Record {
                folder: self.0.0.shop.settings.folder.join("book"),
                reason: other.to_string(),
            },
        })
    }

    /// How many records have come from others and are not handed over.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.0.0.table().receipts.values().map(|receipt| receipt.waiting()).sum()
    }

    /// Nothing is said any more, as by a program that was killed.
    #[cfg(test)]
    pub(super) fn freeze(&self) {
        let table = self.0.0.table();
        table.keeps.values().for_each(|keep| keep.freeze());
        table.receipts.values().for_each(|receipt| receipt.freeze());
    }

    pub(super) fn house(&self) -> &Arc<House> {
        &self.0.0
    }
}

impl House {
    /// Another router is at the other end of a link, which is given a number: what is kept for it goes there, if anything is, and
    /// what comes from there is taken in.
    pub(super) fn connect(self: &Arc<Self>, peer: &Peer) -> (u64, Option<Arc<Keep>>, Option<Arc<Receipt>>) {
        let router = peer.identity.router;
        let mut table = self.table();
        table.links += 1;
        let link = table.links;
        if table.is_closed {
            return (link, None, None);
        }
        let keep = table.keeps.get(&router).cloned();
        if let Some(keep) = &keep {
            keep.is_there_anew();
            begin(keep, link, peer);
        }
        let receipt = self.receipt_of(&mut table, router);
        receipt.begin(link);
        (link, keep, Some(receipt))
    }

    /// A destination that nothing was kept for wants something: it is from here on. Not where something is kept for as many
    /// others as may be.
    pub(super) fn keep_from_here(self: &Arc<Self>, peer: &Peer, link: u64) -> Option<Arc<Keep>> {
        let mut table = self.table();
        if table.is_closed {
            return None;
        }
        let keep = self.keep_for(&mut table, peer.identity.router, &peer.identity.name)?;
        begin(&keep, link, peer);
        Some(keep)
    }

    /// A link goes on with nothing under way.
    pub(super) fn carry_on(&self, keep: &Keep, link: u64, peer: &Peer) {
        let is_its = keep.state().link.is_some_and(|carrier| carrier.is(link));
        if is_its {
            begin(keep, link, peer);
        }
    }

    fn keep_for(self: &Arc<Self>, table: &mut Table, router: RouterId, name: &str) -> Option<Arc<Keep>> {
        if let Some(keep) = table.keeps.get(&router) {
            return Some(Arc::clone(keep));
        }
        let most = self.shop.settings.destinations;
        if table.keeps.len() >= most {
            tracing::warn!(
                router = name,
                most,
                "nothing that is sent there lasts: it is kept for as many others already"
            );
            return None;
        }
        let keep = self.add_keep(table, router);
        let log = RouterId::fresh().to_bits() as u64;
        let entry = Entry::Destination { router, name: name.to_owned(), log };
        let task = tokio::spawn(begin_to_keep(Arc::clone(&keep), self.shop.clone(), log, entry));
        table.tasks.retain(|task| !task.is_finished());
        table.tasks.push(task);
        Some(keep)
    }

    fn add_keep(&self, table: &mut Table, router: RouterId) -> Arc<Keep> {
        table.sides += 1;
        let side = Side::new(table.sides, Exit::new(self.inbox, self.shop.office.clone()));
        let keep = Arc::new(Keep::new(router, side, Wants::default()));
        table.keeps.insert(router, Arc::clone(&keep));
        keep
    }

    fn receipt_of(&self, table: &mut Table, source: RouterId) -> Arc<Receipt> {
        if let Some(receipt) = table.receipts.get(&source) {
            return Arc::clone(receipt);
        }
        let mark = table.marks.get(&source).copied().unwrap_or_default();
        let interrupted = self.shop.settings.interrupted;
        let receipt = Arc::new(Receipt::new(source, mark, interrupted, self.window));
        let desk = Desk {
            router: self.router.clone(),
            horizon: self.horizon,
            filter: self.settings.filter.clone(),
            book: Arc::clone(&self.shop.book),
            counts: Arc::clone(&self.shop.counts),
        };
        table.receipts.insert(source, Arc::clone(&receipt));
        table.tasks.retain(|task| !task.is_finished());
        table.tasks.push(tokio::spawn(Arc::clone(&receipt).run(desk)));
        receipt
    }

    /// A destination wants that. `false` if there is no room for it: nothing of it lasts.
    pub(super) fn wanted(&self, keep: &Keep, schema: &Schema, consumer: Consumer) -> bool {
        let routes = self.routes();
        let wanted = keep.state().wants.wanted(schema.clone());
        let Some((number, is_new)) = wanted else { return false };
        if is_new {
            self.put_on_route(keep, number, schema.clone(), consumer.load);
            let (router, schema, hops) = (keep.router, schema.clone(), consumer.load);
            self.shop.book.note(&Entry::Wants { router, schema, hops });
        }
        drop(routes);
        if !is_new {
            self.loaded(keep, schema, consumer.load);
        }
        keep.task.notify_one();
        true
    }

    /// How far away the nearest is who wants it.
    pub(super) fn loaded(&self, keep: &Keep, schema: &Schema, load: u32) {
        let number = keep.state().wants.number(schema);
        if let Some(number) = number {
            self.seam.loaded(&self.router, &keep.side, Interest::from_number(number), load);
        }
    }

    /// It takes it back.
    pub(super) fn taken_back(&self, keep: &Keep, schema: &Schema) {
        let within = TAKEN_BACK.min(self.shop.settings.resubscribe);
        keep.state().wants.taken_back(schema, Instant::now() + within);
        keep.task.notify_one();
    }

    pub(super) fn informed(&self, keep: &Keep) {
        keep.informed(Instant::now() + self.shop.settings.resubscribe);
    }

    fn put_on_route(&self, keep: &Keep, number: u32, schema: Schema, hops: u32) {
        let place = (Interest::from_number(number), number.into());
        let consumer = Consumer::own(None, hops);
        self.seam.wanted(&self.router, &keep.side, place, (schema, None), consumer);
    }

    /// Forgets what a destination does not want any more.
    pub(super) fn forget(&self, keep: &Keep) {
        let routes = self.routes();
        let gone = keep.state().wants.forget(Instant::now());
        for (number, schema) in gone {
            self.seam.unwanted(&keep.side, Interest::from_number(number));
            let (router, schema) = (keep.router, Schema::clone(&schema));
            self.shop.book.note(&Entry::Unwants { router, schema });
        }
        drop(routes);
    }

    /// Nothing more is kept for a destination, unless it is there.
    pub(super) fn take_away(&self, keep: &Arc<Keep>) -> bool {
        let mut table = self.table();
        if keep.state().link.is_some() {
            return false;
        }
        if table.keeps.get(&keep.router).is_some_and(|known| Arc::ptr_eq(known, keep)) {
            table.keeps.remove(&keep.router);
        }
        drop(table);
        let routes = self.routes();
        let numbers = keep.state().wants.numbers();
        numbers.into_iter().for_each(|number| {
            self.seam.unwanted(&keep.side, Interest::from_number(number));
        });
        drop(routes);
        true
    }

    /// What is another event here than at the destination, of those that it wants: its schema here.
    pub(super) fn take_differing(&self, keep: &Keep) -> Vec<(Schema, Schema)> {
        let all = self.seam.take_differing_of(keep.side.number);
        let state = keep.state();
        let named = all.into_iter().filter_map(|(interest, ours)| {
            let theirs = state.wants.schema(interest.number().into())?;
            Some((Schema::clone(theirs), ours))
        });
        named.collect()
    }

    fn keeps(&self) -> Vec<Arc<Keep>> {
        self.table().keeps.values().cloned().collect()
    }

    /// Takes nothing more.
    fn leave(&self) {
        let mut table = self.table();
        if std::mem::replace(&mut table.is_closed, true) {
            return;
        }
        let border = table.border.take();
        let keeps: Vec<_> = table.keeps.values().cloned().collect();
        let receipts: Vec<_> = table.receipts.values().cloned().collect();
        drop(table);
        drop(border);
        self.seam.leave_routes();
        self.shop.book.is_about_to_close();
        keeps.iter().for_each(|keep| keep.close());
        receipts.iter().for_each(|receipt| receipt.close());
    }

    /// No code of others runs under the locks, so that they cannot be poisoned.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn routes(&self) -> MutexGuard<'_, ()> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is kept goes over that link from here on.
fn begin(keep: &Keep, link: u64, peer: &Peer) {
    keep.side.name(&peer.identity.name.as_str().into());
    keep.begin(link, (peer.limits.message as usize).saturating_sub(BESIDE), peer.limits.window);
}

/// What is beside a word in a message, at the most.
const BESIDE: usize = 512;

/// An event that is taken back by a router that is there may be so because the router is about to stop, and then it is kept: it
/// is waited for so long.
const TAKEN_BACK: Duration = Duration::from_secs(10);

impl fmt::Debug for Durable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = &self.0.0.shop.settings.folder;
        formatter.debug_struct("Durable").field("folder", folder).finish_non_exhaustive()
    }
}
