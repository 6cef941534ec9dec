use std::sync::Arc;
use std::task::Context;
use std::time::Instant;

use edri_router::{Border, DeadLetterOffice, Horizon, InboxSettings, LinkLost, Registration, Router};
use tokio::sync::watch;

use super::peerings::Peerings;
use crate::bridge::closing::{Closing, Step};
use crate::bridge::durable::Durable;
use crate::bridge::exit::Exit;
use crate::bridge::loads::Loads;
use crate::bridge::offers::Offers;
use crate::bridge::peering::Peering;
use crate::bridge::program::reason_of;
use crate::bridge::seam::Seam;
use crate::bridge::side::Side;
use crate::bridge::status::{KEPT, MemberStatus, NetworkStatus, Standing};
use crate::closed::Closed;
use crate::drive::{self, Happened};
use crate::event::Event;
use crate::interest::{Interest, Mismatch};
use crate::membership::{MemberGone, MemberId, Membership, NetworkCame, NetworkEvent};
use crate::message::Ending;
use crate::settings::Settings;
use crate::wire::Peer;

/// All that a router has under way in one network, as the driver runs it.
pub(super) struct Program {
    router: Router,
    seam: Arc<Seam>,
    office: DeadLetterOffice,
    inbox: InboxSettings,
    durable: Option<Durable>,
    /// That the router knows it.
    border: Option<Registration>,
    offers: Offers,
    peerings: Peerings,
    tell: watch::Sender<NetworkStatus>,
    closing: Closing,
    loads: Loads,
}

impl Program {
    pub(super) fn new(
        router: &Router,
        settings: &Settings,
        tell: watch::Sender<NetworkStatus>,
        closing: Closing,
    ) -> Self {
        let identity = &settings.identity;
        let name: Arc<str> = match identity.network.as_str() {
            "" => format!("the network of {}", identity.name).into(),
            network => format!("the network {network} of {}", identity.name).into(),
        };
        let office = DeadLetterOffice::new(router, name);
        let horizon = settings.horizon.unwrap_or_else(|| Horizon::named(&identity.network));
        let seam = Arc::new(Seam::new(horizon, office.clone(), settings.filter.clone()));
        let border = router.attach_border(Arc::clone(&seam) as Arc<dyn Border>);
        Self {
            router: router.clone(),
            seam,
            office,
            inbox: settings.inbox,
            durable: settings.durable.clone(),
            border: Some(border),
            offers: Offers::default(),
            peerings: Peerings::new(),
            tell,
            closing,
            loads: Loads::default(),
        }
    }

    fn joined(&mut self, switch: Peer) {
        self.tell.send_modify(|status| {
            status.standing = Standing::Open;
            status.trouble = None;
            status.switch = Some(switch);
        });
    }

    fn suspended(&mut self, reason: String) {
        self.peerings.set_cut_off(true);
        self.tell.send_modify(|status| status.standing = Standing::Suspended { reason });
    }

    fn resumed(&mut self, switch: Peer) {
        self.tell.send_modify(|status| {
            status.resumed += 1;
            status.standing = Standing::Open;
            status.trouble = None;
            status.switch = Some(switch);
        });
    }

    /// Who is there is known: those who are not have been told of.
    fn informed(&mut self) {
        self.peerings.set_cut_off(false);
        self.tell.send_if_modified(|status| !std::mem::replace(&mut status.informed, true));
    }

    fn member_joined(&mut self, member: MemberId, peer: Peer) {
        let Self { router, seam, office, inbox, durable, .. } = self;
        let peering = self.peerings.join(member, peer.identity.router, |number| {
            let side = Side::new(number, Exit::new(*inbox, office.clone()));
            Peering::new(router, seam, side, office.clone(), durable.as_ref())
        });
        peering.set_away(false);
        peering.opened(&peer);
        let peer = Arc::new(peer);
        self.tell.send_modify(|status| {
            status.members.insert(member, MemberStatus { peer, is_away: false, informed: false });
        });
    }

    /// All that a member wants is known.
    fn informed_of(&mut self, member: MemberId) {
        self.tell.send_if_modified(|status| {
            let member = status.members.get_mut(&member);
            member.is_some_and(|member| !std::mem::replace(&mut member.informed, true))
        });
    }

    fn member_away(&mut self, member: MemberId, is_away: bool) {
        self.peerings.set_away(member, is_away);
        self.tell.send_modify(|status| {
            if let Some(status) = status.members.get_mut(&member) {
                status.is_away = is_away;
            }
        });
    }

    fn member_left(
        &mut self,
        membership: &mut Membership,
        member: MemberId,
        cause: &MemberGone,
        now: Instant,
    ) {
        self.peerings.flush(membership, &mut self.offers, now);
        self.tell.send_modify(|status| {
            status.members.remove(&member);
        });
        match cause {
            MemberGone::Restarted => self.peerings.restart(member),
            // With the network, and for its reason.
            MemberGone::Closed => {}
            _ => {
                if let Some(mut peering) = self.peerings.leave(member) {
                    let lost = LinkLost::new(&**peering.name(), cause.to_string());
                    let reason = reason_of(&Closed::Lost { reason: lost.reason.clone() }, &lost);
                    peering.end(&reason, &lost);
                }
            }
        }
    }

