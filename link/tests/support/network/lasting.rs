//! What lasts: the durable flows of a router, and a disk that outlives it, without what was not synced.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;
use edri_link::durable::{Inbox, InboxStep, Interrupted, Mark, Outbox, OutboxStep, Word};
use edri_link::{MemberId, Membership};

use super::books::Books;
use super::rng::Rng;

/// How many bytes of records may be on their way.
const WINDOW: u64 = 4_000;

/// What is on the disk of a router, for and of others, who are known by their numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    logs: BTreeMap<usize, Log>,
    marks: BTreeMap<usize, Mark>,
}

/// What is kept for one destination: the identities of events, one in each record.
#[derive(Clone, Debug)]
struct Log {
    name: u64,
    records: Vec<u64>,
    synced: usize,
    acknowledged: u64,
}

/// The flows of one life of a router.
#[derive(Debug)]
pub(crate) struct Flows {
    here: usize,
    disk: Disk,
    outboxes: BTreeMap<usize, Outbox>,
    inboxes: BTreeMap<usize, Inbox>,
    /// Marks that are being written.
    marking: BTreeMap<usize, Mark>,
    /// What was handed over: from whom, in which log, under which number.
    handling: VecDeque<(usize, u64, u64)>,
    links: BTreeMap<usize, MemberId>,
    out: BTreeMap<usize, VecDeque<Vec<u8>>>,
}

impl Flows {
    pub(crate) fn start(here: usize, disk: Disk) -> Self {
        let outbox = |log: &Log| Outbox::new(log.name, log.acknowledged, log.synced as u64);
        let outboxes = disk.logs.iter().map(|(to, log)| (*to, outbox(log))).collect();
        Self {
            here,
            outboxes,
            inboxes: BTreeMap::new(),
            marking: BTreeMap::new(),
            handling: VecDeque::new(),
            links: BTreeMap::new(),
            out: BTreeMap::new(),
            disk,
        }
    }

    /// It is killed: what is left of it.
    pub(crate) fn kill(mut self, books: &mut Books, rng: &mut Rng) -> Disk {
        for log in self.disk.logs.values_mut() {
            for lost in log.records.drain(log.synced..) {
                books.lasting.remove(&lost);
            }
        }
        for (from, mark) in self.marking {
            if rng.chance(2) {
                self.disk.marks.insert(from, mark);
            }
        }
        self.disk
    }

    /// A router is a member.
    pub(crate) fn joined(&mut self, router: usize, member: MemberId) {
        self.links.insert(router, member);
        self.begin(router);
    }

    /// Nothing that was said to it counts.
    fn begin(&mut self, router: usize) {
        self.out.remove(&router);
        let disk = &mut self.disk;
        let here = self.here as u64;
        let log = disk.logs.entry(router).or_insert_with(|| Log {
            name: 1 + here * 1_000 + router as u64,
            records: Vec::new(),
            synced: 0,
            acknowledged: 0,
        });
        let name = log.name;
        self.outboxes.entry(router).or_insert_with(|| Outbox::new(name, 0, 0)).begin(WINDOW);
        let mark = disk.marks.get(&router).copied().unwrap_or_default();
        let inbox = || Inbox::new(mark, Interrupted::DeadLetter, WINDOW);
        self.inboxes.entry(router).or_insert_with(inbox).begin();
    }

    pub(crate) fn anew(&mut self, member: MemberId) {
        let router = self.links.iter().find(|(_, link)| **link == member).map(|(router, _)| *router);
        router.into_iter().for_each(|router| self.begin(router));
    }

    pub(crate) fn left(&mut self, member: MemberId) {
        let gone = self.links.iter().find(|(_, link)| **link == member).map(|(router, _)| *router);
        if let Some(router) = gone {
            self.links.remove(&router);
            self.out.remove(&router);
            self.outboxes.get_mut(&router).into_iter().for_each(Outbox::end);
            self.inboxes.get_mut(&router).into_iter().for_each(Inbox::begin);
        }
    }

    pub(crate) fn hear(&mut self, member: MemberId, word: &Bytes) {
        let Some((router, _)) = self.links.iter().find(|(_, link)| **link == member) else { return };
        let word = Word::decode(word).expect("it is a word");
        super::trace(format_args!("{} hears of {router}: {word:?}", self.here));
        if word.is_sources() {
            self.inboxes.get_mut(router).expect("it was begun").hear(word).expect("it makes sense");
        } else {
            self.outboxes.get_mut(router).expect("it was begun").hear(&word).expect("it makes sense");
        }
    }

    /// Appends something, syncs something, is done with something.
    pub(crate) fn act(&mut self, books: &mut Books, rng: &mut Rng) {
        let known: Vec<_> = self.disk.logs.keys().copied().collect();
        if let Some(to) = known.get(rng.below(known.len())) {
            let log = self.disk.logs.get_mut(to).expect("it is known");
            for _ in 0..rng.within(0..4) {
                let id = books.fresh();
                log.records.push(id);
                books.lasting.insert(id, Fate { from: self.here, to: *to, ..Fate::default() });
            }
        }
        if rng.chance(3) {
            self.sync(books);
        }
        if rng.chance(3) {
            self.mark();
        }
        self.handle(rng.below(6), rng);
    }

