//! Who starts after whom, and who stops before whom.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use edri_manager::{Placement, Role};

/// The managers of a program cannot be put in an order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderError {
    /// One needs another that is not there.
    #[error(
        "the manager {manager} needs {needs}, which is not there; expected one of: {}",
        .known.join(", ")
    )]
    Unknown {
        /// The name of the one that needs another.
        manager: String,
        /// The name that no manager has.
        needs: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// Some need each other, and none of them could be the first.
    #[error("managers need each other in a circle: {}", .names.join(" needs "))]
    Circle {
        /// Their names, each followed by one that it needs; the first is the last, too.
        names: Vec<String>,
    },
}

/// The orders of a program's managers, by the index under which each was added.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Order {
    /// Whoever is needed comes before those that need it; otherwise sources last, and as they were added.
    pub(super) start: Vec<usize>,
    /// Whoever is needed comes after those that need it; otherwise sources first, and then the last to start.
    pub(super) stop: Vec<usize>,
    /// How many of the first to stop are sources that nobody needs: they can stop together.
    pub(super) sources: usize,
}

/// `managers` in the order in which they were added, each with its name.
pub(super) fn order(managers: &[(&str, &Placement)]) -> Result<Order, OrderError> {
    let needs = resolve(managers)?;
    let is_source = |manager: usize| managers[manager].1.role == Role::Source;
    let start = sort(&needs, |manager| (Reverse(is_source(manager)), Reverse(manager)))
        .ok_or_else(|| OrderError::Circle { names: circle(managers, &needs) })?;
    let mut needed_by = vec![Vec::new(); needs.len()];
    for (manager, needed) in needs.iter().enumerate() {
        needed.iter().for_each(|&needed| needed_by[needed].push(manager));
    }
    let mut started = vec![0; needs.len()];
    start.iter().enumerate().for_each(|(turn, &manager)| started[manager] = turn);
    let is_free = |manager: usize| is_source(manager) && needed_by[manager].is_empty();
    let urgency = |manager: usize| (is_free(manager), is_source(manager), started[manager]);
    // What has no circle has none the other way round.
    let stop = sort(&needed_by, urgency).unwrap_or_default();
    let sources = stop.iter().take_while(|&&manager| is_free(manager)).count();
    Ok(Order { start, stop, sources })
}

/// Indices in place of names, each once.
fn resolve(managers: &[(&str, &Placement)]) -> Result<Vec<Vec<usize>>, OrderError> {
    let mut called: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, (name, _)) in managers.iter().enumerate() {
        called.entry(name).or_default().push(index);
    }
    let indices = |manager: &str, needs: &str| {
        called.get(needs).cloned().ok_or_else(|| OrderError::Unknown {
            manager: manager.to_owned(),
            needs: needs.to_owned(),
            known: managers.iter().map(|(name, _)| (*name).to_owned()).collect(),
        })
    };
    let resolved = managers.iter().map(|(name, placement)| {
        let mut needed = Vec::new();
        for needs in &placement.needs {
            needed.extend(indices(name, needs)?);
        }
        needed.sort_unstable();
        needed.dedup();
        Ok(needed)
    });
    resolved.collect()
}

/// All of them, each after those it comes `after`; of several that could be next, the one of most urgency. `None` if
/// there is a circle.
fn sort<U: Ord>(after: &[Vec<usize>], urgency: impl Fn(usize) -> U) -> Option<Vec<usize>> {
    let mut before = vec![Vec::new(); after.len()];
    let mut awaited: Vec<usize> = after.iter().map(Vec::len).collect();
    for (index, earlier) in after.iter().enumerate() {
        earlier.iter().for_each(|&earlier| before[earlier].push(index));
    }
    let mut ready: BinaryHeap<(U, usize)> = BinaryHeap::new();
    ready.extend((0..after.len()).filter(|&index| awaited[index] == 0).map(|index| (urgency(index), index)));
    let mut sorted = Vec::with_capacity(after.len());
    while let Some((_, index)) = ready.pop() {
        sorted.push(index);
        for &later in &before[index] {
            awaited[later] -= 1;
            if awaited[later] == 0 {
                ready.push((urgency(later), later));
            }
        }
    }
    (sorted.len() == after.len()).then_some(sorted)
}

