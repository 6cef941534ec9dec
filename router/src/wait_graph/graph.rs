use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::deadlock::Analysis;
use super::registry::{PartId, Wait};

/// Who waits for whose answer, at one moment: the parts of a program, and the requests between them. Made by
/// [`Router::wait_graph`](crate::Router::wait_graph).
///
/// There are the waits of those who ask on behalf of an event, through the router of their
/// [context](crate::Context::router). Who asks through another router is not seen: neither its own wait nor what
/// waits for it because of that.
///
/// Its `Display` is a line for each wait, the longest first, and one for each cycle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WaitGraph {
    /// Those who wait or are waited for.
    pub parts: Vec<WaitingPart>,
    /// Who waits for whom, those that wait longest first.
    pub waits: Vec<WaitingFor>,
    /// How many more waits there are than the router keeps count of one by one.
    pub omitted: usize,
    /// As indices of `waits`.
    cycles: Vec<Vec<usize>>,
}

/// A manager, a worker, a pool, or a closure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WaitingPart {
    /// Its name. Others may have the same.
    pub name: String,
    /// How many events it handles at a time.
    pub at_a_time: AtATime,
    /// For a worker the pool it belongs to, as an index of [`WaitGraph::parts`].
    pub member_of: Option<usize>,
}

/// How many events a part handles at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum AtATime {
    /// Not known: it waits for nobody itself.
    #[default]
    Unknown,
    /// One after the other.
    One,
    /// Up to so many.
    UpTo(usize),
    /// Any number.
    Any,
}

/// Somebody waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WaitingFor {
    /// Who waits, as an index of [`WaitGraph::parts`].
    pub asker: usize,
    /// Who is to answer, as an index of [`WaitGraph::parts`].
    pub responder: usize,
    /// The name of the request.
    pub event: Cow<'static, str>,
    /// For how long by now.
    pub waited: Duration,
}

impl WaitGraph {
    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waits.is_empty() && self.omitted == 0
    }

    /// The deadlocks: parts that wait for each other in a circle and have nobody free to answer, each as its waits
    /// in order, from one asker round to it again. The shortest is a part that handles one event at a time and asks
    /// itself. Circles that are linked are one: such as that of a pool whose workers all wait for the pool.
    ///
    /// A part that handles several events at a time closes a cycle only if the very handler that works on the
    /// request waits itself, or if all of its handlers wait. A handler that waits for several answers counts as
    /// waiting for all of them, and one whose request has a time-out as waiting without end: it leaves the cycle in
    /// time, and whatever it holds up waits until then.
    pub fn cycles(&self) -> impl Iterator<Item = Vec<&WaitingFor>> {
        self.cycles.iter().map(|cycle| cycle.iter().filter_map(|&wait| self.waits.get(wait)).collect())
    }

    fn name(&self, part: usize) -> &str {
        self.parts.get(part).map_or("?", |part| &part.name)
    }
}

/// The graph of `waits`, which are in the order in which they are to be shown.
pub(super) fn draw(waits: &[Arc<Wait>], omitted: usize) -> WaitGraph {
    let now = Instant::now();
    let mut drawing = Drawing::default();
    let drawn = waits
        .iter()
        .map(|wait| WaitingFor {
            asker: drawing.asker(wait),
            responder: drawing.part(&wait.responder),
            event: Cow::Borrowed(wait.event),
            waited: now.saturating_duration_since(wait.since),
        })
        .collect();
    let cycles = Analysis::of(waits).cycles();
    WaitGraph { parts: drawing.parts, waits: drawn, omitted, cycles }
}

#[derive(Default)]
struct Drawing {
    parts: Vec<WaitingPart>,
    known: HashMap<PartId, usize>,
}

impl Drawing {
    fn part(&mut self, name: &Arc<str>) -> usize {
        let parts = &mut self.parts;
        *self.known.entry(PartId::of(name)).or_insert_with(|| {
            let name = String::from(&**name);
            parts.push(WaitingPart { name, at_a_time: AtATime::Unknown, member_of: None });
            parts.len() - 1
        })
    }

    fn asker(&mut self, wait: &Wait) -> usize {
        let asker = self.part(&wait.asker);
        let Some(team) = &wait.team else {
            self.parts[asker].at_a_time = AtATime::One;
            return asker;
        };
        if PartId::of(&team.part) == PartId::of(&wait.asker) {
            // A manager whose handlers overlap, or a closure.
            self.parts[asker].at_a_time = at_a_time(team.size);
            return asker;
        }
        let pool = self.part(&team.part);
        self.parts[pool].at_a_time = at_a_time(team.size);
        self.parts[asker].at_a_time = AtATime::One;
        self.parts[asker].member_of = Some(pool);
        asker
    }
}

fn at_a_time(size: usize) -> AtATime {
    match size {
        1 => AtATime::One,
        usize::MAX => AtATime::Any,
        size => AtATime::UpTo(size),
    }
}

impl fmt::Display for WaitGraph {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return formatter.write_str("nobody waits for an answer");
        }
        for (index, WaitingFor { asker, responder, event, waited }) in self.waits.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            let (asker, responder) = (self.name(*asker), self.name(*responder));
            write!(
                formatter,
                "{separator}{asker} waits for {responder} to answer {event}, for {waited:.1?}"
            )?;
        }
        if self.omitted > 0 {
            write!(formatter, "\nand {} more", self.omitted)?;
        }
        for cycle in self.cycles() {
            formatter.write_str("\na deadlock: ")?;
            let steps =
                cycle.iter().map(|wait| (self.name(wait.asker), &*wait.event, self.name(wait.responder)));
            walk(formatter, steps)?;
        }
        Ok(())
    }
}

/// A cycle in one line.
pub(super) struct Cycle<'w>(pub(super) &'w [Arc<Wait>]);

impl fmt::Display for Cycle<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        walk(formatter, self.0.iter().map(|wait| (&*wait.asker, wait.event, &*wait.responder)))
    }
}

/// How many steps of a cycle are told: those of a large pool say nothing new.
const STEPS: usize = 16;

/// Who asks what of whom, step after step.
fn walk<'s>(
    formatter: &mut fmt::Formatter<'_>,
    steps: impl Iterator<Item = (&'s str, &'s str, &'s str)>,
) -> fmt::Result {
    for (index, (asker, event, responder)) in steps.enumerate() {
        if index == STEPS {
            return formatter.write_str(", and so on");
        }
        let separator = if index == 0 { "" } else { ", " };
        write!(formatter, "{separator}{asker} waits for {responder} to answer {event}")?;
    }
    Ok(())
}