    fn sync(&mut self, books: &mut Books) {
        for (to, log) in &mut self.disk.logs {
            for id in &log.records[log.synced..] {
                books.lasting.get_mut(id).expect("it was noted").is_synced = true;
            }
            log.synced = log.records.len();
            self.outboxes.get_mut(to).into_iter().for_each(|outbox| outbox.stored(log.synced as u64));
        }
    }

    fn mark(&mut self) {
        for (from, mark) in std::mem::take(&mut self.marking) {
            self.disk.marks.insert(from, mark);
            self.inboxes.get_mut(&from).into_iter().for_each(|inbox| inbox.marked(mark));
        }
    }

    fn handle(&mut self, most: usize, rng: &mut Rng) {
        for _ in 0..most {
            let Some((from, log, number)) = self.handling.remove(rng.below(self.handling.len())) else {
                return;
            };
            let inbox = self.inboxes.get_mut(&from).expect("it came from there");
            inbox.taken(log, number);
            inbox.handled(log, number);
        }
    }

    /// Is done with all there is.
    pub(crate) fn settle(&mut self, books: &mut Books, rng: &mut Rng) {
        self.sync(books);
        self.mark();
        self.handle(usize::MAX, rng);
    }

    /// Whether all that was sent to those who are there is handled.
    pub(crate) fn is_settled(&self) -> bool {
        let is_settled = |router: &usize| {
            let outbox = &self.outboxes[router];
            outbox.acknowledged() == outbox.last_stored()
                && self.out.get(router).is_none_or(VecDeque::is_empty)
        };
        self.handling.is_empty() && self.marking.is_empty() && self.links.keys().all(is_settled)
    }

    /// Whether that router is a member.
    pub(crate) fn knows(&self, router: usize) -> bool {
        self.links.contains_key(&router)
    }

    /// Does what is to be done next, and says what is to be said.
    pub(crate) fn pump(&mut self, membership: &mut Membership, books: &mut Books, now: Instant) {
        for (router, member) in self.links.clone() {
            let mut said = Vec::new();
            let outbox = self.outboxes.get_mut(&router).expect("it was begun");
            let log = self.disk.logs.get_mut(&router).expect("it was begun");
            while let Some(step) = outbox.poll() {
                super::trace(format_args!("{} for {router}: {step:?}", self.here));
                match step {
                    OutboxStep::Say(word) => said.push(word),
                    OutboxStep::Read(number) => {
                        let id = log.records[number as usize - 1];
                        let mut content = id.to_le_bytes().to_vec();
                        content.resize(8 + (id % 700) as usize, 7);
                        said.extend(outbox.send(number, content.into()));
                    }
                    OutboxStep::Interrupted { from, to } => {
                        for number in from..=to {
                            let id = log.records[number as usize - 1];
                            books.lasting.get_mut(&id).expect("it was noted").interrupted += 1;
                            books.counts.interrupted += 1;
                        }
                        outbox.give_up(to);
                    }
                    OutboxStep::Release(up_to) => log.acknowledged = up_to,
                    other => panic!("{other:?}"),
                }
            }
            let inbox = self.inboxes.get_mut(&router).expect("it was begun");
            while let Some(step) = inbox.poll() {
                super::trace(format_args!("{} from {router}: {step:?}", self.here));
                match step {
                    InboxStep::Say(word) => said.push(word),
                    InboxStep::Mark(mark) => {
                        assert!(self.marking.insert(router, mark).is_none(), "two marks at a time");
                    }
                    InboxStep::Hand { log, number, content, redelivered } => {
                        assert!(!redelivered, "that was not asked for");
                        let id = u64::from_le_bytes(content[..8].try_into().expect("it is long enough"));
                        books.lasting_came(id, (router, self.here));
                        self.handling.push_back((router, log, number));
                    }
                    other => panic!("{other:?}"),
                }
            }
            let out = self.out.entry(router).or_default();
            out.extend(said.iter().map(Word::encode));
            let Some(mut line) = membership.to(member, now) else { continue };
            while let Some(word) = out.front()
                && line.durable(word).is_ok()
            {
                out.pop_front();
            }
        }
    }
}

/// What has become of an event that was to last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fate {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) is_synced: bool,
    pub(crate) came: u32,
    pub(crate) interrupted: u32,
}

impl Books {
    fn lasting_came(&mut self, id: u64, way: (usize, usize)) {
        let fate =
            self.lasting.get_mut(&id).expect("what came was sent, and was not lost before it was synced");
        assert!(fate.is_synced, "{id} went out before it was on the disk");
        assert_eq!((fate.from, fate.to), way);
        fate.came += 1;
        assert_eq!(fate.came, 1, "{id} came twice");
        assert_eq!(fate.interrupted, 0, "{id} came after it was told as interrupted");
        let last = self.lasting_last.insert(way, id);
        assert!(last < Some(id), "{id} came after {last:?}");
        self.counts.lasting += 1;
    }

    /// All that was synced between those who know each other has come, or was told as interrupted.
    pub(crate) fn check_lasting(&self, know: impl Fn(usize, usize) -> bool) {
        for (id, fate) in &self.lasting {
            if fate.is_synced && know(fate.from, fate.to) && know(fate.to, fate.from) {
                assert!(fate.came == 1 || fate.interrupted > 0, "{id} is lost: {fate:?}");
            }
        }
    }
}
