use crate::position::Position;

/// The file whose lock the writer holds.
pub(crate) const LOCK: &str = "lock";

/// What the name of a file that is being made ends in.
const UNFINISHED: &str = ".unfinished";

/// A file of a journal, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// A segment, by the position of its first record.
    Segment(Position),
    /// A snapshot, by the position up to which it goes.
    Snapshot(Position),
}

impl Name {
    /// What the file is called: names sort as their positions do.
    pub(crate) fn file(self) -> String {
        match self {
            Self::Segment(base) => format!("{:020}.segment", base.get()),
            Self::Snapshot(position) => format!("{:020}.snapshot", position.get()),
        }
    }

    /// What it is called while it is being made: what a crash leaves of it means nothing. One attempt does not meet what
    /// another has left.
    pub(crate) fn unfinished(self, attempt: u64) -> String {
        format!("{}.{attempt}{UNFINISHED}", self.file())
    }

    /// Which of its files is called `name`; none, if it is not one that a journal makes.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let (number, kind) = name.split_once('.')?;
        if number.len() != 20 || !is_number(number) {
            return None;
        }
        let position = Position::new(number.parse().ok()?)?;
        match kind {
            "segment" => Some(Self::Segment(position)),
            "snapshot" => Some(Self::Snapshot(position)),
            _ => None,
        }
    }

    /// Whether `name` is what one of its files is called while it is being made.
    pub(crate) fn is_unfinished(name: &str) -> bool {
        let made = name.strip_suffix(UNFINISHED).and_then(|name| name.rsplit_once('.'));
        made.is_some_and(|(name, attempt)| Self::of(name).is_some() && is_number(attempt))
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::Name;
    use crate::position::Position;

    #[test]
    fn a_name_says_what_the_file_holds() {
        let position = Position::new(1234).unwrap();
        for name in [Name::Segment(position), Name::Snapshot(position)] {
            assert_eq!(Name::of(&name.file()), Some(name));
            assert!(!Name::is_unfinished(&name.file()));
            assert!(Name::is_unfinished(&name.unfinished(12)));
            assert_eq!(Name::of(&name.unfinished(12)), None);
        }
    }

    #[test]
    fn other_files_are_not_of_the_journal() {
        for name in
            ["lock", "1.segment", "00000000000000000000.segment", "+0000000000000000001.segment", "a.b"]
        {
            assert_eq!(Name::of(name), None, "{name}");
            assert!(!Name::is_unfinished(&format!("{name}.0.unfinished")), "{name}");
        }
    }
}
