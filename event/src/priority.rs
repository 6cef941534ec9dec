use serde::{Deserialize, Serialize};

/// The lane an event takes in an inbox: a higher lane is handled first, order is kept within a lane, and the
/// lower lanes keep a share so that none starves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Priority {
    /// Where events go unless something else is said.
    #[default]
    Normal,
    /// Before the normal ones.
    High,
    /// Before all others: what steers a program rather than feeds it.
    Control,
}
