use crate::channel::{Allowance, Cost, Grants};
use crate::message::{Ending, Party, Route};
use crate::numbers::ByNumber;

/// A tunnel over a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TunnelId {
    session: u64,
    opener: Opener,
    number: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Opener {
    Here,
    There,
}

impl TunnelId {
    /// As this end writes it.
    pub(crate) fn route(self) -> Route {
        let opener = match self.opener {
            Opener::Here => Party::Sender,
            Opener::There => Party::Receiver,
        };
        Route { opener, number: self.number }
    }

    /// Its number as its opener gave it.
    pub(crate) fn number(self) -> u64 {
        self.number
    }
}

/// One tunnel: two directions, each of which ends on its own. It is forgotten when both have.
#[derive(Debug)]
pub(crate) struct Tunnel {
    stage: Stage,
    allowance: Allowance,
    sending: Sending,
    grants: Grants,
    receiving: Receiving,
    /// A grant waits to be sent; it will say the latest.
    grant_queued: bool,
}

#[derive(Debug)]
enum Stage {
    /// The other end has not accepted yet. Ends that come before are sent then, so that they do not overtake the
    /// opening.
    Opening(Vec<Early>),
    /// This end has not accepted yet.
    Offered,
    Established,
}

/// What was said of a tunnel before the other end accepted it.
#[derive(Debug)]
pub(crate) enum Early {
    End(Ending),
    Stop(Ending),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Open,
    /// The end has been said, and waits to be sent.
    Ending,
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Receiving {
    Open,
    /// This end wants nothing more; what comes before the other end knows is dropped.
    Stopped,
    Ended,
}

/// What to do with an item that came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Came {
    Take,
    Drop,
    BeyondWindow,
}

impl Tunnel {
    fn new(stage: Stage, granted: u64, window: u32) -> Self {
        let mut allowance = Allowance::default();
        allowance.raise(granted);
        Self {
            stage,
            allowance,
            sending: Sending::Open,
            grants: Grants::new(window),
            receiving: Receiving::Open,
            grant_queued: false,
        }
    }

    /// One that this end opens, ready to receive a window's worth.
    pub(crate) fn opening(window: u32) -> Self {
        Self::new(Stage::Opening(Vec::new()), 0, window)
    }

    /// One that the other end opens.
    pub(crate) fn offered(granted: u64) -> Self {
        // What is received is granted when it is accepted.
        Self::new(Stage::Offered, granted, 0)
    }

    /// This end accepts. `false` if it has before, or opened the tunnel itself.
    pub(crate) fn accept(&mut self, window: u32) -> bool {
        let offered = matches!(self.stage, Stage::Offered);
        if offered {
            self.stage = Stage::Established;
            self.grants = Grants::new(window);
        }
        offered
    }

    /// The other end has accepted, or has refused; what was held back until then.
    pub(crate) fn established(&mut self) -> Vec<Early> {
        match std::mem::replace(&mut self.stage, Stage::Established) {
            Stage::Opening(early) => early,
            Stage::Offered => {
                self.stage = Stage::Offered;
                Vec::new()
            }
            Stage::Established => Vec::new(),
        }
    }

    /// Whether an item may be sent.
    pub(crate) fn may_send(&self) -> bool {
        self.sending == Sending::Open && self.allowance.is_open()
    }

    pub(crate) fn spend(&mut self, cost: Cost) {
        self.allowance.spend(cost);
    }

    pub(crate) fn raise(&mut self, granted: u64) {
        self.allowance.raise(granted);
    }

    /// This end sends no more. What is to be sent now; nothing if it has said so before, or has to hold it back.
    pub(crate) fn end(&mut self, ending: Ending) -> Option<Ending> {
        if self.sending != Sending::Open {
            return None;
        }
        self.sending = Sending::Ending;
        match &mut self.stage {
            Stage::Opening(early) => {
                early.push(Early::End(ending));
                None
            }
            Stage::Offered | Stage::Established => Some(ending),
        }
    }

    /// This end receives no more. As [`end`](Self::end).
    pub(crate) fn stop(&mut self, ending: Ending) -> Option<Ending> {
        if self.receiving != Receiving::Open {
            return None;
        }
        self.receiving = Receiving::Stopped;
        match &mut self.stage {
            Stage::Opening(early) => {
                early.push(Early::Stop(ending));
                None
            }
            Stage::Offered | Stage::Established => Some(ending),
        }
    }

