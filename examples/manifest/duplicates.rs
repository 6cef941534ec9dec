//! The manager that finds files with the same content.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use edri::prelude::*;

use crate::events::{Copies, CountCopies, Hashed};

/// What grows with the tree: by 33 bytes for each *distinct* content, which with the room a hash table leaves
/// free are 39 to 78. It keeps no names, and so says how many copies there are, not where. The manifest says
/// that: `sort MANIFEST | uniq --check-chars=64 --all-repeated`, as long as no name is escaped.
#[derive(Default)]
pub struct Duplicates {
    /// The contents seen, and whether in more than one file.
    seen: HashMap<[u8; 32], bool>,
    copies: Copies,
}

#[manager]
impl Duplicates {
    #[notification]
    fn hashed(&mut self, file: &Hashed) {
        match self.seen.entry(file.content.sha256) {
            Entry::Vacant(first) => {
                first.insert(false);
            }
            Entry::Occupied(mut again) => {
                self.copies.groups += u64::from(!again.insert(true));
                self.copies.files += 1;
                self.copies.bytes += file.content.bytes;
            }
        }
    }

    #[request]
    fn count(&mut self, _: CountCopies) -> Copies {
        self.copies
    }
}
