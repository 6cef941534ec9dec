use std::collections::{BTreeMap, VecDeque};

use super::change::Change;
use crate::wire::{Consumer, Interest, Mismatch, Role, Schema};

/// What this end consumes, and what of it the other end has still to be told.
#[derive(Debug, Default)]
pub(crate) struct Offered {
    live: BTreeMap<Interest, (Schema, u32)>,
    next: u32,
    untold: VecDeque<Change>,
    /// How many the other end knows of.
    told: usize,
}

/// So many bytes of changes go into one frame, which is at most 16 KiB long, whatever the other end takes: one change
/// more still fits.
const TOGETHER: usize = 8 * 1024;

/// A schema whose name and codec are longer than this is not spoken of.
const LONGEST: usize = 4 * 1024;

impl Offered {
    pub(crate) fn announce(&mut self, schema: Schema, group: Option<String>, consumer: Consumer) -> Interest {
        let interest = Interest(self.next);
        self.next += 1;
        if is_speakable(&schema) && group.as_ref().is_none_or(|group| group.len() <= LONGEST) {
            let schema = schema.clone();
            self.untold.push_back(Change::Announce { interest, schema, group, consumer });
        }
        self.live.insert(interest, (schema, consumer.load));
        interest
    }

    pub(crate) fn withdraw(&mut self, interest: Interest) {
        let Some((schema, _)) = self.live.remove(&interest) else { return };
        let mut told = is_speakable(&schema);
        self.untold.retain(|change| match change {
            Change::Announce { interest: untold, .. } if *untold == interest => {
                told = false;
                false
            }
            Change::Load { interest: untold, .. } => *untold != interest,
            _ => true,
        });
        if told {
            self.untold.push_back(Change::Withdraw { interest });
        }
    }

    pub(crate) fn set_load(&mut self, interest: Interest, load: u32) {
        if let Some((_, current)) = self.live.get_mut(&interest)
            && *current != load
        {
            *current = load;
            for change in &mut self.untold {
                match change {
                    Change::Announce { interest: untold, consumer: Consumer { load: old, .. }, .. }
                    | Change::Load { interest: untold, load: old }
                        if *untold == interest =>
                    {
                        *old = load;
                        return;
                    }
                    _ => {}
                }
            }
            self.untold.push_back(Change::Load { interest, load });
        }
    }

    /// The link begins: what has been announced so far is what it begins with.
    pub(crate) fn begin(&mut self) {
        self.untold.push_back(Change::Complete);
    }

    /// Whether it is consumed, as one of those.
    pub(crate) fn consumes(&self, interest: Interest, roles: &[Role]) -> bool {
        self.live.get(&interest).is_some_and(|(schema, _)| roles.contains(&schema.role))
    }

    /// The other end knows it as something else.
    pub(crate) fn mismatch(&self, interest: Interest, theirs: Schema) -> Option<Mismatch> {
        let (ours, _) = self.live.get(&interest)?;
        Some(Mismatch { ours: ours.clone(), theirs })
    }

    /// Says of one of the other end's interests that it does not match. Beyond `most` objections that could not be
    /// sent yet, the other end is not told: it does not listen.
    pub(crate) fn object(&mut self, interest: Interest, schema: Schema, most: u32) {
        let objections =
            self.untold.iter().filter(|change| matches!(change, Change::Mismatch { .. })).count();
        if objections < most as usize && is_speakable(&schema) {
            self.untold.push_back(Change::Mismatch { interest, schema });
        }
    }

    /// What is to be told next, a frame's worth. Of announcements only as many as the other end takes: the rest waits
    /// until others are withdrawn.
    pub(crate) fn tell(&mut self, most: u32) -> Option<Vec<Change>> {
        let mut changes = Vec::new();
        let mut bytes = 0;
        let mut index = 0;
        while bytes < TOGETHER
            && let Some(change) = self.untold.get(index)
        {
            match change {
                Change::Announce { .. } if self.told >= most as usize => {
                    index += 1;
                    continue;
                }
                Change::Announce { .. } => self.told += 1,
                Change::Withdraw { .. } => self.told -= 1,
                Change::Load { .. } | Change::Mismatch { .. } | Change::Complete => {}
            }
            bytes += size(change);
            changes.extend(self.untold.remove(index));
        }
        (!changes.is_empty()).then_some(changes)
    }

    pub(crate) fn has_untold(&self) -> bool {
        !self.untold.is_empty()
    }
}

fn is_speakable(schema: &Schema) -> bool {
    schema.name.len() + schema.codec.len() <= LONGEST && schema.shapes.len() <= 16
}

/// Roughly.
fn size(change: &Change) -> usize {
    match change {
        Change::Announce { schema, group, .. } => {
            let group = group.as_ref().map_or(0, String::len);
            64 + schema.name.len() + schema.codec.len() + 10 * schema.shapes.len() + group
        }
        Change::Mismatch { schema, .. } => {
            64 + schema.name.len() + schema.codec.len() + 10 * schema.shapes.len()
        }
        Change::Withdraw { .. } | Change::Load { .. } | Change::Complete => 16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(name: &str) -> Schema {
        Schema {
            name: name.to_owned(),
            version: 1,
            role: Role::Subscriber,
            codec: "postcard".to_owned(),
            shapes: Vec::new(),
        }
    }

    fn announce(offered: &mut Offered, name: &str) -> Interest {
        offered.announce(schema(name), None, Consumer::default())
    }

    #[test]
    fn what_was_never_told_is_not_withdrawn_on_the_wire() {
        let mut offered = Offered::default();
        let (early, late) = (announce(&mut offered, "early"), announce(&mut offered, "late"));
        offered.withdraw(early);
        let told = offered.tell(5_000).unwrap();
        assert_eq!(
            told,
            [Change::Announce {
                interest: late,
                schema: schema("late"),
                group: None,
                consumer: Consumer::default()
            }]
        );
        offered.set_load(late, 3);
        offered.set_load(late, 4);
        offered.withdraw(late);
        assert_eq!(offered.tell(5_000).unwrap(), [Change::Withdraw { interest: late }]);
        assert_eq!(offered.tell(5_000), None);
    }

    #[test]
    fn a_name_that_fits_into_no_frame_is_not_spoken_of() {
        let mut offered = Offered::default();
        let unspeakable = announce(&mut offered, &"x".repeat(5_000));
        let long = announce(&mut offered, &"x".repeat(4_000));
        offered.withdraw(unspeakable);
        let told = offered.tell(10).unwrap();
        assert!(matches!(told[..], [Change::Announce { interest, .. }] if interest == long), "{told:?}");
    }

    #[test]
    fn many_announcements_are_spread_over_frames() {
        let mut offered = Offered::default();
        for index in 0..1_000 {
            announce(&mut offered, &format!("an event of the number {index}"));
        }
        let mut told = 0;
        while let Some(changes) = offered.tell(5_000) {
            let mut bytes = Vec::new();
            crate::frame::write(&mut bytes, &crate::frame::Frame::Interest(changes.clone()));
            assert!(bytes.len() < 16 * 1024);
            told += changes.len();
        }
        assert_eq!(told, 1_000);
    }
}
