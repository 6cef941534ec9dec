//! Who takes part, one file or folder for each crate.
//!
//! To add a contender, write `pub(crate) fn contenders() -> Vec<Contender>` in a file here and name it in
//! [`all`]. Register one [`Contender`] for each scenario it takes part in.

mod actix;
mod actor_crate;
mod edri;
mod kameo;
pub(crate) mod network;
mod ractor;
mod raw;
mod store;
mod tokio_cron_scheduler;
mod xtra;

use crate::contender::Contender;

pub(crate) use store::skipped;

/// Every contender of every scenario, in the order of the tables.
pub(crate) fn all() -> Vec<Contender> {
    [
        raw::contenders(),
        edri::contenders(),
        kameo::contenders(),
        ractor::contenders(),
        actix::contenders(),
        xtra::contenders(),
        tokio_cron_scheduler::contenders(),
        store::contenders(),
        network::contenders(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::all;
    use crate::{contender::Role, scenario::Scenario};

    #[test]
    fn names_are_unique_within_a_scenario() {
        let mut names = HashSet::new();
        for contender in all() {
            assert!(names.insert(format!("{contender:?}")), "{contender:?} is registered twice");
        }
    }

    #[test]
    fn scenarios_have_a_base() {
        let contenders = all();
        // The table of routes has no raw equivalent.
        let has_base = |scenario: &Scenario| match scenario {
            Scenario::Table => false,
            Scenario::Command | Scenario::CommandPerJob => cfg!(target_os = "linux"),
            _ => true,
        };
        for scenario in Scenario::ALL.into_iter().filter(has_base) {
            assert!(
                contenders
                    .iter()
                    .any(|contender| { contender.scenario == scenario && contender.role == Role::Base }),
                "{scenario} has no base"
            );
        }
    }

    #[test]
    fn every_contender_delivers_every_message() {
        for contender in all() {
            let sample = contender.run(0.005);
            assert!(sample.value.is_finite() && sample.value >= 0.0, "{contender:?} measured nothing");
        }
    }
}
