use super::chance::Chance;
use super::sparse::Sparse;

/// What is in one file.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    /// As those see it who read it.
    pub(super) seen: Sparse,
    /// As it lasts.
    lasting: Sparse,
    /// What was done since the last sync.
    changes: Vec<Change>,
    /// How many bytes of the disk it takes.
    pub(super) takes: u64,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
    Allocate(usize),
}

/// What becomes of a change when the machine goes down before a sync.
pub(super) enum Fate<'c> {
    Lost,
    Kept,
    ByChance(&'c mut Chance),
}

impl Content {
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.change(Change::Write { offset, bytes: bytes.to_vec() });
    }

    pub(super) fn set_length(&mut self, length: usize) {
        self.change(Change::Length(length));
        self.takes = self.takes.min(length as u64);
    }

    pub(super) fn allocate(&mut self, length: usize) {
        self.change(Change::Allocate(length));
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.changes.push(change);
    }

    /// What was done since the last sync lasts.
    pub(super) fn sync(&mut self) {
        for change in self.changes.drain(..) {
            change.apply(&mut self.lasting);
        }
    }

    /// A sync that failed: some of it lasts. The rest is lost, although it is seen: no later sync will write it.
    pub(super) fn fail_to_sync(&mut self, chance: &mut Chance) {
        for change in std::mem::take(&mut self.changes) {
            change.apply_by_chance(&mut self.lasting, chance);
        }
    }

    /// What is there after a crash.
    pub(super) fn crash(&mut self, mut fate: Fate<'_>) {
        for change in std::mem::take(&mut self.changes) {
            match &mut fate {
                Fate::Lost => {}
                Fate::Kept => change.apply(&mut self.lasting),
                Fate::ByChance(chance) => change.apply_by_chance(&mut self.lasting, chance),
            }
        }
        self.seen.clone_from(&self.lasting);
        self.takes = self.seen.length() as u64;
    }

    /// Changes what lasts, as a failing medium does.
    pub(super) fn corrupt(&mut self, offset: usize, change: impl FnOnce(u8) -> u8) {
        let mut byte = [0];
        self.seen.read(offset, &mut byte);
        let byte = [change(byte[0])];
        self.seen.write(offset, &byte);
        if offset < self.lasting.length() {
            self.lasting.write(offset, &byte);
        }
    }
}

impl Change {
    fn apply(&self, content: &mut Sparse) {
        match self {
            Self::Write { offset, bytes } => content.write(*offset, bytes),
            Self::Length(length) => content.set_length(*length),
            Self::Allocate(length) => content.set_length(content.length().max(*length)),
        }
    }

    /// A write is torn into pieces, each of which is kept or not. Where nothing was before, there may be anything then.
    fn apply_by_chance(&self, content: &mut Sparse, chance: &mut Chance) {
        let Self::Write { offset, bytes } = self else {
            if chance.one_in(2) {
                self.apply(content);
            }
            return;
        };
        let mut at = 0;
        while at < bytes.len() {
            let piece = match chance.below(4) {
                0 => bytes.len() - at,
                1 => 1 + chance.below(8) as usize,
                _ => 1 + chance.below(bytes.len() as u64) as usize,
            };
            let piece = piece.min(bytes.len() - at);
            let from = offset + at;
            match chance.below(5) {
                0 | 1 => content.write(from, &bytes[at..at + piece]),
                2 if content.is_zero(from, piece) => {
                    let anything: Vec<_> = (0..piece).map(|_| chance.number() as u8).collect();
                    content.write(from, &anything);
                }
                _ => {}
            }
            at += piece;
        }
    }
}
