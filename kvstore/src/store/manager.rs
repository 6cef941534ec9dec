use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use edri_event::Failure;
use edri_manager::manager;
use edri_router::{Accepted, Context, Health};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::answer::{Reach, refuse_to_start, register};
use super::door::Inside;
use super::{Running, Store};
use crate::error::StoreError;
use crate::event::{
    Begin, Clear, CompareAndSwap, Delete, Get, GetMany, Increment, Scan, Set, Touch, Watch, Watched,
};
use crate::keep::{Opened, Wanted};
use crate::watch::Watching;

/// How long watchers have at the end to take what they have not been told.
const UNTIL_TOLD: Duration = Duration::from_millis(500);

#[manager(name = "store")]
impl Store {
    #[started]
    async fn begin(&mut self, cx: &Context) -> Result<(), Failure> {
        let router = cx.router().clone();
        if router.request(Reach).await.is_ok() {
            return Err(refuse_to_start("there is another store on this router, and there may be one"));
        }
        let wanted = Wanted {
            settings: self.settings,
            named: &self.named,
            directory: self.directory.as_deref(),
            compact_after: self.compact_after,
            disk: &self.disk,
        };
        let Opened { core, keeper } = wanted.open().await?;
        let inside =
            Arc::new(Inside { core: Arc::clone(&core), flights: Arc::default(), router: router.clone() });
        let name: Arc<str> = cx.name().into();
        let registrations = vec![
            register::<Get>(&router, &name, &inside),
            register::<GetMany>(&router, &name, &inside),
            register::<Scan>(&router, &name, &inside),
            register::<Set>(&router, &name, &inside),
            register::<Delete>(&router, &name, &inside),
            register::<CompareAndSwap>(&router, &name, &inside),
            register::<Increment>(&router, &name, &inside),
            register::<Touch>(&router, &name, &inside),
            register::<Clear>(&router, &name, &inside),
            register::<Reach>(&router, &name, &inside),
        ];
        let sleeper = tokio::spawn(core.see_to_what_expires()).abort_handle();
        let opened = self.door.open(Arc::clone(&inside));
        self.running = Some(Running { inside, keeper, registrations, sleeper, tellers: JoinSet::new() });
        opened.map_err(|_| refuse_to_start("it has been started before, and can be started once"))
    }

    #[tunnel]
    fn watch(&mut self, open: Watch, tunnel: Accepted<Watch>) -> Result<(), Failure> {
        let running = self.running.as_mut().ok_or_else(|| StoreError::closed().into_failure())?;
        let space = running.inside.core.space(&open.namespace).map_err(StoreError::into_failure)?;
        let begin = open.begin;
        let watching = Watching::new(space, open).map_err(StoreError::into_failure)?;
        while running.tellers.try_join_next().is_some() {}
        running.tellers.spawn(tell(begin, watching, tunnel));
        Ok(())
    }

    #[health]
    fn health(&self) -> Health {
        let Some(running) = &self.running else { return Health::ok().not_ready() };
        let (gauge, namespaces) = running.inside.core.gauge();
        let health = match running.keeper.trouble() {
            None => Health::ok(),
            Some(trouble) => Health::degraded(format!("changes are not made durable: {trouble}")),
        };
        let health = match running.keeper.bytes() {
            None => health,
            Some(bytes) => health.with("disk_bytes", bytes),
        };
        health
            .with("namespaces", namespaces)
            .with("entries", gauge.entries)
            .with("bytes", gauge.bytes)
            .with("hits", gauge.hits)
            .with("misses", gauge.misses)
            .with("evictions", gauge.evictions)
            .with("expirations", gauge.expirations)
            .with("watchers", gauge.watchers)
            .with("watchers_behind_by", gauge.waiting)
            .with("changes_missed", gauge.missed)
    }

    #[stopping]
    async fn end(&mut self) -> Result<(), Failure> {
        match self.running.take() {
            None => Ok(()),
            Some(running) => running.end().await,
        }
    }
}

impl Running {
    /// Nobody is answered any more; what is on its way to the disk arrives there, and watchers are told what they have not
    /// been told, if they take it.
    async fn end(mut self) -> Result<(), Failure> {
        self.registrations.clear();
        self.inside.core.close_to_writers();
        let closed = std::mem::take(&mut self.keeper).close().await;
        self.inside.core.close();
        let told = async { while self.tellers.join_next().await.is_some() {} };
        // One that takes nothing does not keep the store.
        let _ = timeout(UNTIL_TOLD, told).await;
        Ok(closed?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.inside.core.close();
        self.sleeper.abort();
    }
}

/// Tells a watcher through its tunnel, until one of both has an end.
async fn tell(begin: Begin, mut watching: Watching, tunnel: Accepted<Watch>) {
    let (mut sender, mut receiver) = tunnel.split();
    // Where nothing is told that is there already.
    if begin == Begin::Changes && sender.send(Watched::Live).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            watched = poll_fn(|cx| watching.poll_next(cx)) => match watched {
                Some(watched) => if sender.send(watched).await.is_err() { return },
                None => return sender.abort(StoreError::closed().into_failure()),
            },
            // It has nothing to say but that it goes.
            said = receiver.recv() => if !matches!(said, Some(Ok(()))) { return sender.finish() },
        }
    }
}