/// A circle, where there is one: whoever goes on and on to one that is needed comes by somebody twice.
fn circle(managers: &[(&str, &Placement)], needs: &[Vec<usize>]) -> Vec<String> {
    let mut in_circles = vec![true; needs.len()];
    // Those that need nobody in a circle are in none; as often as one is found there may be another.
    while let Some(free) = (0..needs.len())
        .find(|&index| in_circles[index] && !needs[index].iter().any(|&needed| in_circles[needed]))
    {
        in_circles[free] = false;
    }
    let mut path: Vec<usize> = Vec::new();
    let mut next = in_circles.iter().position(|is_in| *is_in);
    while let Some(index) = next {
        let seen = path.iter().position(|&earlier| earlier == index);
        path.push(index);
        if let Some(first) = seen {
            return path[first..].iter().map(|&index| managers[index].0.to_owned()).collect();
        }
        next = needs[index].iter().copied().find(|&needed| in_circles[needed]);
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn placed(role: Role, needs: &[&str]) -> Placement {
        let mut placement = Placement::default();
        placement.role = role;
        placement.needs = needs.iter().map(|name| (*name).to_owned().into()).collect();
        placement
    }

    fn order_of(managers: &[(&str, Placement)]) -> Result<(Vec<String>, Vec<String>), OrderError> {
        let placed: Vec<_> = managers.iter().map(|(name, placement)| (*name, placement)).collect();
        let order = order(&placed)?;
        let names = |indices: Vec<usize>| indices.iter().map(|&index| managers[index].0.to_owned()).collect();
        Ok((names(order.start), names(order.stop)))
    }

    #[test]
    fn without_a_word_they_stop_in_the_reverse_order_of_their_start() {
        let plain = ["a", "b", "c"].map(|name| (name, Placement::default()));
        let (start, stop) = order_of(&plain).unwrap();
        assert_eq!(start, ["a", "b", "c"]);
        assert_eq!(stop, ["c", "b", "a"]);
    }

    #[test]
    fn sources_start_last_and_stop_first_and_who_is_needed_stops_after_who_needs_it() {
        let managers = [
            ("gateway", placed(Role::Source, &["orders"])),
            ("orders", placed(Role::Inner, &["store"])),
            ("clock", placed(Role::Source, &[])),
            ("store", placed(Role::Inner, &[])),
            ("log", placed(Role::Inner, &[])),
        ];
        let (start, stop) = order_of(&managers).unwrap();
        assert_eq!(start, ["store", "orders", "log", "gateway", "clock"]);
        assert_eq!(stop, ["clock", "gateway", "log", "orders", "store"]);
    }

    #[test]
    fn a_source_that_is_needed_outlives_who_needs_it() {
        let managers = [("reader", placed(Role::Inner, &["feed"])), ("feed", placed(Role::Source, &[]))];
        let (start, stop) = order_of(&managers).unwrap();
        assert_eq!(
            (start, stop),
            (vec!["feed".into(), "reader".into()], vec!["reader".into(), "feed".into()])
        );
    }

    #[test]
    fn a_name_that_nobody_has_and_a_circle_are_named() {
        let lost = [("a", placed(Role::Inner, &["z"])), ("b", Placement::default())];
        let error = order_of(&lost).unwrap_err().to_string();
        assert_eq!(error, "the manager a needs z, which is not there; expected one of: a, b");
        let round = [
            ("outside", placed(Role::Inner, &["a"])),
            ("a", placed(Role::Inner, &["free", "b"])),
            ("b", placed(Role::Inner, &["a"])),
            ("free", Placement::default()),
        ];
        let error = order_of(&round).unwrap_err().to_string();
        assert_eq!(error, "managers need each other in a circle: a needs b needs a");
        let error = order_of(&[("a", placed(Role::Inner, &["a"]))]).unwrap_err().to_string();
        assert_eq!(error, "managers need each other in a circle: a needs a");
    }

    proptest! {
        #[test]
        fn any_program_is_in_order_or_has_a_circle(
            needs in prop::collection::vec((any::<bool>(), prop::collection::vec(0..12_usize, 0..3)), 1..12),
        ) {
            let names: Vec<String> = (0..needs.len()).map(|index| index.to_string()).collect();
            let placements: Vec<Placement> = needs
                .iter()
                .map(|(source, needed)| {
                    let needed: Vec<_> = needed.iter().map(|index| &*names[index % names.len()]).collect();
                    placed(if *source { Role::Source } else { Role::Inner }, &needed)
                })
                .collect();
            let managers: Vec<_> = names.iter().map(|name| &**name).zip(&placements).collect();
            match order(&managers) {
                Ok(Order { start, stop, .. }) => {
                    let turn = |order: &[usize], manager: usize| order.iter().position(|&each| each == manager);
                    for (manager, (_, placement)) in managers.iter().enumerate() {
                        prop_assert!(turn(&start, manager).is_some() && turn(&stop, manager).is_some());
                        for needed in &placement.needs {
                            let needed = needed.parse().unwrap();
                            prop_assert!(turn(&start, needed) < turn(&start, manager));
                            prop_assert!(turn(&stop, needed) > turn(&stop, manager));
                        }
                    }
                }
                Err(OrderError::Circle { names }) => {
                    prop_assert!(names.len() > 1 && names.first() == names.last());
                    for pair in names.windows(2) {
                        let manager: usize = pair[0].parse().unwrap();
                        prop_assert!(placements[manager].needs.iter().any(|needed| *needed == pair[1]));
                    }
                }
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }
}
