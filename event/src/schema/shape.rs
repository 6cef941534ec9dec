use std::hash::Hasher;

use crate::hash::StableHasher;

/// A place where a value is read: the type itself, a field, an element. An index into [`Shapes`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Slot(usize);

/// An index of a named type in [`Shapes`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Container(usize);

/// What is read in a place.
#[derive(Clone, Default)]
pub(super) enum Shape {
    /// Nothing has come this far yet.
    #[default]
    Unknown,
    Primitive(&'static str),
    Option(Slot),
    Sequence(Slot),
    Map(Slot, Slot),
    Tuple(Elements),
    Named(Container),
}

/// The elements of a tuple. Long ones are arrays: elements from the 32nd on share a place.
#[derive(Clone)]
pub(super) struct Elements {
    pub(super) length: usize,
    pub(super) slots: Vec<Slot>,
}

impl Elements {
    pub(super) fn slot(&self, index: usize) -> Slot {
        self.slots[index.min(self.slots.len() - 1)]
    }
}

/// What a named type consists of.
#[derive(Clone)]
pub(super) enum Content {
    Unit,
    Newtype(Slot),
    Tuple(Elements),
    Struct(Vec<Field>),
}

#[derive(Clone)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) slot: Slot,
}

/// A struct or an enum.
pub(super) struct Named {
    pub(super) name: &'static str,
    pub(super) body: Body,
}

pub(super) enum Body {
    Struct(Content),
    Enum(Vec<Variant>),
}

pub(super) struct Variant {
    pub(super) name: &'static str,
    /// `None` until it was read for the first time.
    pub(super) content: Option<Content>,
}

/// All that was learned about a type.
#[derive(Default)]
pub(super) struct Shapes {
    slots: Vec<Shape>,
    containers: Vec<Named>,
}

/// The most places of one tuple.
const TUPLE_SLOTS: usize = 32;

impl Shapes {
    /// The place of the type itself.
    pub(super) const ROOT: Slot = Slot(0);

    pub(super) fn slot(&mut self) -> Slot {
        self.slots.push(Shape::Unknown);
        Slot(self.slots.len() - 1)
    }

    pub(super) fn elements(&mut self, length: usize) -> Elements {
        Elements { length, slots: (0..length.clamp(1, TUPLE_SLOTS)).map(|_| self.slot()).collect() }
    }

    pub(super) fn fields(&mut self, names: &'static [&'static str]) -> Vec<Field> {
        names.iter().map(|name| Field { name, slot: self.slot() }).collect()
    }

    pub(super) fn add(&mut self, named: Named) -> Container {
        self.containers.push(named);
        Container(self.containers.len() - 1)
    }

    pub(super) fn set(&mut self, slot: Slot, shape: Shape) {
        self.slots[slot.0] = shape;
    }

    pub(super) fn get(&self, slot: Slot) -> &Shape {
        &self.slots[slot.0]
    }

    pub(super) fn named(&self, container: Container) -> &Named {
        &self.containers[container.0]
    }

    /// A variant of a container that is an enum.
    pub(super) fn variant(&self, container: Container, index: usize) -> &Variant {
        match &self.containers[container.0].body {
            Body::Enum(variants) => &variants[index],
            Body::Struct(_) => unreachable!("asked for by the code that made it an enum"),
        }
    }

    pub(super) fn variant_mut(&mut self, container: Container, index: usize) -> &mut Variant {
        match &mut self.containers[container.0].body {
            Body::Enum(variants) => &mut variants[index],
            Body::Struct(_) => unreachable!("asked for by the code that made it an enum"),
        }
    }

    /// How many places and variants nothing is known of.
    #[cfg(test)]
    pub(super) fn unknown(&self) -> usize {
        let slots = self.slots.iter().filter(|shape| matches!(shape, Shape::Unknown)).count();
        let variants = self.containers.iter().filter_map(|named| match &named.body {
            Body::Enum(variants) => Some(variants.iter().filter(|variant| variant.content.is_none()).count()),
            Body::Struct(_) => None,
        });
        slots + variants.sum::<usize>()
    }

    /// The digest of everything that can be reached from the root, in reading order.
    ///
    /// A named type is described where it comes first and referred to by its number afterwards; the order in which
    /// it was explored leaves no trace.
    pub(super) fn digest(&self) -> u64 {
        let mut digest = Digest {
            shapes: self,
            hasher: StableHasher::new(),
            numbers: vec![None; self.containers.len()],
            next: 0,
        };
        digest.slot(Self::ROOT);
        digest.hasher.finish()
    }
}

struct Digest<'a> {
    shapes: &'a Shapes,
    hasher: StableHasher,
    numbers: Vec<Option<u64>>,
    next: u64,
}

impl Digest<'_> {
    fn slot(&mut self, slot: Slot) {
        match self.shapes.get(slot) {
            Shape::Unknown => self.text("unknown"),
            Shape::Primitive(name) => self.text(name),
            Shape::Option(inner) => {
                self.text("option");
                self.slot(*inner);
            }
            Shape::Sequence(element) => {
                self.text("sequence");
                self.slot(*element);
            }
            Shape::Map(key, value) => {
                self.text("map");
                self.slot(*key);
                self.slot(*value);
            }
            Shape::Tuple(elements) => self.elements(elements),
            Shape::Named(container) => self.container(*container),
        }
    }

    fn container(&mut self, container: Container) {
        if let Some(number) = self.numbers[container.0] {
            self.text("again");
            self.hasher.write_u64(number);
            return;
        }
        self.numbers[container.0] = Some(self.next);
        self.next += 1;
        let named = self.shapes.named(container);
        match &named.body {
            Body::Struct(content) => {
                self.text("struct");
                self.text(named.name);
                self.content(content);
            }
            Body::Enum(variants) => {
                self.text("enum");
                self.text(named.name);
                self.hasher.write_usize(variants.len());
                for variant in variants {
                    self.text(variant.name);
                    match &variant.content {
                        None => self.text("unknown"),
                        Some(content) => self.content(content),
                    }
                }
            }
        }
    }

    fn content(&mut self, content: &Content) {
        match content {
            Content::Unit => self.text("unit"),
            Content::Newtype(inner) => {
                self.text("newtype");
                self.slot(*inner);
            }
            Content::Tuple(elements) => self.elements(elements),
            Content::Struct(fields) => {
                self.text("fields");
                self.hasher.write_usize(fields.len());
                for field in fields {
                    self.text(field.name);
                    self.slot(field.slot);
                }
            }
        }
    }

    fn elements(&mut self, elements: &Elements) {
        self.text("tuple");
        self.hasher.write_usize(elements.length);
        for slot in &elements.slots {
            self.slot(*slot);
        }
    }

    /// With its length, so that no two sequences of texts run together.
    fn text(&mut self, text: &str) {
        self.hasher.write_usize(text.len());
        self.hasher.write(text.as_bytes());
    }
}
