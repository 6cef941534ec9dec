use std::time::Instant;

use crate::call::CallId;
use crate::endpoint::Endpoint;
use crate::interest::{Interest, Schema};
use crate::line::{Line, Nowhere};
use crate::membership::{MemberId, Membership};

/// The way to one other router, over whatever leads there.
pub(super) trait Toward {
    /// What can be sent to it.
    fn line(&mut self) -> Line<'_>;

    /// Nobody waits for the answer to a request any more.
    fn cancel(&mut self, call: CallId);

    /// What it announced as that is another event here.
    fn differs(&mut self, interest: Interest, ours: Schema);
}

impl Toward for Endpoint {
    #[inline]
    fn line(&mut self) -> Line<'_> {
        Self::line(self)
    }

    fn cancel(&mut self, call: CallId) {
        Self::cancel(self, call);
    }

    fn differs(&mut self, interest: Interest, ours: Schema) {
        Self::differs(self, interest, ours);
    }
}

/// The way to a member of a network. It leads nowhere when that is gone: of what it said last some may be heard later.
pub(super) struct ToMember<'a> {
    pub(super) membership: &'a mut Membership,
    pub(super) member: MemberId,
    pub(super) now: Instant,
    pub(super) nowhere: &'a mut Nowhere,
}

impl Toward for ToMember<'_> {
    fn line(&mut self) -> Line<'_> {
        let Self { membership, member, now, nowhere } = self;
        match membership.to(*member, *now) {
            Some(line) => line,
            None => nowhere.line(),
        }
    }

    fn cancel(&mut self, call: CallId) {
        self.membership.cancel(self.member, call);
    }

    fn differs(&mut self, interest: Interest, ours: Schema) {
        self.membership.differs(self.member, interest, ours);
    }
}
