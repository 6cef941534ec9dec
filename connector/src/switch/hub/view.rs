use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use edri_link::wire::{
    Change, Consumer, Frame, Interest, Interests, Lexicon, Permit, Role, Schema, Told, write,
};
use parking_lot::Mutex;

use super::announced::Announced;
use super::log::Log;
use super::state::Numbers;

/// What those members are told that may send the same: a router is not told of interests in what it may not send.
#[derive(Debug)]
pub(crate) struct View {
    permit: Permit,
    pub(crate) log: Mutex<Log>,
    /// How far everybody has read: for whoever counts.
    pub(super) low: AtomicU64,
}

/// A view, with what its network keeps so that newcomers can be told everything at once.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) view: Arc<View>,
    /// How many members have it.
    pub(super) members: usize,
    /// What of the network's lexicon has been said in the log.
    told: Told,
    /// What the numbers of the lexicon mean, 64 of them in each.
    schemas: Vec<Option<Bytes>>,
    groups: Vec<Option<Bytes>>,
    /// All that is to be said of a member.
    records: HashMap<u32, Bytes>,
    /// The same of all members whose numbers are of one page, in a few pieces: a newcomer is given those.
    together: HashMap<u32, Vec<Bytes>>,
}

/// How many numbers, of a lexicon or of members, are encoded together.
const PAGE: u32 = 64;

/// What is shorter is copied to others. As long as that, it is written from where it is.
const PIECE: usize = 16 * 1024;

/// So many bytes of changes go into one frame, which is no longer than the shortest that a router may take (16 KiB): one
/// change more still fits.
const TOGETHER: usize = 8 * 1024;

impl View {
    /// Whether those who have it are told of interests in this.
    pub(crate) fn shows(&self, schema: &Schema) -> bool {
        // Answers are observed: nobody addresses an observer who was not asked by, or did not answer, somebody.
        schema.role == Role::Observer || self.permit.covers(&schema.name)
    }

    pub(super) fn tell(&self, about: u32, frame: &Frame) {
        self.log.lock().append(about, |out| write(out, frame));
    }
}

impl Kept {
    pub(super) fn new(permit: Permit) -> Self {
        Self {
            view: Arc::new(View { permit, log: Mutex::default(), low: AtomicU64::new(0) }),
            members: 0,
            told: Told::default(),
            schemas: Vec::new(),
            groups: Vec::new(),
            records: HashMap::new(),
            together: HashMap::new(),
        }
    }

    /// Says of a member what has changed; of announcements what their numbers mean, before.
    pub(super) fn say(&mut self, member: u32, changes: &[Said], lexicon: &Lexicon) {
        let (mut definitions, mut about) = (Vec::new(), Vec::new());
        for said in changes {
            match said {
                Said::Announced { interest, schema, number, group, consumer } if self.view.shows(schema) => {
                    let before = about.len();
                    lexicon.announce(&mut self.told, *interest, (*number, *group), *consumer, &mut about);
                    // The last of them is the announcement.
                    let announcement = about.len() - 1;
                    definitions.extend(about.drain(before..announcement));
                }
                Said::Announced { .. } => {}
                Said::Changed { change, schema } => {
                    if self.view.shows(schema) {
                        about.push(change.clone());
                    }
                }
                Said::Complete => about.push(Change::Complete),
            }
        }
        for definition in &definitions {
            match definition {
                Change::Schema { number, .. } => forget(&mut self.schemas, *number),
                Change::Group { number, .. } => forget(&mut self.groups, *number),
                _ => {}
            }
        }
        if !about.is_empty() {
            self.forget(member);
        }
        let mut log = self.view.log.lock();
        in_frames(0, definitions, |frame| log.append(0, |out| write(out, &frame)));
        in_frames(member, about, |frame| log.append(member, |out| write(out, &frame)));
    }

    /// What was kept of a member is not so any more, or it has gone.
    pub(super) fn forget(&mut self, member: u32) {
        self.records.remove(&member);
        self.together.remove(&(member / PAGE));
    }

    /// A member is there of which the newcomers after it are to be told.
    pub(super) fn came(&mut self, member: u32, introduction: &Frame) {
        self.forget(member);
        self.view.tell(member, introduction);
    }

