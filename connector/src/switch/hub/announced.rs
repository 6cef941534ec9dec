use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use edri_link::wire::{Change, Consumer, Frame, Interest, Schema, write};

use super::member::Member;
use super::view::{View, in_frames};

/// A member, with what it consumes.
#[derive(Debug)]
pub(super) struct Announced {
    pub(super) member: Arc<Member>,
    pub(super) interests: BTreeMap<Interest, Consumed>,
    /// The lowest number that it may use next.
    pub(super) next: u32,
    pub(super) complete: bool,
}

#[derive(Debug)]
pub(super) struct Consumed {
    pub(super) schema: Arc<Schema>,
    pub(super) number: u32,
    pub(super) group: Option<u32>,
    pub(super) consumer: Consumer,
}

impl Announced {
    pub(super) fn new(member: Arc<Member>) -> Self {
        Self { member, interests: BTreeMap::new(), next: 0, complete: false }
    }

    pub(super) fn introduction(&self) -> Frame {
        let newcomer = &self.member.newcomer;
        Frame::Member(edri_link::wire::Member {
            member: self.member.number,
            version: newcomer.version,
            identity: newcomer.identity.clone(),
            features: newcomer.features,
            limits: newcomer.limits,
            permit: newcomer.permit.clone(),
        })
    }

    /// All that is to be said of it to those who have that view, but for what numbers mean.
    pub(super) fn record(&self, view: &View) -> Bytes {
        let mut bytes = Vec::new();
        write(&mut bytes, &self.introduction());
        let shown = self.interests.iter().filter(|(_, consumed)| view.shows(&consumed.schema));
        let announced = shown.map(|(interest, consumed)| Change::Announce {
            interest: *interest,
            schema: consumed.number,
            group: consumed.group,
            consumer: consumed.consumer,
        });
        let complete = self.complete.then_some(Change::Complete);
        let changes = announced.chain(complete).collect();
        in_frames(self.member.number, changes, |frame| write(&mut bytes, &frame));
        bytes.into()
    }
}
