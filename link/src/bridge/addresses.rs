use std::sync::Arc;

use edri_event::Meta;
use edri_router::{Back, DeadLetterOffice, Departure, Loss, Reason, Router};

use super::seam::description_of;
use crate::interest::{Interest, Schema};
use crate::numbers::ByNumber;

/// Where what departs goes: a place on a route is known by its address, which is not given again, and that is one of the
/// other end's interests for as long as it has that.
///
/// The lower half of an address is the number of its interest, so that what is written to it can be written as it will be
/// sent; the upper half tells it from others.
///
/// An event may still be on its way to an address whose interest is gone: then it goes to another one of the same kind, if
/// there is one. So it does when the other router has been started anew.
#[derive(Default)]
pub(super) struct Addresses {
    all: ByNumber<u64, Address>,
    next: u32,
    /// Those whose interest is gone.
    retired: usize,
    /// The one that was asked for last, and its interest: most events go where the one before went.
    last: Option<(u64, Interest)>,
}

struct Address {
    interest: Interest,
    /// What is wanted under it, and by which group.
    wanted: Arc<(Schema, Option<Arc<str>>)>,
    is_retired: bool,
}

/// So many addresses are kept whose interest is gone, while something may be on its way to them.
const RETIRED: usize = 4096;

impl Addresses {
    /// A new one.
    pub(super) fn add(&mut self, interest: Interest, schema: Schema, group: Option<Arc<str>>) -> u64 {
        let wanted = Arc::new((schema, group));
        // None that is known is given again, however many there have been.
        let address = loop {
            self.next = self.next.wrapping_add(1);
            let address = u64::from(self.next) << u32::BITS | u64::from(interest.number());
            if !self.all.contains_key(&address) {
                break address;
            }
        };
        self.all.insert(address, Address { interest, wanted, is_retired: false });
        address
    }

    /// The interest that it was given for, whatever has become of that.
    #[inline]
    pub(super) fn given_for(address: u64) -> Interest {
        Interest::from_number(address as u32)
    }

    /// Its interest is gone.
    pub(super) fn retire(&mut self, address: u64) {
        self.last = None;
        if let Some(known) = self.all.get_mut(&address)
            && !known.is_retired
        {
            known.is_retired = true;
            self.retired += 1;
        }
        if self.retired > RETIRED {
            let oldest =
                self.all.iter().filter(|(_, known)| known.is_retired).map(|(address, _)| *address).min();
            oldest.into_iter().for_each(|oldest| self.forget(oldest));
        }
    }

    /// Forgets those that are retired, if nothing is on its way to any of them.
    #[inline]
    pub(super) fn forget_retired(&mut self, nothing_is_on_its_way: impl FnOnce() -> bool) {
        if self.retired > 0 && nothing_is_on_its_way() {
            self.all.retain(|_, known| !known.is_retired);
            self.retired = 0;
        }
    }

    /// The interest that it is, or another one that is as good.
    #[inline]
    pub(super) fn find(&mut self, address: u64) -> Option<Interest> {
        match self.last {
            Some((last, interest)) if last == address => Some(interest),
            _ => self.look_up(address),
        }
    }

    fn look_up(&mut self, address: u64) -> Option<Interest> {
        let known = self.all.get(&address)?;
        if known.is_retired {
            return self.another(known);
        }
        self.last = Some((address, known.interest));
        Some(known.interest)
    }

    #[cold]
    fn another(&self, like: &Address) -> Option<Interest> {
        let live = self.all.values().filter(|known| !known.is_retired && known.wanted == like.wanted);
        live.map(|known| known.interest).min()
    }

    /// Hands in what was sent under an interest and is lost.
    pub(super) fn lose(
        &self,
        interest: Interest,
        (payload, meta): (&[u8], Meta),
        reason: Reason,
        router: &Router,
        office: &DeadLetterOffice,
    ) {
        // The youngest: numbers begin anew with another incarnation of the other router.
        let sent = self.all.iter().filter(|(_, known)| known.interest == interest);
        let Some((_, known)) = sent.max_by_key(|(address, _)| **address) else { return };
        let event = router.foreign(description_of(&known.wanted.0));
        Departure::new(event, 0, meta, Back::Nothing).discard(payload, Loss::unhandled(reason), office);
    }

    fn forget(&mut self, address: u64) {
        if self.all.remove(&address).is_some_and(|known| known.is_retired) {
            self.retired -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interest::Role;

    fn schema(name: &str) -> Schema {
        Schema {
            name: name.to_owned(),
            version: 1,
            role: Role::Subscriber,
            codec: "postcard".to_owned(),
            shapes: Vec::new(),
        }
    }

    #[test]
    fn what_is_on_its_way_to_an_interest_that_is_gone_goes_to_another_of_its_kind() {
        let mut addresses = Addresses::default();
        let interest = Interest::from_number;
        let old = addresses.add(interest(5), schema("a"), None);
        let other = addresses.add(interest(6), schema("b"), None);
        let grouped = addresses.add(interest(7), schema("a"), Some("g".into()));
        assert_eq!(addresses.find(old), Some(interest(5)));
        addresses.retire(old);
        assert_eq!(addresses.find(old), None);
        // The other router was started anew, and its numbers begin again.
        [other, grouped].into_iter().for_each(|address| addresses.retire(address));
        let anew = addresses.add(interest(6), schema("a"), None);
        assert_eq!(addresses.find(old), Some(interest(6)));
        assert_eq!((addresses.find(other), addresses.find(grouped)), (None, None));
        addresses.forget_retired(|| false);
        assert_eq!(addresses.find(old), Some(interest(6)));
        addresses.forget_retired(|| true);
        assert_eq!((addresses.find(old), addresses.find(anew)), (None, Some(interest(6))));
    }

    #[test]
    fn only_so_many_are_kept_whose_interest_is_gone() {
        let mut addresses = Addresses::default();
        for number in 0..RETIRED as u32 + 100 {
            let address = addresses.add(Interest::from_number(number), schema("a"), None);
            addresses.retire(address);
        }
        assert_eq!(addresses.all.len(), RETIRED);
    }
}