    fn denied(&mut self, membership: &mut Membership, interest: Interest, why: String) {
        let Some(name) = membership.offered().name(interest).map(str::to_owned) else { return };
        tracing::warn!(event = name, why, "the switch tells nobody that this router consumes an event");
        self.tell.send_modify(|status| {
            if status.denied.len() < KEPT && !status.denied.iter().any(|(denied, _)| *denied == name) {
                status.denied.push((name, why));
            }
        });
    }

    fn differs(&mut self, member: MemberId, mismatch: Mismatch) {
        let name = self.peerings.name(member).cloned().unwrap_or_else(|| "another router".into());
        tracing::error!(%mismatch, router = &*name, "an event is not the same at two routers of a network");
        self.tell.send_modify(|status| {
            if status.mismatches.len() < KEPT {
                status.mismatches.push((name, mismatch));
            }
        });
    }

    fn learn_of(&mut self, membership: &mut Membership, member: MemberId, event: Event, now: Instant) {
        match event {
            Event::Mismatch(mismatch) => self.differs(member, mismatch),
            Event::Informed => self.informed_of(member),
            // When a member is gone, its tunnels end with it, and with its reason.
            Event::TunnelEnded { ending: Ending::Lost, .. }
            | Event::TunnelStopped { ending: Ending::Lost, .. }
                if membership.peer(member).is_none() => {}
            event => self.peerings.learn(membership, &mut self.offers, (member, event), now),
        }
    }

    /// Tells the others what is consumed here, and what of their wishes is something else here.
    fn tell_interests(&mut self, membership: &mut Membership, cx: &mut Context<'_>) -> Happened {
        let mut happened = Happened::Nothing;
        if !self.seam.has_news(cx) {
            return happened;
        }
        if self.closing.is_open() {
            for event in self.seam.take_changed() {
                self.offers.update(&self.router, &self.seam, membership.offered(), &event);
                happened = Happened::Something;
            }
        }
        for ((number, interest), ours) in self.seam.take_differing() {
            if let Some(member) = self.peerings.member(number) {
                membership.differs(member, interest, ours);
                happened = Happened::Something;
            }
        }
        happened
    }

    fn ended(&mut self, membership: &mut Membership, closed: Closed, now: Instant) {
        self.peerings.flush(membership, &mut self.offers, now);
        self.leave_routes();
        for mut peering in self.peerings.leave_all() {
            let lost = LinkLost::new(&**peering.name(), closed.to_string());
            peering.end(&reason_of(&closed, &lost), &lost);
        }
        self.tell.send_modify(|status| {
            status.members.clear();
            status.standing = Standing::Closed(closed);
        });
    }

    fn leave_routes(&mut self) {
        self.border = None;
        self.seam.leave_routes();
        self.peerings.close_exits();
    }

    fn poll_close(&mut self, membership: &mut Membership, cx: &mut Context<'_>, now: Instant) {
        let peerings = &self.peerings;
        match self.closing.poll(|| peerings.are_drained(), cx) {
            Step::Nothing => {}
            Step::Leave => {
                self.leave_routes();
                cx.waker().wake_by_ref();
            }
            Step::Close => membership.close(now),
        }
    }
}

impl drive::Program<Membership> for Program {
    fn learn(&mut self, membership: &mut Membership, came: NetworkCame, now: Instant) {
        let event = match came {
            NetworkCame::Notices { member, notices } => {
                return self.peerings.notices(membership, &mut self.offers, (member, notices), now);
            }
            NetworkCame::Event(event) => event,
        };
        match event {
            NetworkEvent::Joined { switch } => self.joined(switch),
            NetworkEvent::Informed => self.informed(),
            NetworkEvent::Denied { interest, reason } => self.denied(membership, interest, reason),
            NetworkEvent::Suspended { reason } => self.suspended(reason),
            NetworkEvent::Resumed { switch } => self.resumed(switch),
            NetworkEvent::MemberJoined { member, peer } => self.member_joined(member, peer),
            NetworkEvent::MemberAway { member } => self.member_away(member, true),
            NetworkEvent::MemberBack { member } => self.member_away(member, false),
            NetworkEvent::MemberLeft { member, cause } => self.member_left(membership, member, &cause, now),
            NetworkEvent::From { member, event } => self.learn_of(membership, member, event, now),
            NetworkEvent::Closed(closed) => self.ended(membership, closed, now),
        }
    }

    fn troubled(&mut self, reason: String) {
        self.tell.send_modify(|status| status.trouble = Some(reason));
    }

    fn poll(&mut self, membership: &mut Membership, cx: &mut Context<'_>, now: Instant) -> Happened {
        if membership.is_closed() {
            return Happened::Nothing;
        }
        self.peerings.flush(membership, &mut self.offers, now);
        self.poll_close(membership, cx, now);
        let told = self.tell_interests(membership, cx);
        if self.loads.poll_due(self.peerings.take_asked(), cx) {
            self.offers.update_loads(&self.router, &self.seam, membership.offered());
        }
        told.or(self.peerings.poll(membership, cx, now))
    }
}
