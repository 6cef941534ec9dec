use std::borrow::Cow;

/// Where a manager stands among the others of a program, which decides in which order they start and stop. Said by
/// [`Host::source`](crate::Host::source) and [`Host::needs`](crate::Host::needs).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Placement {
    /// Whether events come into the program by it.
    pub role: Role,
    /// The names of the managers that have to be there for as long as it is.
    pub needs: Vec<Cow<'static, str>>,
}

/// What a manager does for a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// It handles what others send.
    #[default]
    Inner,
    /// It brings events in, from a socket, a clock or a user: it is started after those that handle them, and stopped
    /// before them.
    Source,
}
