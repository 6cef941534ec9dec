use std::any::type_name;

use serde::de::{self, Visitor};

use super::access::{Fields, OneVariant, Repeated, Tuple};
use super::explore::{Explorer, Form, Identity, Place, Rejected};
use super::samples;
use super::shape::{Body, Content, Elements, Field, Shape, Slot, Variant};

/// Answers whatever a type asks for, and notes that it asked.
pub(super) struct Deserializer<'a> {
    pub(super) explorer: &'a mut Explorer,
    pub(super) place: Place,
}

impl Deserializer<'_> {
    fn primitive(&mut self, name: &'static str) {
        self.explorer.note(self.place.slot, Shape::Primitive(name));
    }

    /// The place of a part of this one.
    pub(super) fn part(&self, slot: Slot) -> Place {
        Place { slot, depth: self.place.depth + 1, ..self.place }
    }

    pub(super) fn tuple<'de, V: Visitor<'de>>(
        self,
        elements: &Elements,
        visitor: V,
    ) -> Result<V::Value, Rejected> {
        visitor.visit_seq(Tuple { around: self, elements, next: 0 })
    }

    /// In order; or, once one of them turned out to be hopeless, by name and with that one last.
    pub(super) fn fields<'de, V: Visitor<'de>>(
        self,
        fields: &[Field],
        visitor: V,
    ) -> Result<V::Value, Rejected> {
        let Self { explorer, place } = self;
        let hopeless =
            |explorer: &Explorer| fields.iter().filter(|field| explorer.is_hopeless(field.slot)).count();
        let before = hopeless(explorer);
        let mut order: Vec<&Field> = fields.iter().collect();
        order.sort_by_key(|field| explorer.is_hopeless(field.slot));
        let access = Fields { around: Deserializer { explorer: &mut *explorer, place }, order: &order };
        let result = if before == 0 { visitor.visit_seq(access) } else { visitor.visit_map(access) };
        if result.is_err() {
            let now = hopeless(explorer);
            explorer.fields_failed(before, now);
        }
        result
    }

    /// Reads a part that could be left out, and will be once it turned out to be hopeless.
    pub(super) fn optional<R>(
        &mut self,
        part: Slot,
        read: impl FnOnce(Deserializer<'_>) -> Result<R, Rejected>,
    ) -> Result<R, Rejected> {
        let place = self.part(part);
        let result = self.explorer.enter(place, read);
        if result.is_err() {
            self.explorer.do_without(true);
        }
        result
    }
}

