use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use edri_router::{InboxSettings, Router};
use tokio::sync::{mpsc, watch};

use super::echo::LinkId;
use super::events::Events;
use super::incoming::{Came, Incoming};
use super::link::{Close, State};
use super::outgoing::Outgoing;
use super::pump::Heard;
use super::pumps::Pumps;
use crate::drive::{self, Happened};
use crate::endpoint::{Endpoint, Event};

/// All that a router has under way over one link, as the driver runs it.
pub(super) struct Program {
    outgoing: Outgoing,
    incoming: Incoming,
    pumps: Pumps,
    tell: watch::Sender<State>,
    close: mpsc::UnboundedReceiver<Close>,
    closing: Closing,
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

impl Program {
    pub(super) fn new(
        router: &Router,
        (link, name): (LinkId, Arc<str>),
        inbox: InboxSettings,
        events: Events,
        endpoint: &mut Endpoint,
        (tell, close): (watch::Sender<State>, mpsc::UnboundedReceiver<Close>),
    ) -> Self {
        Self {
            outgoing: Outgoing::new(router, link, name, inbox, events.outward, endpoint),
            incoming: Incoming::new(router, link, events.inward, endpoint),
            pumps: Pumps::new(),
            tell,
            close,
            closing: Closing::Not,
        }
    }

    fn poll_close(&mut self, endpoint: &mut Endpoint, cx: &mut Context<'_>, now: Instant) {
        if self.closing == Closing::Not
            && let Poll::Ready(_) = self.close.poll_recv(cx)
        {
            // Also when the handle was dropped. Nobody sends here any more, and what waits goes first.
            self.closing = Closing::Draining;
            self.outgoing.leave_routes();
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
            Event::Opened(peer) => self.tell.send_modify(|state| state.peer = Some(peer)),
            Event::Informed => self.tell.send_modify(|state| state.informed = true),
            Event::Wanted { interest, schema, .. } => {
                if self.closing == Closing::Not {
                    self.outgoing.wanted(interest, &schema);
                }
            }
            Event::Unwanted { interest } => self.outgoing.unwanted(interest),
            Event::Load { .. } | Event::Suspended { .. } | Event::Resumed => {}
            Event::Undelivered { interest, cause, .. } => {
                tracing::warn!(?interest, ?cause, "a notification was not delivered over a link");
            }
            Event::Mismatch(mismatch) => {
                tracing::error!(%mismatch, "an event is not the same at both ends of a link");
                self.tell.send_modify(|state| {
                    if state.mismatches.len() < MISMATCHES {
                        state.mismatches.push(mismatch);
                    }
                });
            }
            Event::Notification { interest, circumstances, payload } => {
                self.incoming.arrived(endpoint, interest, circumstances, &payload, Came::Notification);
            }
            Event::Request { call, interest, circumstances, payload } => {
                self.incoming.arrived(endpoint, interest, circumstances, &payload, Came::Request(call));
            }
            Event::TunnelOpened { tunnel, interest, circumstances, payload, granted } => {
                let came = Came::Tunnel(tunnel, granted);
                self.incoming.arrived(endpoint, interest, circumstances, &payload, came);
            }
            Event::Cancelled { call } => self.incoming.cancelled(call),
            Event::Answer { call, outcome } => self.outgoing.answer(call, outcome),
            Event::Progress { call, progress } => self.outgoing.report(call, progress),
            Event::TunnelGranted { tunnel, granted } => self.pumps.granted(tunnel, granted),
            Event::TunnelItem { tunnel, payload } => self.pumps.hear(tunnel, Heard::Item(payload)),
            Event::TunnelEnded { tunnel, ending } => self.pumps.hear(tunnel, Heard::End(ending)),
            Event::TunnelStopped { tunnel, .. } => self.pumps.stopped(tunnel),
            Event::Closed(closed) => {
                self.outgoing.end();
                self.incoming.end();
                self.pumps.end();
                self.tell.send_modify(|state| state.closed = Some(closed));
            }
        }
    }

    fn poll(&mut self, endpoint: &mut Endpoint, cx: &mut Context<'_>, now: Instant) -> Happened {
        if endpoint.is_closed() {
            return Happened::Nothing;
        }
        self.poll_close(endpoint, cx, now);
        let incoming = self.incoming.poll(endpoint, &mut self.pumps, cx);
        let outgoing = self.outgoing.poll(endpoint, &mut self.pumps, cx);
        incoming.or(outgoing).or(self.pumps.poll(endpoint, cx))
    }
}
