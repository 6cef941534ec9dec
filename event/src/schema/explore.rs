use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::{self, DeserializeOwned};

use super::deserializer::Deserializer;
use super::samples::ATTEMPTS;
use super::shape::{Body, Container, Content, Named, Shape, Shapes, Slot};

/// How many values are read over all rounds. What is beyond stays unknown, so that no type takes for ever.
const STEPS: u32 = 1 << 20;

/// How deep values may nest: far beyond what people write, far within what a stack holds.
const DEPTH: u8 = 100;

/// How often a variant is tried that could not be read.
const FAILURES: u8 = 2;

/// Learns the shape of `T`.
///
/// Each round lets `T` deserialize itself once. In a round every enum shows one variant, so rounds go on until none
/// has more to show. A round that a type's own code rejects is repeated with another sample in the place of the
/// rejection, and in the end without that place, where something around it can do without.
pub(super) fn explore<T: DeserializeOwned>() -> Shapes {
    let mut explorer = Explorer::default();
    let root = Place { slot: explorer.shapes.slot(), attempt: 0, depth: 0, closing: false };
    loop {
        explorer.changed = false;
        explorer.open = false;
        explorer.fault = None;
        let read = || explorer.enter(root, |deserializer| T::deserialize(deserializer)).map(drop);
        // A panic is the author's own way to reject.
        let Ok(outcome) = catch_unwind(AssertUnwindSafe(read)) else { break };
        let unfinished = match outcome {
            Ok(()) => explorer.open,
            Err(Rejected) => explorer.fault == Some(Fault::Retry),
        };
        if !unfinished || !explorer.changed || explorer.steps >= STEPS {
            break;
        }
    }
    explorer.shapes
}

/// What is known in the middle of an exploration.
#[derive(Default)]
pub(super) struct Explorer {
    pub(super) shapes: Shapes,
    containers: HashMap<Identity, Container>,
    places: HashMap<Slot, PlaceState>,
    enums: HashMap<Container, Vec<VariantState>>,
    /// The variants that are being read, outermost first.
    reading: Vec<(Container, usize)>,
    built: usize,
    steps: u32,
    /// Whether another round could see more of what was read since this was last reset.
    open: bool,
    /// Whether this round learned anything, so that the next will differ.
    changed: bool,
    /// What to do about the error on its way up; `None` as long as nobody took the blame.
    fault: Option<Fault>,
}

/// Tells named types apart. Types with equal names in different modules and instances of one generic type differ
/// in their Rust name, which is used for nothing else.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Identity {
    pub(super) rust: &'static str,
    pub(super) serde: &'static str,
    pub(super) form: Form,
}

#[derive(PartialEq, Eq, Hash)]
pub(super) enum Form {
    Unit,
    Newtype,
    Tuple(usize),
    Struct(&'static [&'static str]),
    Enum(&'static [&'static str]),
}

/// Where a value is read, and how.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) slot: Slot,
    /// Which samples are used from here on.
    pub(super) attempt: u8,
    pub(super) depth: u8,
    /// Inside an enum within itself: what is here is explored further out, and the smallest value will do.
    pub(super) closing: bool,
}

#[derive(Default)]
struct PlaceState {
    /// How many samples were rejected here.
    attempt: u8,
    /// Being read, further out.
    active: bool,
    /// Explored completely.
    done: bool,
    /// No value could be read.
    hopeless: bool,
}

#[derive(Clone, Default)]
struct VariantState {
    /// Explored completely.
    done: bool,
    /// Its rank among all variants that could be read: the earlier, the simpler.
    built: Option<usize>,
    failures: u8,
}

