//! What composite values read their parts from.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed, Visitor};

use super::deserializer::Deserializer;
use super::explore::Rejected;
use super::shape::{Container, Content, Elements, Field, Shapes, Slot};

/// The elements of a tuple, an array or a tuple struct.
pub(super) struct Tuple<'a, 'e> {
    pub(super) around: Deserializer<'a>,
    pub(super) elements: &'e Elements,
    pub(super) next: usize,
}

impl<'de> de::SeqAccess<'de> for Tuple<'_, '_> {
    type Error = Rejected;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Rejected> {
        if self.next == self.elements.length {
            return Ok(None);
        }
        let place = self.around.part(self.elements.slot(self.next));
        self.next += 1;
        self.around.explorer.enter(place, |deserializer| seed.deserialize(deserializer)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.elements.length - self.next)
    }
}

/// The elements of a sequence, or the entries of a map.
pub(super) struct Repeated<'a> {
    pub(super) around: Deserializer<'a>,
    pub(super) slots: [Slot; 2],
    pub(super) left: u8,
}

impl<'de> de::SeqAccess<'de> for Repeated<'_> {
    type Error = Rejected;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Rejected> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.around.optional(self.slots[0], |deserializer| seed.deserialize(deserializer)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.into())
    }
}

impl<'de> de::MapAccess<'de> for Repeated<'_> {
    type Error = Rejected;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Rejected> {
        de::SeqAccess::next_element_seed(self, seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Rejected> {
        self.around.optional(self.slots[1], |deserializer| seed.deserialize(deserializer))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.into())
    }
}

/// The fields of a struct or of a variant, in order or by name.
pub(super) struct Fields<'a, 'f> {
    pub(super) around: Deserializer<'a>,
    /// What is still to be read.
    pub(super) order: &'f [&'f Field],
}

impl<'de> de::SeqAccess<'de> for Fields<'_, '_> {
    type Error = Rejected;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Rejected> {
        match self.order {
            [] => Ok(None),
            _ => de::MapAccess::next_value_seed(self, seed).map(Some),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.order.len())
    }
}

impl<'de> de::MapAccess<'de> for Fields<'_, '_> {
    type Error = Rejected;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Rejected> {
        match self.order {
            [] => Ok(None),
            [field, ..] => seed.deserialize(BorrowedStrDeserializer::new(field.name)).map(Some),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Rejected> {
        let [field, rest @ ..] = self.order else { return Err(Rejected) };
        self.order = rest;
        let place = self.around.part(field.slot);
        self.around.explorer.enter(place, |deserializer| seed.deserialize(deserializer))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.order.len())
    }
}

/// The variant that an enum is to show.
pub(super) struct OneVariant<'a> {
    pub(super) around: Deserializer<'a>,
    pub(super) container: Container,
    pub(super) index: usize,
    pub(super) name: &'static str,
}

impl OneVariant<'_> {
    /// What the variant was found to hold before, if it `fits` what is asked for now.
    fn content(
        &mut self,
        fits: impl FnOnce(&Content) -> bool,
        make: impl FnOnce(&mut Shapes) -> Content,
    ) -> Content {
        self.around.explorer.variant_content(self.container, self.index, fits, make)
    }
}

impl<'de> de::EnumAccess<'de> for OneVariant<'_> {
    type Error = Rejected;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Rejected> {
        Ok((seed.deserialize(BorrowedStrDeserializer::new(self.name))?, self))
    }
}

impl<'de> de::VariantAccess<'de> for OneVariant<'_> {
    type Error = Rejected;

    fn unit_variant(mut self) -> Result<(), Rejected> {
        self.content(|content| matches!(content, Content::Unit), |_| Content::Unit);
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(mut self, seed: S) -> Result<S::Value, Rejected> {
        let content = self.content(
            |content| matches!(content, Content::Newtype(_)),
            |shapes| Content::Newtype(shapes.slot()),
        );
        let Content::Newtype(inner) = content else { unreachable!("it fits") };
        let place = self.around.part(inner);
        self.around.explorer.enter(place, |deserializer| seed.deserialize(deserializer))
    }

    fn tuple_variant<V: Visitor<'de>>(mut self, length: usize, visitor: V) -> Result<V::Value, Rejected> {
        let content = self.content(
            |content| matches!(content, Content::Tuple(elements) if elements.length == length),
            |shapes| Content::Tuple(shapes.elements(length)),
        );
        let Content::Tuple(elements) = content else { unreachable!("it fits") };
        self.around.tuple(&elements, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        mut self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Rejected> {
        let content = self.content(
            |content| {
                matches!(content, Content::Struct(fields) if fields.iter().map(|field| field.name).eq(names.iter().copied()))
            },
            |shapes| Content::Struct(shapes.fields(names)),
        );
        let Content::Struct(fields) = content else { unreachable!("it fits") };
        self.around.fields(&fields, visitor)
    }
}
