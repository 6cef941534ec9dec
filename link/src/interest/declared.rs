use std::collections::HashMap;
use std::sync::Arc;

use super::{Role, Schema};

/// What this end may send, by name and role.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    schemas: HashMap<String, Vec<Arc<Schema>>>,
}

impl Declared {
    /// This end may send it from here on. `None` if it has been said before.
    pub(crate) fn add(&mut self, schema: Schema) -> Option<&Arc<Schema>> {
        let of_name = self.schemas.entry(schema.name.clone()).or_default();
        match of_name.iter().position(|declared| declared.role == schema.role) {
            Some(index) if *of_name[index] == schema => None,
            Some(index) => {
                of_name[index] = Arc::new(schema);
                of_name.get(index)
            }
            None => {
                of_name.push(Arc::new(schema));
                of_name.last()
            }
        }
    }

    /// What this end means by a name.
    pub(crate) fn find(&self, name: &str, role: Role) -> Option<&Arc<Schema>> {
        self.schemas.get(name)?.iter().find(|declared| declared.role == role)
    }
}