    pub(crate) fn arrive(&mut self, cost: Cost) -> Came {
        if !self.grants.arrive(cost) {
            return Came::BeyondWindow;
        }
        match self.receiving {
            Receiving::Open => Came::Take,
            Receiving::Stopped | Receiving::Ended => Came::Drop,
        }
    }

    /// The other end sends no more. Whether anybody here still wants to know.
    pub(crate) fn ended_there(&mut self) -> bool {
        std::mem::replace(&mut self.receiving, Receiving::Ended) == Receiving::Open
    }

    pub(crate) fn is_sending(&self) -> bool {
        self.sending == Sending::Open
    }

    pub(crate) fn is_receiving(&self) -> bool {
        self.receiving == Receiving::Open
    }

    /// What came has been handled. Whether a grant has to be queued.
    pub(crate) fn handled(&mut self, cost: Cost) -> bool {
        let worth_it = self.grants.handle(cost) && self.receiving == Receiving::Open && !self.grant_queued;
        self.grant_queued |= worth_it;
        worth_it
    }

    pub(crate) fn grant(&mut self) -> u64 {
        self.grant_queued = false;
        self.grants.grant()
    }

    /// Both directions have ended.
    pub(crate) fn is_over(&self) -> bool {
        self.sending == Sending::Ended && self.receiving == Receiving::Ended
    }
}

/// The tunnels that are open, in both directions.
#[derive(Debug)]
pub(crate) struct Tunnels {
    open: ByNumber<TunnelId, Tunnel>,
    ours: usize,
    next: u64,
    /// Those of an earlier one are lost.
    session: u64,
}

impl Tunnels {
    pub(crate) fn new(session: u64) -> Self {
        Self { open: ByNumber::default(), ours: 0, next: 0, session }
    }

    pub(crate) fn open(&mut self, tunnel: Tunnel) -> TunnelId {
        let id = TunnelId { session: self.session, opener: Opener::Here, number: self.next };
        self.next += 1;
        self.ours += 1;
        self.open.insert(id, tunnel);
        id
    }

    /// It was not sent, after all.
    pub(crate) fn not_opened(&mut self, id: TunnelId) {
        self.ours -= usize::from(self.open.remove(&id).is_some());
    }

    /// One that the other end opens; `None` if the number is taken.
    pub(crate) fn arrive(&mut self, number: u64, tunnel: Tunnel) -> Option<TunnelId> {
        let id = TunnelId { session: self.session, opener: Opener::There, number };
        self.open.insert(id, tunnel).is_none().then_some(id)
    }

    /// As the other end wrote it.
    pub(crate) fn named(&self, route: Route) -> TunnelId {
        let opener = match route.opener {
            Party::Sender => Opener::There,
            Party::Receiver => Opener::Here,
        };
        TunnelId { session: self.session, opener, number: route.number }
    }

    pub(crate) fn get(&mut self, id: TunnelId) -> Option<&mut Tunnel> {
        self.open.get_mut(&id)
    }

    /// The end of this end's direction has been sent. Until then it counts, or a peer that does not read could have
    /// ends pile up.
    pub(crate) fn end_sent(&mut self, id: TunnelId) {
        if let Some(tunnel) = self.open.get_mut(&id) {
            tunnel.sending = Sending::Ended;
        }
        self.forget_if_over(id);
    }

    pub(crate) fn forget_if_over(&mut self, id: TunnelId) {
        if self.open.get(&id).is_some_and(Tunnel::is_over) {
            self.open.remove(&id);
            self.ours -= usize::from(id.opener == Opener::Here);
        }
    }

    /// How many this end opened.
    #[inline]
    pub(crate) fn ours(&self) -> usize {
        self.ours
    }

    /// How many the other end opened.
    pub(crate) fn theirs(&self) -> usize {
        self.open.len() - self.ours
    }

    /// Forgets all of them, and gives those that had not ended. From here on it is another session.
    pub(crate) fn clear(&mut self, next_session: u64) -> Vec<(TunnelId, Tunnel)> {
        self.ours = 0;
        self.session = next_session;
        let mut open: Vec<_> = self.open.drain().collect();
        open.sort_unstable_by_key(|(id, _)| *id);
        open
    }
}