macro_rules! numbers {
    ($($method:ident, $visit:ident, $type:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Rejected> {
            self.primitive(stringify!($type));
            visitor.$visit(samples::number(self.place.attempt) as $type)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Deserializer<'_> {
    type Error = Rejected;

    numbers! {
        deserialize_i8, visit_i8, i8;
        deserialize_i16, visit_i16, i16;
        deserialize_i32, visit_i32, i32;
        deserialize_i64, visit_i64, i64;
        deserialize_i128, visit_i128, i128;
        deserialize_u8, visit_u8, u8;
        deserialize_u16, visit_u16, u16;
        deserialize_u32, visit_u32, u32;
        deserialize_u64, visit_u64, u64;
        deserialize_u128, visit_u128, u128;
        deserialize_f32, visit_f32, f32;
        deserialize_f64, visit_f64, f64;
    }

    fn deserialize_bool<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Rejected> {
        self.primitive("bool");
        visitor.visit_bool(self.place.attempt % 2 == 1)
    }

    fn deserialize_char<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Rejected> {
        self.primitive("char");
        visitor.visit_char(samples::character(self.place.attempt))
    }

    fn deserialize_str<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Rejected> {
        self.primitive("text");
        visitor.visit_borrowed_str(samples::text(self.place.attempt))
    }

    fn deserialize_string<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Rejected> {
        self.primitive("text");
        visitor.visit_string(samples::text(self.place.attempt).into())
    }

    fn deserialize_bytes<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Rejected> {
        self.primitive("bytes");
        visitor.visit_borrowed_bytes(samples::bytes(self.place.attempt))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Rejected> {
        self.primitive("bytes");
        visitor.visit_byte_buf(samples::bytes(self.place.attempt).into())
    }

    fn deserialize_unit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Rejected> {
        self.primitive("nothing");
        visitor.visit_unit()
    }

    /// The type leaves it to the data what comes, which is then no part of its shape.
    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Rejected> {
        self.primitive("any");
        let number = samples::number(self.place.attempt);
        match self.place.attempt % 4 {
            0 => visitor.visit_unit(),
            1 => visitor.visit_u64(number.unsigned_abs().into()),
            2 => visitor.visit_borrowed_str(samples::text(self.place.attempt)),
            _ => visitor.visit_bool(true),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Rejected> {
        self.primitive("ignored");
        visitor.visit_unit()
    }

    fn deserialize_identifier<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Rejected> {
        self.primitive("identifier");
        visitor.visit_borrowed_str(samples::text(self.place.attempt))
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Rejected> {
        let inner = match *self.explorer.shapes.get(self.place.slot) {
            Shape::Option(inner) => inner,
            _ => self.explorer.shapes.slot(),
        };
        self.explorer.note(self.place.slot, Shape::Option(inner));
        if self.explorer.leaves_out(self.place, inner) {
            return visitor.visit_none();
        }
        self.optional(inner, |deserializer| visitor.visit_some(deserializer))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejected> {
        let element = match *self.explorer.shapes.get(self.place.slot) {
            Shape::Sequence(element) => element,
            _ => self.explorer.shapes.slot(),
        };
        self.explorer.note(self.place.slot, Shape::Sequence(element));
        let left = if self.explorer.leaves_out(self.place, element) { 0 } else { repetitions(self.place) };
        visitor.visit_seq(Repeated { around: self, slots: [element; 2], left })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejected> {
        let (key, value) = match *self.explorer.shapes.get(self.place.slot) {
            Shape::Map(key, value) => (key, value),
            _ => (self.explorer.shapes.slot(), self.explorer.shapes.slot()),
        };
        self.explorer.note(self.place.slot, Shape::Map(key, value));
        let explorer = &*self.explorer;
        let left_out = explorer.is_hopeless(key)
            || explorer.is_hopeless(value)
            || explorer.leaves_out(self.place, key) && explorer.leaves_out(self.place, value);
        let left = if left_out { 0 } else { repetitions(self.place) };
        visitor.visit_map(Repeated { around: self, slots: [key, value], left })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Rejected> {
        let elements = match self.explorer.shapes.get(self.place.slot) {
            Shape::Tuple(elements) if elements.length == length => elements.clone(),
            _ => self.explorer.shapes.elements(length),
        };
        self.explorer.note(self.place.slot, Shape::Tuple(elements.clone()));
        self.tuple(&elements, visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Rejected> {
        let identity = Identity { rust: type_name::<V::Value>(), serde: name, form: Form::Unit };
        self.explorer.container(self.place.slot, identity, |_| Body::Struct(Content::Unit));
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Rejected> {
        let identity = Identity { rust: type_name::<V::Value>(), serde: name, form: Form::Newtype };
        let container = self
            .explorer
            .container(self.place.slot, identity, |shapes| Body::Struct(Content::Newtype(shapes.slot())));
        let Body::Struct(Content::Newtype(inner)) = self.explorer.shapes.named(container).body else {
            unreachable!("the form is a part of the identity");
        };
        let place = self.part(inner);
        self.explorer.enter(place, |deserializer| visitor.visit_newtype_struct(deserializer))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Rejected> {
        let identity = Identity { rust: type_name::<V::Value>(), serde: name, form: Form::Tuple(length) };
        let container = self.explorer.container(self.place.slot, identity, |shapes| {
            Body::Struct(Content::Tuple(shapes.elements(length)))
        });
        let Body::Struct(Content::Tuple(elements)) = &self.explorer.shapes.named(container).body else {
            unreachable!("the form is a part of the identity");
        };
        let elements = elements.clone();
        self.tuple(&elements, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Rejected> {
        let identity = Identity { rust: type_name::<V::Value>(), serde: name, form: Form::Struct(fields) };
        let container = self.explorer.container(self.place.slot, identity, |shapes| {
            Body::Struct(Content::Struct(shapes.fields(fields)))
        });
        let Body::Struct(Content::Struct(fields)) = &self.explorer.shapes.named(container).body else {
            unreachable!("the form is a part of the identity");
        };
        let fields = fields.clone();
        self.fields(&fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Rejected> {
        let identity = Identity { rust: type_name::<V::Value>(), serde: name, form: Form::Enum(variants) };
        let container = self.explorer.container(self.place.slot, identity, |_| {
            Body::Enum(variants.iter().map(|name| Variant { name, content: None }).collect())
        });
        let place = self.place;
        self.explorer.show_variant(container, variants.len(), place, |explorer, index, closing| {
            let around = Deserializer { explorer, place: Place { closing, ..place } };
            visitor.visit_enum(OneVariant { around, container, index, name: variants[index] })
        })
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// A type that rejects one element may want to see more.
fn repetitions(place: Place) -> u8 {
    1 + place.attempt.min(3)
}
