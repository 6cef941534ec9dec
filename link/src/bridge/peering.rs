use std::sync::Arc;
use std::task::Context;

use edri_router::{DeadLetterOffice, LinkLost, Reason, Router};

use super::durable::{Durable, Traffic};
use super::incoming::Incoming;
use super::offers::Offers;
use super::outgoing::Outgoing;
use super::pump::Heard;
use super::pumps::Pumps;
use super::ringing::{Ringing, Source};
use super::seam::Seam;
use super::side::Side;
use super::toward::Toward;
use crate::channel::{Next, Notices};
use crate::drive::Happened;
use crate::event::Event;
use crate::wire::Peer;

/// All that this router has under way with one other.
pub(super) struct Peering {
    router: Router,
    seam: Arc<Seam>,
    side: Arc<Side>,
    outgoing: Outgoing,
    incoming: Incoming,
    pumps: Pumps,
    /// What of it lasts.
    durable: Option<Box<Traffic>>,
    ringing: Ringing,
}

impl Peering {
    pub(super) fn new(
        router: &Router,
        seam: &Arc<Seam>,
        side: Side,
        office: DeadLetterOffice,
        durable: Option<&Durable>,
    ) -> Self {
        let side = Arc::new(side);
        Self {
            router: router.clone(),
            outgoing: Outgoing::new(Arc::clone(&side.exit), office),
            incoming: Incoming::new(router, seam.horizon()),
            pumps: Pumps::new(),
            durable: durable.map(|durable| Box::new(Traffic::new(durable.clone()))),
            ringing: Ringing::new(),
            seam: Arc::clone(seam),
            side,
        }
    }

    /// Who it is with is known.
    pub(super) fn opened(&mut self, peer: &Peer) {
        let name: Arc<str> = peer.identity.name.as_str().into();
        self.incoming.opened(peer.identity.router, &name);
        self.side.name(&name);
        self.outgoing.peer = name;
        if let Some(durable) = &mut self.durable {
            durable.opened(peer);
        }
    }

    /// What it is called that it is with.
    pub(super) fn name(&self) -> &Arc<str> {
        &self.outgoing.peer
    }

    /// Whether it cannot be reached for now.
    pub(super) fn set_away(&self, is_away: bool) {
        self.side.exit.set_away(is_away);
        if is_away && let Some(durable) = &self.durable {
            durable.away();
        }
    }

    /// Something came from it, or became of what was sent there. How the whole is, is others' to learn.
    pub(super) fn learn(&mut self, toward: &mut impl Toward, offers: &mut Offers, event: Event) {
        match event {
            Event::Wanted { interest, schema, group, consumer } => {
                if let Some(durable) = &mut self.durable
                    && durable.wanted(interest, &schema, group.as_deref(), consumer)
                {
                    return;
                }
                let address = self.outgoing.addresses.add(interest, schema.clone(), group.clone());
                let wanted = (schema, group);
                self.seam.wanted(&self.router, &self.side, (interest, address), wanted, consumer);
            }
            Event::Unwanted { interest } => {
                if let Some(durable) = &mut self.durable
                    && durable.unwanted(interest)
                {
                    return;
                }
                if let Some(address) = self.seam.unwanted(&self.side, interest) {
                    self.outgoing.addresses.retire(address);
                }
            }
            Event::Load { interest, load } => {
                if self.durable.as_ref().is_none_or(|durable| !durable.loaded(interest, load)) {
                    self.seam.loaded(&self.router, &self.side, interest, load);
                }
            }
            Event::Durable { word, permit } => {
                if let Some(durable) = &mut self.durable {
                    durable.hear(&word, permit);
                }
            }
            Event::Anew => {
                if let Some(durable) = &mut self.durable {
                    durable.begin_anew();
                }
            }
            Event::Informed => {
                if let Some(durable) = &mut self.durable {
                    durable.informed();
                }
            }
            Event::Notification { interest, circumstances, payload } => {
                self.incoming.notification(toward, offers, interest, circumstances, &payload);
            }
            Event::Request { call, interest, circumstances, payload } => {
                self.incoming.request(toward, offers, call, interest, circumstances, &payload);
            }
            Event::TunnelOpened { tunnel, interest, circumstances, payload, granted } => {
                let came = (tunnel, granted);
                self.incoming.tunnel(toward, offers, came, interest, circumstances, &payload);
            }
            Event::Undelivered { interest, circumstances, payload, cause } => {
                self.outgoing.undelivered(&self.router, interest, circumstances, &payload, cause);
            }
            Event::Cancelled { call } => self.incoming.cancelled(call),
            Event::Answer { call, outcome } => self.outgoing.answer(call, outcome),
            Event::Progress { call, progress } => self.outgoing.calls.report(call, progress),
            Event::TunnelGranted { tunnel, granted } => self.pumps.granted(tunnel, granted),
            Event::TunnelItem { tunnel, payload } => self.pumps.hear(tunnel, Heard::Item(payload)),
            Event::TunnelEnded { tunnel, ending } => self.pumps.hear(tunnel, Heard::End(ending)),
            Event::TunnelStopped { tunnel, .. } => self.pumps.stopped(tunnel),
            Event::Opened(_)
            | Event::Suspended { .. }
            | Event::Resumed
            | Event::Mismatch(_)
            | Event::Closed(_) => {}
        }
    }

    /// Notifications came from it, many together.
    pub(super) fn notices(&mut self, toward: &mut impl Toward, offers: &mut Offers, notices: Notices) {
        notices.for_each(|next| match next {
            Next::Row(row) => self.incoming.row(toward, offers, row),
            Next::One((interest, circumstances, payload)) => {
                self.incoming.notification(toward, offers, interest, circumstances, payload);
            }
        });
    }

    /// Hands over the notifications that came.
    pub(super) fn flush(&mut self, toward: &mut impl Toward, offers: &mut Offers) {
        self.incoming.flush(toward, offers);
    }

    /// Goes on with what is under way and sends what there is to send; wakes `cx` when there is more of either.
    pub(super) fn poll(&mut self, toward: &mut impl Toward, cx: &mut Context<'_>) -> Happened {
        let due = (self.ringing.take(cx), &self.ringing);
        let incoming = self.incoming.poll(toward, &mut self.pumps, due);
        let outgoing = self.outgoing.poll(toward, &mut self.pumps, due);
        let mut happened = incoming.or(outgoing);
        if let Some(durable) = &mut self.durable
            && (due.0.has(Source::Durable) || durable.is_due())
        {
            happened = happened.or(durable.poll(toward, &due.1.context(Source::Durable)));
        }
        happened.or(self.pumps.poll(toward, due))
    }

    /// Whether those who answer here may be otherwise loaded than when this was asked last.
    pub(super) fn take_asked(&mut self) -> bool {
        self.incoming.take_asked()
    }

    /// Takes nothing more; what waits still goes out.
    pub(super) fn close_exit(&self) {
        self.side.exit.close();
    }

    /// Whether nothing waits to go out.
    pub(super) fn is_empty(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// It was started anew: tunnels do not outlive that.
    pub(super) fn lose_tunnels(&mut self, lost: &LinkLost) {
        self.pumps.lose(lost);
    }

    /// It has ended: what was under way is lost, and whoever waits for it is told.
    pub(super) fn end(&mut self, reason: &Reason, lost: &LinkLost) {
        self.close_exit();
        self.outgoing.end(reason);
        self.incoming.end();
        self.pumps.end(lost);
        if let Some(durable) = &mut self.durable {
            durable.end();
        }
    }
}
