use std::sync::Arc;
use std::task::Context;
use std::time::Instant;

use edri_router::{Border, DeadLetterOffice, Horizon, LinkLost, Reason, Registration, Router};
use tokio::sync::watch;

use super::closing::{Closing, Step};
use super::exit::Exit;
use super::loads::Loads;
use super::offers::Offers;
use super::peering::Peering;
use super::seam::Seam;
use super::side::Side;
use super::status::{KEPT, LinkStatus, Standing};
use crate::channel::Came;
use crate::closed::Closed;
use crate::drive::{self, Happened};
use crate::endpoint::Endpoint;
use crate::event::Event;
use crate::interest::Mismatch;
use crate::settings::Settings;
use crate::wire::Peer;

/// All that a router has under way over one link, as the driver runs it.
pub(super) struct Program {
    router: Router,
    seam: Arc<Seam>,
    /// That the router knows it.
    border: Option<Registration>,
    offers: Offers,
    peering: Peering,
    tell: watch::Sender<LinkStatus>,
    closing: Closing,
    loads: Loads,
}

impl Program {
    pub(super) fn new(
        router: &Router,
        settings: &Settings,
        tell: watch::Sender<LinkStatus>,
        closing: Closing,
    ) -> Self {
        let name: Arc<str> = format!("a link of {}", settings.identity.name).into();
        let office = DeadLetterOffice::new(router, Arc::clone(&name));
        let horizon = settings.horizon.unwrap_or_else(|| Horizon::named(&settings.identity.network));
        let seam = Arc::new(Seam::new(horizon, office.clone(), settings.filter.clone()));
        let side = Side::new(0, Exit::new(settings.inbox, office.clone()));
        let border = router.attach_border(Arc::clone(&seam) as Arc<dyn Border>);
        Self {
            router: router.clone(),
            border: Some(border),
            offers: Offers::default(),
            peering: Peering::new(router, &seam, side, office, settings.durable.as_ref()),
            seam,
            tell,
            closing,
            loads: Loads::default(),
        }
    }

    fn opened(&mut self, peer: Peer) {
        self.peering.opened(&peer);
        self.peering.set_away(false);
        self.tell.send_modify(|status| {
            status.restarted += u64::from(status.peer.is_some());
            // What another incarnation wants is not known yet.
            status.informed = false;
            status.standing = Standing::Open;
            status.trouble = None;
            status.peer = Some(peer);
        });
    }

    fn suspended(&mut self, reason: String) {
        self.peering.set_away(true);
        self.tell.send_modify(|status| status.standing = Standing::Suspended { reason });
    }

    fn resumed(&mut self) {
        self.peering.set_away(false);
        self.tell.send_modify(|status| {
            status.resumed += 1;
            status.standing = Standing::Open;
            status.trouble = None;
        });
    }

    fn differs(&mut self, mismatch: Mismatch) {
        tracing::error!(%mismatch, "an event is not the same at both ends of a link");
        self.tell.send_modify(|status| {
            if status.mismatches.len() < KEPT {
                status.mismatches.push(mismatch);
            }
        });
    }

    /// Tells the other end what is consumed here, and what of its own wishes is something else here.
    fn tell_interests(&mut self, endpoint: &mut Endpoint, cx: &mut Context<'_>) -> Happened {
        let mut happened = Happened::Nothing;
        if !self.seam.has_news(cx) {
            return happened;
        }
        if self.closing.is_open() {
            for event in self.seam.take_changed() {
                self.offers.update(&self.router, &self.seam, endpoint.offered(), &event);
                happened = Happened::Something;
            }
        }
        for ((_, interest), ours) in self.seam.take_differing() {
            endpoint.differs(interest, ours);
            happened = Happened::Something;
        }
        happened
    }

    fn ended(&mut self, endpoint: &mut Endpoint, closed: Closed) {
        self.peering.flush(endpoint, &mut self.offers);
        self.leave_routes();
        let lost = LinkLost::new(&**self.peering.name(), closed.to_string());
        self.peering.end(&reason_of(&closed, &lost), &lost);
        self.tell.send_modify(|status| status.standing = Standing::Closed(closed));
    }

    fn leave_routes(&mut self) {
        self.border = None;
        self.seam.leave_routes();
        self.peering.close_exit();
    }

    fn poll_close(&mut self, endpoint: &mut Endpoint, cx: &mut Context<'_>, now: Instant) {
        let peering = &self.peering;
        match self.closing.poll(|| peering.is_empty() || !endpoint.is_open(), cx) {
            Step::Nothing => {}
            Step::Leave => {
                self.leave_routes();
                cx.waker().wake_by_ref();
            }
            Step::Close => endpoint.close(now),
        }
    }
}

/// Why what waited when a link ended is lost.
pub(super) fn reason_of(closed: &Closed, lost: &LinkLost) -> Reason {
    match closed {
        Closed::Orderly => Reason::Stopped,
        _ => Reason::LinkLost { peer: lost.peer.clone(), reason: lost.reason.clone() },
    }
}

impl drive::Program for Program {
    fn learn(&mut self, endpoint: &mut Endpoint, came: Came, _: Instant) {
        let event = match came {
            Came::Notices(notices) => return self.peering.notices(endpoint, &mut self.offers, notices),
            Came::Event(event) => event,
        };
        match event {
            Event::Opened(peer) => self.opened(peer),
            Event::Informed => {
                self.tell.send_modify(|status| status.informed = true);
                self.peering.learn(endpoint, &mut self.offers, Event::Informed);
            }
            Event::Suspended { reason } => self.suspended(reason),
            Event::Resumed => self.resumed(),
            Event::Mismatch(mismatch) => self.differs(mismatch),
            Event::Closed(closed) => self.ended(endpoint, closed),
            // When the link has ended, its tunnels end with it, and with its reason.
            Event::TunnelEnded { .. } | Event::TunnelStopped { .. } if endpoint.is_closed() => {}
            event => self.peering.learn(endpoint, &mut self.offers, event),
        }
    }

    fn troubled(&mut self, reason: String) {
        self.tell.send_modify(|status| status.trouble = Some(reason));
    }

    fn poll(&mut self, endpoint: &mut Endpoint, cx: &mut Context<'_>, now: Instant) -> Happened {
        if endpoint.is_closed() {
            return Happened::Nothing;
        }
        self.peering.flush(endpoint, &mut self.offers);
        self.poll_close(endpoint, cx, now);
        let told = self.tell_interests(endpoint, cx);
        if self.loads.poll_due(self.peering.take_asked(), cx) {
            self.offers.update_loads(&self.router, &self.seam, endpoint.offered());
        }
        told.or(self.peering.poll(endpoint, cx))
    }
}
