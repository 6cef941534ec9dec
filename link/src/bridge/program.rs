use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use edri_router::{Border, DeadLetterOffice, Horizon, LinkLost, Reason, Registration, Router};
use tokio::sync::{mpsc, watch};
use tokio::time::Sleep;

use super::exit::Exit;
use super::incoming::Incoming;
use super::link::{Close, State};
use super::offers::Offers;
use super::outgoing::Outgoing;
use super::pump::Heard;
use super::pumps::Pumps;
use super::seam::Seam;
use crate::drive::{self, Happened};
use crate::endpoint::{Closed, Endpoint, Event};
use crate::handshake::Peer;
use crate::settings::Settings;

/// All that a router has under way over one link, as the driver runs it.
pub(super) struct Program {
    router: Router,
    seam: Arc<Seam>,
    /// That the router knows it.
    border: Option<Registration>,
    offers: Offers,
    outgoing: Outgoing,
    incoming: Incoming,
    pumps: Pumps,
    tell: watch::Sender<State>,
    close: mpsc::UnboundedReceiver<Close>,
    closing: Closing,
    /// When to tell again how loaded those are who answer here.
    loads: Option<Pin<Box<Sleep>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    Not,
    /// What waits in the inboxes still goes out, and then the link is closed.
    Draining,
    Asked,
}

/// So many mismatches are kept for whoever asks.
const MISMATCHES: usize = 256;

/// How loaded those are who answer is told no more often than this.
const LOADS: Duration = Duration::from_millis(50);

impl Program {
    pub(super) fn new(
        router: &Router,
        settings: &Settings,
        (tell, close): (watch::Sender<State>, mpsc::UnboundedReceiver<Close>),
    ) -> Self {
        let name: Arc<str> = format!("a link of {}", settings.identity.name).into();
        let office = DeadLetterOffice::new(router, Arc::clone(&name));
        let exit = Arc::new(Exit::new(settings.inbox, office.clone()));
        let horizon = settings.horizon.unwrap_or_else(|| Horizon::named(&settings.identity.network));
        let filter = settings.filter.clone();
        let seam = Arc::new(Seam::new(horizon, Arc::clone(&exit), office.clone(), filter));
        let border = router.attach_border(Arc::clone(&seam) as Arc<dyn Border>);
        Self {
            router: router.clone(),
            seam,
            border: Some(border),
            offers: Offers::default(),
            outgoing: Outgoing::new(exit, office),
            incoming: Incoming::new(router, horizon),
            pumps: Pumps::new(),
            tell,
            close,
            closing: Closing::Not,
            loads: None,
        }
    }

    fn opened(&mut self, peer: Peer) {
        let name: Arc<str> = peer.identity.name.as_str().into();
        self.incoming.opened(peer.identity.router, &name);
        self.seam.name_peer(&name);
        self.outgoing.peer = name;
        self.tell.send_modify(|state| (state.peer, state.suspended) = (Some(peer), None));
    }

    /// Tells the other end what is consumed here, and what of its own wishes is something else here.
    fn tell_interests(&mut self, endpoint: &mut Endpoint, cx: &mut Context<'_>) -> Happened {
        let mut happened = Happened::Nothing;
        if self.closing == Closing::Not {
            for event in self.seam.take_changed(cx) {
                self.offers.update(&self.router, &self.seam, endpoint, &event);
                happened = Happened::Something;
            }
        }
        for (interest, ours) in self.seam.take_differing() {
            endpoint.differs(interest, ours);
            happened = Happened::Something;
        }
        happened
    }

    /// Tells how loaded those are who answer here, a while after something was asked of them.
    fn tell_loads(&mut self, endpoint: &mut Endpoint, cx: &mut Context<'_>) {
        if self.incoming.take_asked() && self.loads.is_none() {
            self.loads = Some(Box::pin(tokio::time::sleep(LOADS)));
        }
        if let Some(due) = &mut self.loads
            && due.as_mut().poll(cx).is_ready()
        {
            self.loads = None;
            self.offers.update_loads(&self.router, &self.seam, endpoint);
        }
    }

    fn ended(&mut self, closed: Closed) {
        self.leave_routes();
        let lost = LinkLost::new(&*self.outgoing.peer, closed.to_string());
        let reason = match &closed {
            Closed::Orderly => Reason::Stopped,
            _ => Reason::LinkLost { peer: lost.peer.clone(), reason: lost.reason.clone() },
        };
        self.outgoing.end(&reason);
        self.incoming.end();
        self.pumps.end(&lost);
        self.tell.send_modify(|state| state.closed = Some(closed));
    }

