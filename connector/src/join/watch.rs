use std::collections::BTreeMap;
use std::sync::Arc;

use edri_event::RouterId;
use edri_link::{Closed, Link, LinkStatus, Network, NetworkStatus, Standing, Watch};
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

    /// Watches a link with another router until it has ended, which it does in order when the connector is to stop.
    pub(super) async fn watch_link(&self, link: Link) -> Closed {
        self.watch(link.watch(), || link.close()).await
    }

    /// The same for a membership in a network.
    pub(super) async fn watch_network(&self, network: Network) -> Closed {
        self.watch(network.watch(), || network.close()).await
    }

    async fn watch<S: Watched>(&self, mut watching: Watch<S>, close: impl Fn()) -> Closed {
        let mut told = Told::default();
        let mut closes = false;
        let mut status = watching.current();
        loop {
            if let Some(closed) = self.look(status.view(), &mut told).await {
                return closed;
            }
            tokio::select! {
                changed = watching.changed() => match changed {
                    Some(changed) => status = changed,
                    None => *status.standing() = Standing::Closed(vanished()),
                },
                () = self.stopping(), if !closes => {
                    closes = true;
                    close();
                }
            }
        }
    }

    /// Notes and tells what has changed; gives back how it ended, if it has.
    async fn look(&self, view: View, told: &mut Told) -> Option<Closed> {
        match view.trouble {
            Some(trouble) => self.connections.troubled(trouble),
            None if view.informed => self.connections.connected(),
            None => {}
        }
        for (neighbour, change) in told.tell(view.there, &view.gone) {
            self.tell(neighbour, change).await;
        }
        view.closed
    }

    /// Tells the managers of the router; whoever has no room for it is waited for, until the connector is to stop.
    async fn tell(&self, neighbour: Neighbour, change: NeighbourChange) {
        self.connections.note(&neighbour, &change);
        let news = NeighbourChanged { connector: Arc::clone(&self.name), neighbour, change };
        match news.change {
            NeighbourChange::Lost { .. } => tracing::warn!(connector = &*self.name, "{news}"),
            _ => tracing::info!(connector = &*self.name, "{news}"),
        }
        if !self.router.has_subscribers::<NeighbourChanged>() {
            return;
        }
        // At the end nobody is waited for who has no room.
        let told = tokio::select! {
            biased;
            told = self.router.notify(news) => told,
            () = self.stopping() => return,
        };
        if let Err(error) = told {
            tracing::warn!(connector = &*self.name, "not all could be told of a neighbour: {error}");
        }
    }
}

fn vanished() -> Closed {
    Closed::Lost { reason: "its task was stopped".to_owned() }
}

/// What there is to see at a moment.
struct View {
    /// Who is there; of those that cannot be reached, why.
    there: Vec<(Neighbour, Option<String>)>,
    /// Why those are gone who are not among them.
    gone: String,
    /// Why it is not connected.
    trouble: Option<String>,
    /// All is known that was there when it began.
    informed: bool,
    closed: Option<Closed>,
}

/// What can be watched.
trait Watched: Clone {
    fn standing(&mut self) -> &mut Standing;
    fn view(&self) -> View;
}

impl Watched for LinkStatus {
    fn standing(&mut self) -> &mut Standing {
        &mut self.standing
    }

    fn view(&self) -> View {
        let peer = self.peer.as_ref().filter(|_| self.informed);
        let peer = peer.map(|peer| Neighbour::new(peer, NeighbourKind::Router));
        let view = View::of(&self.standing, peer, self.trouble.as_deref(), self.informed);
        View { gone: "it was started anew".to_owned(), ..view }.or_closed()
    }
}

impl Watched for NetworkStatus {
    fn standing(&mut self) -> &mut Standing {
        &mut self.standing
    }

    fn view(&self) -> View {
        let switch = self.switch.as_ref().map(|switch| Neighbour::new(switch, NeighbourKind::Switch));
        let mut view = View::of(&self.standing, switch, self.trouble.as_deref(), self.informed);
        // Before it is known what it consumes, an event that follows the news would not reach it.
        let known = self.members.values().filter(|member| member.informed);
        view.there.extend(known.map(|member| {
            let away = member.is_away.then(|| "it is not in its network for now".to_owned());
            (Neighbour::new(&member.peer, NeighbourKind::Router), away)
        }));
        View { gone: "it is not in the network any more".to_owned(), ..view }.or_closed()
    }
}

