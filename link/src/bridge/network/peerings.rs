use std::sync::Arc;
use std::task::Context;
use std::time::Instant;

use edri_event::RouterId;
use edri_router::LinkLost;

use super::bells::{Bell, Bells};
use crate::bridge::offers::Offers;
use crate::bridge::peering::Peering;
use crate::bridge::toward::ToMember;
use crate::channel::Notices;
use crate::drive::Happened;
use crate::event::Event;
use crate::line::Nowhere;
use crate::membership::{MemberGone, MemberId, Membership};
use crate::numbers::ByNumber;

/// What there is under way with each member of a network, and which of them have something to do.
///
/// A peering outlives its member where that is started anew: what waits for one incarnation goes to the next.
pub(super) struct Peerings {
    all: ByNumber<u32, One>,
    numbers: ByNumber<MemberId, u32>,
    next: u32,
    bells: Arc<Bells>,
    /// Those that have something to do.
    due: Vec<u32>,
    /// Whose notifications wait to be handed over, since more may follow.
    hearing: Option<u32>,
    /// The one whose next incarnation is about to come.
    restarting: Option<(RouterId, u32)>,
    /// Somebody was asked here, or has answered.
    asked: bool,
    nowhere: Nowhere,
}

struct One {
    member: MemberId,
    router: RouterId,
    peering: Peering,
    bell: Bell,
    is_away: bool,
    is_due: bool,
}

impl One {
    /// It has something to do.
    fn is_due(&mut self, number: u32, due: &mut Vec<u32>) {
        if !std::mem::replace(&mut self.is_due, true) {
            due.push(number);
        }
    }
}

impl Peerings {
    pub(super) fn new() -> Self {
        Self {
            all: ByNumber::default(),
            numbers: ByNumber::default(),
            next: 0,
            bells: Arc::default(),
            due: Vec::new(),
            hearing: None,
            restarting: None,
            asked: false,
            nowhere: Nowhere::new(),
        }
    }

    /// A router is a member from here on: the next incarnation of one that was there, or a new one, for which one is made
    /// that is known by a number.
    pub(super) fn join(
        &mut self,
        member: MemberId,
        router: RouterId,
        make: impl FnOnce(u32) -> Peering,
    ) -> &mut Peering {
        let again = self.restarting.take_if(|(restarting, _)| *restarting == router);
        let number = match again {
            Some((_, number)) => number,
            None => {
                self.next += 1;
                let bell = self.bells.bell(self.next);
                let one =
                    One { member, router, peering: make(self.next), bell, is_away: false, is_due: false };
                self.all.insert(self.next, one);
                self.next
            }
        };
        self.numbers.insert(member, number);
        let Some(one) = self.all.get_mut(&number) else {
            unreachable!("it was there, or was entered just now")
        };
        (one.member, one.is_away) = (member, false);
        one.is_due(number, &mut self.due);
        &mut one.peering
    }

    /// A member was started anew, and joins as another in the next moment.
    pub(super) fn restart(&mut self, member: MemberId) {
        if let Some(number) = self.numbers.remove(&member)
            && let Some(one) = self.all.get_mut(&number)
        {
            let lost = LinkLost::new(&**one.peering.name(), MemberGone::Restarted.to_string());
            one.peering.lose_tunnels(&lost);
            self.restarting = Some((one.router, number));
        }
    }

    /// A member is gone for good.
    pub(super) fn leave(&mut self, member: MemberId) -> Option<Peering> {
        let number = self.numbers.remove(&member)?;
        self.all.remove(&number).map(|one| one.peering)
    }

    /// All of them: the network is left.
    pub(super) fn leave_all(&mut self) -> Vec<Peering> {
        self.numbers.clear();
        self.restarting = None;
        self.all.drain().map(|(_, one)| one.peering).collect()
    }

    /// A member is away, or back.
    pub(super) fn set_away(&mut self, member: MemberId, is_away: bool) {
        if let Some(one) = self.numbers.get(&member).and_then(|number| self.all.get_mut(number)) {
            one.is_away = is_away;
            one.peering.set_away(is_away);
        }
    }