impl VariantState {
    fn is_open(&self) -> bool {
        !self.done && self.failures < FAILURES
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Another round will go another way.
    Retry,
    /// Nothing helps here; somebody around has to do without.
    Stuck,
}

impl Explorer {
    /// Reads the value of a place, and finds out what an error means.
    pub(super) fn enter<R>(
        &mut self,
        place: Place,
        read: impl FnOnce(Deserializer<'_>) -> Result<R, Rejected>,
    ) -> Result<R, Rejected> {
        if self.steps >= STEPS || place.depth >= DEPTH {
            return Err(self.stuck(place.slot));
        }
        self.steps += 1;
        let state = self.places.entry(place.slot).or_default();
        let was_active = std::mem::replace(&mut state.active, true);
        let attempt = if state.attempt > 0 { state.attempt } else { place.attempt };
        let outer_open = std::mem::replace(&mut self.open, false);

        let result = read(Deserializer { explorer: self, place: Place { attempt, ..place } });

        let open = self.open;
        self.open |= outer_open;
        let state = self.places.entry(place.slot).or_default();
        state.active = was_active;
        match &result {
            Ok(_) => {
                self.fault = None;
                state.hopeless = false;
                state.done |= !open && !place.closing;
            }
            Err(Rejected) => match self.fault {
                Some(Fault::Retry) => {}
                None if state.attempt + 1 < ATTEMPTS => {
                    state.attempt += 1;
                    self.retry();
                }
                None | Some(Fault::Stuck) => {
                    self.stuck(place.slot);
                }
            },
        }
        result
    }

    /// Whether an optional value, or the elements of a sequence, should be left out.
    pub(super) fn leaves_out(&self, around: Place, inner: Slot) -> bool {
        let state = self.places.get(&inner);
        // A type that rejected its first sample may want to see elements.
        state.is_some_and(|state| state.active || state.hopeless || state.done && around.attempt == 0)
            || around.closing && around.attempt == 0
    }

    pub(super) fn is_hopeless(&self, slot: Slot) -> bool {
        self.places.get(&slot).is_some_and(|state| state.hopeless)
    }

    /// After an error: whether nothing helps further in. If so and the caller `can_do_without`, a next round will.
    pub(super) fn do_without(&mut self, can_do_without: bool) {
        if self.fault == Some(Fault::Stuck) && can_do_without {
            self.retry();
        }
    }

    /// After an error among fields that were read in order of hope: goes on as long as there is more to see.
    pub(super) fn fields_failed(&mut self, hopeless_before: usize, hopeless_now: usize) {
        self.do_without(hopeless_now > hopeless_before || self.open && self.changed);
    }

    /// Notes what a place holds, unless something was noted before: the first time counts.
    pub(super) fn note(&mut self, slot: Slot, shape: Shape) {
        if matches!(self.shapes.get(slot), Shape::Unknown) {
            self.shapes.set(slot, shape);
            self.changed = true;
        }
    }

    /// The named type of this identity, made if it is new, and noted as what the place holds.
    pub(super) fn container(
        &mut self,
        slot: Slot,
        identity: Identity,
        make: impl FnOnce(&mut Shapes) -> Body,
    ) -> Container {
        let name = identity.serde;
        let container = *self.containers.entry(identity).or_insert_with(|| {
            let body = make(&mut self.shapes);
            self.shapes.add(Named { name, body })
        });
        self.note(slot, Shape::Named(container));
        container
    }

    /// What a variant holds, noted if it is new.
    pub(super) fn variant_content(
        &mut self,
        container: Container,
        index: usize,
        fits: impl FnOnce(&Content) -> bool,
        make: impl FnOnce(&mut Shapes) -> Content,
    ) -> Content {
        let known = self.shapes.variant(container, index).content.as_ref();
        if let Some(content) = known.filter(|content| fits(content)) {
            return content.clone();
        }
        let content = make(&mut self.shapes);
        let variant = self.shapes.variant_mut(container, index);
        if variant.content.is_none() {
            variant.content = Some(content.clone());
            self.changed = true;
        }
        content
    }

    /// Lets an enum of so many variants show one of them. `read` is given its index, and whether the place is
    /// closing.
    pub(super) fn show_variant<R>(
        &mut self,
        container: Container,
        variants: usize,
        place: Place,
        read: impl FnOnce(&mut Self, usize, bool) -> Result<R, Rejected>,
    ) -> Result<R, Rejected> {
        let closing = place.closing || self.reading.iter().any(|(reading, _)| *reading == container);
        self.enums.entry(container).or_insert_with(|| vec![VariantState::default(); variants]);
        let Some(index) = self.choose(container, closing) else { return Err(self.stuck(place.slot)) };

        let outer_open = std::mem::replace(&mut self.open, false);
        self.reading.push((container, index));
        let result = read(self, index, closing);
        self.reading.pop();
        let open_within = std::mem::replace(&mut self.open, outer_open);

        let states = self.enums.entry(container).or_default();
        let state = &mut states[index];
        if result.is_ok() {
            if state.built.is_none() {
                state.built = Some(self.built);
                self.built += 1;
                self.changed = true;
            }
            if !closing && !open_within && !state.done {
                state.done = true;
                self.changed = true;
            }
            self.open |= !closing && states.iter().any(VariantState::is_open);
        } else if self.fault != Some(Fault::Retry) {
            state.failures = state.failures.saturating_add(1);
            let others = states.iter().any(|state| state.is_open() || state.built.is_some());
            self.fault = Some(Fault::Stuck);
            self.do_without(others);
        }
        result
    }

    /// A variant with something to show; where nothing is to be shown, the simplest one that does not lead back here.
    fn choose(&self, container: Container, closing: bool) -> Option<usize> {
        let states = &self.enums[&container];
        let unexplored = states.iter().position(VariantState::is_open).filter(|_| !closing);
        let simplest = || {
            let candidates = states.iter().enumerate();
            candidates
                .filter(|(index, _)| !self.reading.contains(&(container, *index)))
                .filter(|(_, state)| state.built.is_some() || state.failures < FAILURES)
                .min_by_key(|(index, state)| (state.built.unwrap_or(usize::MAX), state.failures, *index))
                .map(|(index, _)| index)
        };
        unexplored.or_else(simplest)
    }

    fn retry(&mut self) {
        self.fault = Some(Fault::Retry);
        self.changed = true;
    }

    fn stuck(&mut self, slot: Slot) -> Rejected {
        self.fault = Some(Fault::Stuck);
        let state = self.places.entry(slot).or_default();
        self.changed |= !state.hopeless;
        state.hopeless = true;
        Rejected
    }
}

/// The error of a `Deserialize` that is explored; why is not told, only where counts.
#[derive(Debug)]
pub(super) struct Rejected;

impl fmt::Display for Rejected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a sample value was rejected")
    }
}

impl std::error::Error for Rejected {}

impl de::Error for Rejected {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}
