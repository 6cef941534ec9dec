use proptest::prelude::*;

/// What is done with a log.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Batches of records of so many bytes are written as one group, and synced or not.
    Append { batches: Vec<Vec<usize>>, then: Then },
    /// All that was written is synced.
    Sync,
    /// So many percent of the synced records are confirmed, those that are confirmed already included.
    Confirm(u64),
    /// The first so many percent of the synced records are summed up, in so many parts.
    Snapshot { percent: u64, parts: usize },
    /// Nothing is done for a while.
    Idle,
    /// It is closed in order and opened again.
    Reopen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Synced,
    Unsynced,
}

pub(super) type Program = Vec<Step>;

fn step() -> impl Strategy<Value = Step> {
    let batch = prop::collection::vec(prop_oneof![4 => 0..80_usize, 1 => 200..700_usize], 1..4);
    let batches = prop::collection::vec(batch, 1..4);
    let then = prop_oneof![2 => Just(Then::Synced), 1 => Just(Then::Unsynced)];
    prop_oneof![
        6 => (batches, then).prop_map(|(batches, then)| Step::Append { batches, then }),
        1 => Just(Step::Sync),
        2 => (0..=100_u64).prop_map(Step::Confirm),
        1 => (0..=100_u64, 0..4_usize).prop_map(|(percent, parts)| Step::Snapshot { percent, parts }),
        1 => Just(Step::Idle),
        1 => Just(Step::Reopen),
    ]
}

/// Any program of some steps.
pub(super) fn any() -> impl Strategy<Value = Program> {
    prop::collection::vec(step(), 1..14)
}

/// Every program of `length` steps out of a few that say all there is.
pub(super) fn all(length: usize) -> Vec<Program> {
    let steps = [
        Step::Append { batches: vec![vec![10]], then: Then::Synced },
        Step::Append { batches: vec![vec![300, 20], vec![5]], then: Then::Unsynced },
        Step::Confirm(100),
        Step::Snapshot { percent: 100, parts: 2 },
    ];
    let mut programs = vec![Program::new()];
    for _ in 0..length {
        let longer = |program: &Program| {
            let program = program.clone();
            steps.iter().map(move |step| [&program[..], std::slice::from_ref(step)].concat())
        };
        programs = programs.iter().flat_map(longer).collect();
    }
    programs
}