    fn leave_routes(&mut self) {
        self.border = None;
        self.seam.leave_routes();
    }

    fn poll_close(&mut self, endpoint: &mut Endpoint, cx: &mut Context<'_>, now: Instant) {
        if self.closing == Closing::Not
            && let Poll::Ready(_) = self.close.poll_recv(cx)
        {
            // Also when the handle was dropped. Nobody sends here any more, and what waits goes first.
            self.closing = Closing::Draining;
            self.leave_routes();
        }
        if self.closing == Closing::Draining && (self.outgoing.is_empty() || !endpoint.is_open()) {
            self.closing = Closing::Asked;
            endpoint.close(now);
        }
    }
}

impl drive::Program for Program {
    fn learn(&mut self, endpoint: &mut Endpoint, event: Event) {
        match event {
            Event::Opened(peer) => self.opened(peer),
            Event::Informed => self.tell.send_modify(|state| state.informed = true),
            Event::Wanted { interest, schema, group, consumer } => {
                let address = self.outgoing.addresses.add(interest, schema.clone(), group.clone());
                self.seam.wanted(&self.router, interest, address, (schema, group), consumer);
            }
            Event::Unwanted { interest } => {
                if let Some(address) = self.seam.unwanted(interest) {
                    self.outgoing.addresses.retire(address);
                }
            }
            Event::Load { interest, load } => self.seam.loaded(&self.router, interest, load),
            Event::Mismatch(mismatch) => {
                tracing::error!(%mismatch, "an event is not the same at both ends of a link");
                self.tell.send_modify(|state| {
                    if state.mismatches.len() < MISMATCHES {
                        state.mismatches.push(mismatch);
                    }
                });
            }
            Event::Notification { interest, circumstances, payload } => {
                self.incoming.notification(endpoint, &mut self.offers, interest, circumstances, &payload);
            }
            Event::Request { call, interest, circumstances, payload } => {
                self.incoming.request(endpoint, &mut self.offers, call, interest, circumstances, &payload);
            }
            Event::TunnelOpened { tunnel, interest, circumstances, payload, granted } => {
                let came = (tunnel, granted);
                self.incoming.tunnel(endpoint, &mut self.offers, came, interest, circumstances, &payload);
            }
            Event::Suspended { reason } => self.tell.send_modify(|state| state.suspended = Some(reason)),
            Event::Resumed => self.tell.send_modify(|state| state.suspended = None),
            Event::Undelivered { interest, circumstances, payload, cause } => {
                self.outgoing.undelivered(&self.router, interest, circumstances, &payload, cause);
            }
            Event::Cancelled { call } => self.incoming.cancelled(call),
            Event::Answer { call, outcome } => self.outgoing.answer(call, outcome),
            Event::Progress { call, progress } => self.outgoing.calls.report(call, progress),
            Event::TunnelGranted { tunnel, granted } => self.pumps.granted(tunnel, granted),
            Event::TunnelItem { tunnel, payload } => self.pumps.hear(tunnel, Heard::Item(payload)),
            // When the link has ended, its tunnels end with it, and with its reason.
            Event::TunnelEnded { .. } | Event::TunnelStopped { .. } if endpoint.is_closed() => {}
            Event::TunnelEnded { tunnel, ending } => self.pumps.hear(tunnel, Heard::End(ending)),
            Event::TunnelStopped { tunnel, .. } => self.pumps.stopped(tunnel),
            Event::Closed(closed) => {
                self.incoming.flush(endpoint, &mut self.offers);
                self.ended(closed);
            }
        }
    }

    fn poll(&mut self, endpoint: &mut Endpoint, cx: &mut Context<'_>, now: Instant) -> Happened {
        if endpoint.is_closed() {
            return Happened::Nothing;
        }
        self.incoming.flush(endpoint, &mut self.offers);
        self.poll_close(endpoint, cx, now);
        let told = self.tell_interests(endpoint, cx);
        self.tell_loads(endpoint, cx);
        let incoming = self.incoming.poll(endpoint, &mut self.pumps, cx);
        let outgoing = self.outgoing.poll(endpoint, &mut self.pumps, cx);
        told.or(incoming).or(outgoing).or(self.pumps.poll(endpoint, cx))
    }
}
