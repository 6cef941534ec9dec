use std::collections::HashMap;
use std::sync::Arc;

use super::registry::{PartId, Wait};
use crate::request::RequestId;

/// Which of some waits will never end, as far as these waits show it.
///
/// A wait ends when its request is answered. The request is worked on by a handler that is seen to wait for something
/// itself, or it waits for a handler of its part: for any of them. A handler goes on when all it waits for has come
/// (where it would take the first of several, this errs on the side of the warning). What is not seen to wait is at
/// work, and will answer. From there the waits that can end are found one after the other; the rest never will.
pub(super) struct Analysis {
    obstacles: Vec<Obstacle>,
    /// For each part, the waits of each of its handlers.
    handlers: HashMap<PartId, Vec<Vec<usize>>>,
    dead: Vec<bool>,
}

enum Obstacle {
    /// Somebody is at work on it, or free to be.
    Nothing,
    /// The handler that works on it has these waits.
    Served(Vec<usize>),
    /// All handlers of this part wait.
    Busy(PartId),
}

impl Analysis {
    pub(super) fn of(waits: &[Arc<Wait>]) -> Self {
        let mut by_part: HashMap<PartId, Vec<usize>> = HashMap::new();
        let mut serving: HashMap<(PartId, RequestId), Vec<usize>> = HashMap::new();
        for (index, wait) in waits.iter().enumerate() {
            by_part.entry(wait.part()).or_default().push(index);
            if let Some(request) = wait.serves {
                serving.entry((wait.part(), request)).or_default().push(index);
            }
        }
        let handlers: HashMap<_, _> = by_part
            .into_iter()
            .map(|(part, of_part)| {
                let mut handlers: HashMap<usize, Vec<usize>> = HashMap::new();
                for index in of_part {
                    handlers.entry(waits[index].handling).or_default().push(index);
                }
                (part, handlers.into_values().collect::<Vec<_>>())
            })
            .collect();
        let is_busy = |part| {
            let handlers: &Vec<Vec<usize>> = handlers.get(&part)?;
            let size = waits[*handlers.first()?.first()?].at_a_time();
            (handlers.len() >= size).then_some(part)
        };
        let obstacles = waits
            .iter()
            .map(|wait| match serving.get(&(wait.target(), wait.request)) {
                Some(serving) => Obstacle::Served(serving.clone()),
                None => is_busy(wait.target()).map_or(Obstacle::Nothing, Obstacle::Busy),
            })
            .collect();
        let mut analysis = Self { obstacles, handlers, dead: vec![true; waits.len()] };
        analysis.bury();
        analysis
    }

    /// Finds out which of them end.
    fn bury(&mut self) {
        let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); self.dead.len()];
        let mut of_part: HashMap<PartId, Vec<usize>> = HashMap::new();
        let mut ending = Vec::new();
        for (index, obstacle) in self.obstacles.iter().enumerate() {
            match obstacle {
                Obstacle::Nothing => ending.push(index),
                Obstacle::Served(by) => by.iter().for_each(|&other| dependents[other].push(index)),
                Obstacle::Busy(part) => of_part.entry(*part).or_default().push(index),
            }
        }
        // Those that wait for a part in common are dependents of the part.
        for (part, waiting) in of_part {
            for &other in self.handlers.get(&part).into_iter().flatten().flatten() {
                dependents[other].extend(&waiting);
            }
        }
        while let Some(index) = ending.pop() {
            if !std::mem::replace(&mut self.dead[index], false) {
                continue;
            }
            ending.extend(dependents[index].iter().copied().filter(|&other| self.ends(other)));
        }
    }

    fn ends(&self, index: usize) -> bool {
        let goes_on = |handler: &Vec<usize>| handler.iter().all(|&wait| !self.dead[wait]);
        self.dead[index]
            && match &self.obstacles[index] {
                Obstacle::Nothing => true,
                Obstacle::Served(by) => goes_on(by),
                Obstacle::Busy(part) => self.handlers.get(part).is_none_or(|all| all.iter().any(goes_on)),
            }
    }

    /// The dead waits that this one waits for.
    fn ahead(&self, index: usize) -> impl Iterator<Item = usize> {
        let waits: Vec<usize> = match &self.obstacles[index] {
            Obstacle::Nothing => Vec::new(),
            Obstacle::Served(by) => by.clone(),
            Obstacle::Busy(part) => {
                self.handlers.get(part).map(|all| all.iter().flatten().copied().collect()).unwrap_or_default()
            }
        };
        waits.into_iter().filter(|&wait| self.dead[wait])
    }

    /// The waits that wait for each other in a circle, or in several that are linked: each such set once, in the order
    /// in which one is led from wait to wait.
    pub(super) fn cycles(&self) -> Vec<Vec<usize>> {
        // Sharir's algorithm (1981, Kosaraju's): in the order in which they are left for good, later ones first, each
        // wait gathers those from which it can be reached.
        let ahead: Vec<Vec<usize>> = (0..self.dead.len())
            .map(|index| if self.dead[index] { self.ahead(index).collect() } else { Vec::new() })
            .collect();
        let mut behind = vec![Vec::new(); ahead.len()];
        for (index, next) in ahead.iter().enumerate() {
            next.iter().for_each(|&other| behind[other].push(index));
        }
        let mut left = Vec::new();
        let mut seen = vec![false; ahead.len()];
        for start in 0..ahead.len() {
            walk(start, &ahead, &mut seen, |_| {}, |index| left.push(index));
        }
        let mut cycles = Vec::new();
        let mut gathered = vec![false; ahead.len()];
        for &start in left.iter().rev() {
            let mut set = Vec::new();
            walk(start, &behind, &mut gathered, |index| set.push(index), |_| {});
            let is_cycle = match &set[..] {
                [only] => ahead[*only].contains(only),
                several => several.len() > 1,
            };
            if is_cycle {
                cycles.push(in_order(&set, &ahead));
            }
        }
        cycles
    }
}

/// The same waits, from the first of them onwards.
fn in_order(set: &[usize], ahead: &[Vec<usize>]) -> Vec<usize> {
    let mut outside = vec![true; ahead.len()];
    set.iter().for_each(|&index| outside[index] = false);
    let mut ordered = Vec::with_capacity(set.len());
    if let Some(&first) = set.iter().min() {
        walk(first, ahead, &mut outside, |index| ordered.push(index), |_| {});
    }
    ordered
}

/// Depth first through all that can be reached and has not been seen; on its own stack, since chains may be long.
fn walk(
    start: usize,
    edges: &[Vec<usize>],
    seen: &mut [bool],
    mut enter: impl FnMut(usize),
    mut leave: impl FnMut(usize),
) {
    if std::mem::replace(&mut seen[start], true) {
        return;
    }
    enter(start);
    let mut path = vec![(start, 0)];
    while let Some((index, next)) = path.last_mut() {
        match edges[*index].get(*next) {
            None => {
                leave(*index);
                path.pop();
            }
            Some(&other) => {
                *next += 1;
                if !std::mem::replace(&mut seen[other], true) {
                    enter(other);
                    path.push((other, 0));
                }
            }
        }
    }
}
