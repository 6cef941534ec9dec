//! `idle`: managers that wait, each subscribed to one event.

use super::tell;
use crate::{
    contender::Contender, measure::Sample, memory, runtime::on_two_workers, scenario::Scenario,
    tally::tallies,
};

pub(super) fn contenders() -> Vec<Contender> {
    vec![Contender::new(Scenario::Idle, "edri", managers)]
}

fn managers(count: u64) -> Sample {
    let (tallies, arrivals) = tallies(count as usize, 1);
    on_two_workers(async move {
        let sample = memory::of_each(count, tell::start(tallies)).await;
        drop(arrivals);
        sample
    })
}
