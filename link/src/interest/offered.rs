use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::{Consumer, Interest, Mismatch, Role, Schema};
use crate::numbers::ByNumber;
use crate::wire::{Change, Lexicon, Told};

/// What this end consumes, and what of it is still to be said over the connection that there is.
#[derive(Debug, Default)]
pub(crate) struct Offered {
    live: ByNumber<Interest, Live>,
    next: u32,
    lexicon: Lexicon,
    /// What the numbers mean has been said so far.
    told: Told,
    /// Which interests the other end knows of.
    known: BTreeSet<Interest>,
    untold: VecDeque<Untold>,
    /// Those that were retired last, with as what they were consumed.
    retired: VecDeque<(Interest, Role)>,
}

#[derive(Debug)]
struct Live {
    schema: Arc<Schema>,
    role: Role,
    /// Of the schema and the group; `None` for what cannot be spoken of.
    numbers: Option<(u32, Option<u32>)>,
    consumer: Consumer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Untold {
    Announce(Interest),
    Withdraw(Interest),
    Load(Interest),
    Complete,
}

/// So many bytes of changes go into one frame, which is at most 16 KiB long, whatever the other end takes: one change
/// more still fits.
const TOGETHER: usize = 8 * 1024;

/// Of so many that were retired, what is still on its way is taken.
pub(crate) const RETIRED: usize = 1024;

impl Offered {
    pub(crate) fn announce(&mut self, schema: Schema, group: Option<&str>, consumer: Consumer) -> Interest {
        let interest = Interest(self.next);
        self.next += 1;
        let (role, schema) = (schema.role, Arc::new(schema));
        let speakable = schema.weight() <= Schema::LONGEST && group.is_none_or(|group| group.len() <= 1024);
        let numbers = speakable.then(|| {
            let group = group.map(|group| self.lexicon.hold_group(&group.into()));
            (self.lexicon.hold_schema(&schema), group)
        });
        self.live.insert(interest, Live { schema, role, numbers, consumer });
        if speakable {
            self.untold.push_back(Untold::Announce(interest));
        }
        interest
    }

    pub(crate) fn withdraw(&mut self, interest: Interest) {
        let Some(live) = self.live.remove(&interest) else { return };
        if let Some((schema, group)) = live.numbers {
            self.lexicon.release_schema(schema);
            group.into_iter().for_each(|group| self.lexicon.release_group(group));
        }
        self.untold
            .retain(|untold| !matches!(untold, Untold::Announce(of) | Untold::Load(of) if *of == interest));
        if self.known.contains(&interest) {
            self.untold.push_back(Untold::Withdraw(interest));
        }
    }

    /// As [`withdraw`](Self::withdraw), but what is still on its way is taken.
    pub(crate) fn retire(&mut self, interest: Interest) {
        let Some(role) = self.role(interest) else { return };
        self.withdraw(interest);
        if self.retired.len() >= RETIRED {
            self.retired.pop_front();
        }
        self.retired.push_back((interest, role));
    }

    pub(crate) fn set_load(&mut self, interest: Interest, load: u32) {
        let Some(live) = self.live.get_mut(&interest) else { return };
        let changed = std::mem::replace(&mut live.consumer.load, load) != load;
        // An announcement that waits says the latest, and so does a load.
        if changed && self.known.contains(&interest) && !self.untold.contains(&Untold::Load(interest)) {
            self.untold.push_back(Untold::Load(interest));
        }
    }

    /// A connection begins: all that there is has to be said.
    pub(crate) fn begin(&mut self) {
        self.told = Told::default();
        self.known.clear();
        let mut live: Vec<_> =
            self.live.iter().filter(|(_, live)| live.numbers.is_some()).map(|(id, _)| *id).collect();
        live.sort_unstable();
        self.untold = live.into_iter().map(Untold::Announce).chain([Untold::Complete]).collect();
    }

    /// Whether it is consumed, as that.
    #[inline]
    pub(crate) fn consumes(&self, interest: Interest, role: Role) -> bool {
        self.role(interest) == Some(role)
    }

    /// As what it is consumed, if it is, or was until it was retired.
    #[inline]
    pub(crate) fn role(&self, interest: Interest) -> Option<Role> {
        match self.live.get(&interest) {
            Some(live) => Some(live.role),
            None => self.retired_role(interest),
        }
    }

    #[cold]
    fn retired_role(&self, interest: Interest) -> Option<Role> {
        self.retired.iter().find(|(retired, _)| *retired == interest).map(|(_, role)| *role)
    }

    /// What it is called that is consumed.
    pub(crate) fn name(&self, interest: Interest) -> Option<&str> {
        self.live.get(&interest).map(|live| live.schema.name.as_str())
    }

    /// Another router knows it as something else.
    pub(crate) fn mismatch(&self, interest: Interest, theirs: Schema) -> Option<Mismatch> {
        let live = self.live.get(&interest)?;
        Some(Mismatch { ours: Schema::clone(&live.schema), theirs })
    }

    /// What is to be told next, a frame's worth. Of announcements only as many as the other end takes: the rest waits
    /// until others are withdrawn.
    pub(crate) fn tell(&mut self, most: u32) -> Option<Vec<Change>> {
        let mut changes = Vec::new();
        let mut bytes = 0;
        let mut index = 0;
        while bytes < TOGETHER
            && let Some(untold) = self.untold.get(index)
        {
            if matches!(untold, Untold::Announce(_)) && self.known.len() >= most as usize {
                index += 1;
                continue;
            }
            let Some(untold) = self.untold.remove(index) else { break };
            let before = changes.len();
            self.say(untold, &mut changes);
            bytes += changes[before..].iter().map(size).sum::<usize>();
        }
        (!changes.is_empty()).then_some(changes)
    }