impl View {
    fn of(standing: &Standing, end: Option<Neighbour>, trouble: Option<&str>, informed: bool) -> Self {
        let (lost, closed) = match standing {
            Standing::Suspended { reason } => (Some(reason.clone()), None),
            Standing::Closed(closed) => (None, Some(closed.clone())),
            _ => (None, None),
        };
        let trouble = match (standing, trouble) {
            (Standing::Open, _) => None,
            (_, Some(trouble)) => Some(trouble.to_owned()),
            (Standing::Closed(closed), None) => Some(closed.to_string()),
            (_, None) => lost.as_ref().map(|reason| format!("the connection was lost: {reason}")),
        };
        let there = end.map(|end| (end, lost)).into_iter().collect();
        Self { there, gone: String::new(), trouble, informed, closed }
    }

    /// When it has ended nobody is there.
    fn or_closed(mut self) -> Self {
        if let Some(closed) = &self.closed {
            self.there.clear();
            self.gone = closed.to_string();
        }
        self
    }
}

/// Who is there, as was told.
#[derive(Default)]
struct Told(BTreeMap<(RouterId, u64), Reached>);

#[derive(Clone, PartialEq, Eq)]
struct Reached {
    neighbour: Neighbour,
    /// It was told to be lost.
    lost: bool,
}

impl Told {
    /// What is to be told: first of those who have gone.
    fn tell(
        &mut self,
        there: Vec<(Neighbour, Option<String>)>,
        gone: &str,
    ) -> Vec<(Neighbour, NeighbourChange)> {
        let mut before = std::mem::take(&mut self.0);
        let mut news = Vec::new();
        for (neighbour, away) in there {
            let key = (neighbour.router, neighbour.incarnation);
            let known = before.remove(&key);
            if known.is_none() {
                news.push((neighbour.clone(), NeighbourChange::Joined));
            }
            let was_lost = known.is_some_and(|known| known.lost);
            let lost = away.is_some();
            match away {
                Some(reason) if !was_lost => news.push((neighbour.clone(), NeighbourChange::Lost { reason })),
                None if was_lost => news.push((neighbour.clone(), NeighbourChange::Back)),
                _ => {}
            }
            self.0.insert(key, Reached { neighbour, lost });
        }
        let left = |known: Reached| (known.neighbour, NeighbourChange::Left { reason: gone.to_owned() });
        before.into_values().map(left).chain(news).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbour(name: &str, incarnation: u64) -> Neighbour {
        Neighbour {
            router: RouterId::from_bits(name.len() as u128),
            incarnation,
            name: name.into(),
            kind: NeighbourKind::Router,
        }
    }

    #[test]
    fn what_has_changed_is_told_and_first_who_has_gone() {
        let mut told = Told::default();
        let mut tell = |there: &[(&str, u64, bool)]| {
            let there = there.iter().map(|(name, incarnation, away)| {
                (neighbour(name, *incarnation), away.then(|| "lost".to_owned()))
            });
            let news = told.tell(there.collect(), "gone");
            news.into_iter().map(|(who, change)| format!("{} {change}", who.name)).collect::<Vec<_>>()
        };
        assert_eq!(tell(&[("a", 1, false)]), ["a joined"]);
        assert_eq!(tell(&[("a", 1, false), ("bb", 1, true)]), ["bb joined", "bb was lost: lost"]);
        assert_eq!(tell(&[("a", 1, true), ("bb", 1, true)]), ["a was lost: lost"]);
        assert_eq!(tell(&[("a", 1, false), ("bb", 1, false)]), ["a is back", "bb is back"]);
        // Started anew it is another.
        assert_eq!(tell(&[("a", 2, false), ("bb", 1, false)]), ["a left: gone", "a joined"]);
        assert_eq!(tell(&[]), ["a left: gone", "bb left: gone"]);
        assert!(tell(&[]).is_empty());
    }
}