    /// None of them can be reached for now, or those can who are not away.
    pub(super) fn set_cut_off(&mut self, is_cut_off: bool) {
        self.all.values().for_each(|one| one.peering.set_away(is_cut_off || one.is_away));
    }

    /// What a member is called.
    pub(super) fn name(&self, member: MemberId) -> Option<&Arc<str>> {
        let number = self.numbers.get(&member)?;
        self.all.get(number).map(|one| one.peering.name())
    }

    /// The member that is known by that number.
    pub(super) fn member(&self, number: u32) -> Option<MemberId> {
        self.all.get(&number).map(|one| one.member)
    }

    /// Something was learned of a member.
    pub(super) fn learn(
        &mut self,
        membership: &mut Membership,
        offers: &mut Offers,
        (member, event): (MemberId, Event),
        now: Instant,
    ) {
        self.hear(membership, offers, (member, now), |peering, toward, offers| {
            peering.learn(toward, offers, event);
        });
    }

    /// Notifications came from a member, many together.
    pub(super) fn notices(
        &mut self,
        membership: &mut Membership,
        offers: &mut Offers,
        (member, notices): (MemberId, Notices),
        now: Instant,
    ) {
        self.hear(membership, offers, (member, now), |peering, toward, offers| {
            peering.notices(toward, offers, notices);
        });
    }

    fn hear(
        &mut self,
        membership: &mut Membership,
        offers: &mut Offers,
        (member, now): (MemberId, Instant),
        what: impl FnOnce(&mut Peering, &mut ToMember<'_>, &mut Offers),
    ) {
        let Some(number) = self.numbers.get(&member).copied() else { return };
        if self.hearing != Some(number) {
            self.flush(membership, offers, now);
            self.hearing = Some(number);
        }
        let Self { all, nowhere, due, asked, .. } = self;
        if let Some(one) = all.get_mut(&number) {
            what(&mut one.peering, &mut ToMember { membership, member, now, nowhere }, offers);
            *asked |= one.peering.take_asked();
            one.is_due(number, due);
        }
    }

    /// Hands over the notifications that came.
    pub(super) fn flush(&mut self, membership: &mut Membership, offers: &mut Offers, now: Instant) {
        let Self { all, nowhere, hearing, .. } = self;
        if let Some(one) = hearing.take().and_then(|number| all.get_mut(&number)) {
            one.peering.flush(&mut ToMember { membership, member: one.member, now, nowhere }, offers);
        }
    }

    /// Goes on with what is under way with those that have something to do.
    pub(super) fn poll(
        &mut self,
        membership: &mut Membership,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Happened {
        let Self { all, numbers, bells, due, nowhere, asked, .. } = self;
        for member in membership.take_moved() {
            if let Some(number) = numbers.get(&member)
                && let Some(one) = all.get_mut(number)
            {
                one.is_due(*number, due);
            }
        }
        for number in bells.take(cx) {
            if let Some(one) = all.get_mut(&number) {
                one.is_due(number, due);
            }
        }
        let mut happened = Happened::Nothing;
        for number in std::mem::take(due) {
            let Some(one) = all.get_mut(&number) else { continue };
            one.is_due = false;
            let mut toward = ToMember { membership, member: one.member, now, nowhere };
            if one.peering.poll(&mut toward, &mut one.bell.context()) == Happened::Something {
                one.is_due(number, due);
                happened = Happened::Something;
            }
            *asked |= one.peering.take_asked();
        }
        happened
    }

    /// Whether somebody was asked here, or has answered, since this was asked last.
    pub(super) fn take_asked(&mut self) -> bool {
        std::mem::take(&mut self.asked)
    }

    /// None of them takes anything more; what waits still goes out.
    pub(super) fn close_exits(&self) {
        self.all.values().for_each(|one| one.peering.close_exit());
    }

    /// Whether nothing waits to go out to anybody who is there.
    pub(super) fn are_drained(&self) -> bool {
        self.all.values().all(|one| one.is_away || one.peering.is_empty())
    }
}
