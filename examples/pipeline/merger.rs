//! The one who adds it all up.

use edri::prelude::*;

use crate::workers::Counts;

/// Asks to add these to what there is.
#[derive(Request)]
#[request(response = ())]
pub(crate) struct Merge(pub(crate) Counts);

/// Asks for all that was added up.
#[derive(Request)]
#[request(response = Counts)]
pub(crate) struct Total;

#[derive(Default)]
pub(crate) struct Merger {
    all: Counts,
}

#[manager]
impl Merger {
    #[request]
    fn merge(&mut self, event: Merge) {
        for (word, count) in event.0 {
            *self.all.entry(word).or_default() += count;
        }
    }

    #[request]
    fn total(&mut self, _event: Total) -> Counts {
        std::mem::take(&mut self.all)
    }
}