    fn say(&mut self, untold: Untold, changes: &mut Vec<Change>) {
        match untold {
            Untold::Announce(interest) => {
                let Some(Live { numbers: Some(numbers), consumer, .. }) = self.live.get(&interest) else {
                    return;
                };
                self.lexicon.announce(&mut self.told, interest, *numbers, *consumer, changes);
                self.known.insert(interest);
            }
            Untold::Withdraw(interest) => {
                self.known.remove(&interest);
                changes.push(Change::Withdraw { interest });
            }
            Untold::Load(interest) => {
                let load = self.live.get(&interest).map_or(0, |live| live.consumer.load);
                changes.push(Change::Load { interest, load });
            }
            Untold::Complete => changes.push(Change::Complete),
        }
    }

    pub(crate) fn has_untold(&self) -> bool {
        !self.untold.is_empty()
    }
}

/// Roughly.
fn size(change: &Change) -> usize {
    16 + match change {
        Change::Schema { schema, .. } => 64 + schema.weight(),
        Change::Group { name, .. } => name.len(),
        Change::Denied { reason, .. } => reason.len(),
        Change::Announce { .. } | Change::Withdraw { .. } | Change::Load { .. } | Change::Complete => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Frame, Interests, Learned, Learner, write};

    fn schema(name: &str) -> Schema {
        Schema {
            name: name.to_owned(),
            version: 1,
            role: Role::Subscriber,
            codec: "postcard".to_owned(),
            shapes: Vec::new(),
        }
    }

    /// What the other end learns.
    fn learn(offered: &mut Offered, learner: &mut Learner, most: u32) -> Vec<Learned> {
        let changes = std::iter::from_fn(|| offered.tell(most)).flatten();
        changes.filter_map(|change| learner.learn(change).unwrap()).collect()
    }

    fn announced(learned: &[Learned]) -> Vec<u32> {
        let announced = learned.iter().filter_map(|learned| match learned {
            Learned::Announced { interest, .. } => Some(interest.0),
            _ => None,
        });
        announced.collect()
    }

    #[test]
    fn what_was_never_told_is_not_withdrawn_on_the_wire() {
        let (mut offered, mut learner) = (Offered::default(), Learner::new(10_000));
        let (early, late) = (
            offered.announce(schema("early"), None, Consumer::default()),
            offered.announce(schema("late"), None, Consumer::default()),
        );
        offered.withdraw(early);
        let told = learn(&mut offered, &mut learner, 5_000);
        let schema = Arc::new(schema("late"));
        assert_eq!(
            told,
            [Learned::Announced { interest: late, schema, group: None, consumer: Consumer::default() }]
        );
        offered.set_load(late, 3);
        offered.set_load(late, 4);
        assert_eq!(learn(&mut offered, &mut learner, 5_000), [Learned::Loaded { interest: late, load: 4 }]);
        offered.set_load(late, 5);
        offered.withdraw(late);
        assert_eq!(learn(&mut offered, &mut learner, 5_000), [Learned::Withdrawn { interest: late }]);
    }

    #[test]
    fn a_name_that_fits_into_no_frame_is_not_spoken_of() {
        let (mut offered, mut learner) = (Offered::default(), Learner::new(10_000));
        let unspeakable = offered.announce(schema(&"x".repeat(5_000)), None, Consumer::default());
        let long = offered.announce(schema(&"x".repeat(4_000)), None, Consumer::default());
        offered.withdraw(unspeakable);
        assert_eq!(announced(&learn(&mut offered, &mut learner, 10)), [long.0]);
    }

    #[test]
    fn over_each_connection_all_is_said_again_and_what_numbers_mean_too() {
        let mut offered = Offered::default();
        let first = offered.announce(schema("a"), Some("workers"), Consumer::default());
        let second = offered.announce(schema("a"), None, Consumer::default());
        for _ in 0..3 {
            offered.begin();
            let told = learn(&mut offered, &mut Learner::new(10_000), 10);
            assert_eq!(announced(&told), [first.0, second.0]);
            assert_eq!(told.last(), Some(&Learned::Complete));
            offered.set_load(first, 7);
        }
    }

    #[test]
    fn what_is_on_its_way_to_one_that_was_retired_is_taken() {
        let mut offered = Offered::default();
        let interests: Vec<_> = (0..RETIRED as u32 + 10)
            .map(|_| offered.announce(schema("a"), None, Consumer::default()))
            .collect();
        interests.iter().for_each(|interest| offered.retire(*interest));
        let taken = interests.iter().filter(|interest| offered.consumes(**interest, Role::Subscriber));
        assert!(taken.eq(&interests[10..]));
        assert_eq!(offered.tell(10), None);
    }

    #[test]
    fn many_announcements_are_spread_over_frames() {
        let mut offered = Offered::default();
        for index in 0..1_000 {
            offered.announce(schema(&format!("an event of the number {index}")), None, Consumer::default());
        }
        let mut told = 0;
        while let Some(changes) = offered.tell(5_000) {
            told += changes.iter().filter(|change| matches!(change, Change::Announce { .. })).count();
            let mut bytes = Vec::new();
            write(&mut bytes, &Frame::Interest(Interests { member: 0, changes }));
            assert!(bytes.len() < 16 * 1024);
        }
        assert_eq!(told, 1_000);
    }
}
