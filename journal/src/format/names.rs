use crate::position::Position;

/// The file whose lock the writer holds.
pub(crate) const LOCK: &str = "lock";

/// A file of a journal, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// A segment, by the position of its first record.
    Segment(Position),
    /// A snapshot, by the position up to which it goes.
    Snapshot(Position),
    /// Either of them while it is being made: what a crash leaves of it means nothing.
    Unfinished,
}

impl Name {
    /// What the file is called: names sort as their positions do.
    pub(crate) fn file(self) -> String {
        match self {
            Self::Segment(base) => format!("{:020}.segment", base.get()),
            Self::Snapshot(position) => format!("{:020}.snapshot", position.get()),
            Self::Unfinished => "unfinished".to_owned(),
        }
    }

    /// What it is called while it is being made.
    pub(crate) fn unfinished(self) -> String {
        format!("{}.unfinished", self.file())
    }

    /// Which of its files is called `name`; none, if it is not one that a journal makes.
    pub(crate) fn of(name: &str) -> Option<Self> {
        if let Some(of) = name.strip_suffix(".unfinished") {
            return Self::of(of).map(|_| Self::Unfinished);
        }
        let (number, kind) = name.split_once('.')?;
        if number.len() != 20 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let position = Position::new(number.parse().ok()?)?;
        match kind {
            "segment" => Some(Self::Segment(position)),
            "snapshot" => Some(Self::Snapshot(position)),
            _ => None,
        }
    }
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
            assert_eq!(Name::of(&name.unfinished()), Some(Name::Unfinished));
        }
    }

    #[test]
    fn other_files_are_not_of_the_journal() {
        for name in
            ["lock", "1.segment", "00000000000000000000.segment", "+0000000000000000001.segment", "a.b"]
        {
            assert_eq!(Name::of(name), None, "{name}");
        }
    }
}
