use std::sync::Arc;

use edri_link::{Closed, Link};
use edri_router::Router;
use tokio::sync::watch;

use super::connections::Connections;
use super::news::{Neighbour, NeighbourChange, NeighbourChanged, NeighbourKind};

/// What the tasks of a connector share.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) router: Router,
    /// What the connector is called.
    pub(super) name: Arc<str>,
    pub(super) connections: Connections,
    /// Whether it is to stop.
    pub(super) stop: watch::Receiver<bool>,
}

impl Desk {
    /// Ready when the connector is to stop, or is gone.
    pub(super) async fn stopping(&self) {
        let mut stop = self.stop.clone();
        // Gone, it has stopped, too.
        let _ = stop.wait_for(|stop| *stop).await;
    }

    pub(super) fn is_stopping(&self) -> bool {
        *self.stop.borrow() || self.stop.has_changed().is_err()
    }

    /// Tells the managers of the router; whoever has no room for it is waited for.
    pub(super) async fn tell(&self, neighbour: &Neighbour, change: NeighbourChange) {
        self.connections.note(neighbour, &change);
        let neighbour = neighbour.clone();
        let news = NeighbourChanged { connector: Arc::clone(&self.name), neighbour, change };
        match news.change {
            NeighbourChange::Joined | NeighbourChange::Back => {
                tracing::info!(connector = &*self.name, "{news}");
            }
            _ => tracing::warn!(connector = &*self.name, "{news}"),
        }
        if let Err(error) = self.router.notify(news).await {
            tracing::warn!(connector = &*self.name, "not all could be told of a neighbour: {error}");
        }
    }

    /// Watches a link with another router until it has ended, which it does in order when the connector is to stop.
    pub(super) async fn watch(&self, link: Link) -> Closed {
        let watching = self.follow(&link);
        tokio::pin!(watching);
        tokio::select! {
            closed = &mut watching => return closed,
            () = self.stopping() => link.close(),
        }
        watching.await
    }

    async fn follow(&self, link: &Link) -> Closed {
        let peer = match link.opened().await {
            Ok(peer) => peer,
            Err(closed) => return closed,
        };
        let mut neighbour = Neighbour::new(&peer, NeighbourKind::Router);
        self.connections.connected();
        self.tell(&neighbour, NeighbourChange::Joined).await;
        loop {
            let resumed = match link.suspends().await {
                Ok(reason) => {
                    self.connections
                        .troubled(format!("the connection to {} was lost: {reason}", neighbour.name));
                    self.tell(&neighbour, NeighbourChange::Lost { reason }).await;
                    link.resumes().await
                }
                Err(closed) => Err(closed),
            };
            match resumed {
                Ok(peer) if peer.identity.incarnation == neighbour.incarnation => {
                    self.connections.connected();
                    self.tell(&neighbour, NeighbourChange::Back).await;
                }
                Ok(peer) => {
                    let reason = "it was started anew".to_owned();
                    self.tell(&neighbour, NeighbourChange::Left { reason }).await;
                    neighbour = Neighbour::new(&peer, NeighbourKind::Router);
                    self.connections.connected();
                    self.tell(&neighbour, NeighbourChange::Joined).await;
                }
                Err(closed) => {
                    self.tell(&neighbour, NeighbourChange::Left { reason: closed.to_string() }).await;
                    return closed;
                }
            }
        }
    }
}