    /// All that there is to be said.
    pub(super) fn snapshot(
        &mut self,
        members: &BTreeMap<u32, Announced>,
        lexicon: &Lexicon,
        numbers: Numbers,
        out: &mut VecDeque<Bytes>,
    ) {
        pages(&mut self.schemas, numbers.schemas, out, |numbers| {
            let all = lexicon.schemas(numbers).filter(|(_, schema)| self.view.shows(schema));
            all.map(|(number, schema)| Change::Schema { number, schema: Schema::clone(schema) }).collect()
        });
        pages(&mut self.groups, numbers.groups, out, |numbers| {
            let all = lexicon.groups(numbers);
            all.map(|(number, name)| Change::Group { number, name: name.to_string() }).collect()
        });
        let mut next = members.first_key_value();
        while let Some((first, _)) = next {
            let page = first / PAGE;
            let last = page * PAGE + (PAGE - 1);
            let Self { view, records, together, .. } = self;
            let pieces = together.entry(page).or_insert_with(|| {
                let members = members.range(first..=&last);
                let records = members.map(|(number, announced)| {
                    records.entry(*number).or_insert_with(|| announced.record(view)).clone()
                });
                in_pieces(records)
            });
            out.extend(pieces.iter().cloned());
            next = members.range((Bound::Excluded(last), Bound::Unbounded)).next();
        }
        let mut complete = Vec::new();
        write(&mut complete, &Frame::Interest(Interests { member: 0, changes: vec![Change::Complete] }));
        out.push_back(complete.into());
    }
}

/// A change in what a member consumes, with what is needed to see who is told of it.
#[derive(Clone, Debug)]
pub(super) enum Said {
    Announced { interest: Interest, schema: Arc<Schema>, number: u32, group: Option<u32>, consumer: Consumer },
    Changed { change: Change, schema: Arc<Schema> },
    Complete,
}

impl Said {
    pub(super) fn announces(&self, meant: Interest) -> bool {
        matches!(self, Self::Announced { interest, .. } if *interest == meant)
    }
}

/// A page is not what it was.
fn forget(pages: &mut [Option<Bytes>], number: u32) {
    if let Some(page) = pages.get_mut((number / PAGE) as usize) {
        *page = None;
    }
}

/// Puts records together, but for long ones.
fn in_pieces(records: impl Iterator<Item = Bytes>) -> Vec<Bytes> {
    let (mut pieces, mut piece) = (Vec::new(), Vec::new());
    for record in records {
        let is_long = record.len() >= PIECE;
        if is_long || piece.len() + record.len() > PIECE {
            pieces.extend(Some(Bytes::from(std::mem::take(&mut piece))).filter(|piece| !piece.is_empty()));
        }
        match is_long {
            true => pieces.push(record),
            false => piece.extend_from_slice(&record),
        }
    }
    pieces.extend(Some(Bytes::from(piece)).filter(|piece| !piece.is_empty()));
    pieces
}

/// Adds all pages, encoding those that are not what they were.
fn pages(
    pages: &mut Vec<Option<Bytes>>,
    numbers: u32,
    out: &mut VecDeque<Bytes>,
    changes: impl Fn(std::ops::Range<u32>) -> Vec<Change>,
) {
    pages.resize(numbers.div_ceil(PAGE) as usize, None);
    for (page, kept) in (0..).zip(pages) {
        let bytes = kept.get_or_insert_with(|| {
            let mut bytes = Vec::new();
            let first = page * PAGE;
            in_frames(0, changes(first..first + PAGE), |frame| write(&mut bytes, &frame));
            bytes.into()
        });
        if !bytes.is_empty() {
            out.push_back(bytes.clone());
        }
    }
}

/// Puts changes into as many frames as they need.
pub(super) fn in_frames(member: u32, changes: Vec<Change>, mut each: impl FnMut(Frame)) {
    let mut together = Vec::new();
    let mut size = 0;
    for change in changes {
        size += weight(&change);
        together.push(change);
        if size >= TOGETHER {
            each(Frame::Interest(Interests { member, changes: std::mem::take(&mut together) }));
            size = 0;
        }
    }
    if !together.is_empty() {
        each(Frame::Interest(Interests { member, changes: together }));
    }
}

/// How many bytes a change takes at most.
fn weight(change: &Change) -> usize {
    32 + match change {
        Change::Schema { schema, .. } => schema.weight() + 2 * schema.shapes.len(),
        Change::Group { name, .. } => name.len(),
        Change::Denied { reason, .. } => reason.len(),
        _ => 0,
    }
}
