//! What a router knows of its network, from the frames that a switch sends it: simple, and checked at every step.

use std::collections::BTreeMap;
use std::sync::Arc;

use edri_link::wire::{
    Close, Departure, Frame, Identity, Interest, Learned, Learner, Permit, Pong, Reader, Refused, Schema,
    Station, Welcome,
};

/// What has been heard so far.
#[derive(Debug)]
pub struct Picture {
    reader: Reader,
    learner: Learner,
    pub welcome: Option<Welcome>,
    pub refused: Option<Refused>,
    pub closed: Option<Close>,
    pub members: BTreeMap<u32, Known>,
    /// Those that have left, and how.
    pub left: Vec<(u32, Departure)>,
    /// All that there was at first is known.
    pub is_complete: bool,
    pub relays: Vec<(u32, Vec<u8>)>,
    pub denied: Vec<(Interest, String)>,
    /// Pings to be answered.
    pub pings: Vec<u64>,
    pub pongs: Vec<Pong>,
    /// How many frames have come.
    pub frames: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub identity: Identity,
    pub permit: Permit,
    pub interests: BTreeMap<Interest, Consumed>,
    pub is_complete: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumed {
    pub schema: Arc<Schema>,
    pub group: Option<Arc<str>>,
    pub load: u32,
}

impl Default for Picture {
    fn default() -> Self {
        Self {
            reader: Reader::new(16 << 20),
            learner: Learner::new(1 << 30),
            welcome: None,
            refused: None,
            closed: None,
            members: BTreeMap::new(),
            left: Vec::new(),
            is_complete: false,
            relays: Vec::new(),
            denied: Vec::new(),
            pings: Vec::new(),
            pongs: Vec::new(),
            frames: 0,
        }
    }
}

impl Picture {
    /// Takes in what was read. Whatever a switch must not say fails.
    pub fn hear(&mut self, bytes: &[u8]) {
        self.reader.push(bytes);
        while let Some(frame) = self.reader.next_frame().expect("a switch sends whole frames that decode") {
            assert!(self.closed.is_none() && self.refused.is_none(), "{frame:?} came after the last one");
            self.frames += 1;
            self.take(frame);
        }
    }

    /// What the switch calls this router.
    pub fn number(&self) -> u32 {
        match self.welcome.as_ref().expect("it is welcome").station {
            Station::Switch { member } => member,
            station => panic!("{station:?} is no switch"),
        }
    }

    /// The number of the member of that name.
    pub fn member(&self, name: &str) -> Option<u32> {
        let found = self.members.iter().find(|(_, known)| known.identity.name == name);
        found.map(|(number, _)| *number)
    }

    /// The names of the events that a member consumes.
    pub fn consumed_by(&self, name: &str) -> Vec<&str> {
        let known = self.members.values().find(|known| known.identity.name == name);
        let interests = known.into_iter().flat_map(|known| known.interests.values());
        interests.map(|consumed| consumed.schema.name.as_str()).collect()
    }

    fn take(&mut self, frame: Frame) {
        match frame {
            Frame::Welcome(welcome) => {
                assert!(self.welcome.is_none(), "a second welcome came");
                self.welcome = Some(welcome);
            }
            Frame::Refused(refused) => {
                assert!(self.welcome.is_none(), "a refusal came after the welcome");
                self.refused = Some(refused);
            }
            Frame::Close(close) => self.closed = Some(close),
            Frame::Heartbeat => {}
            Frame::Ping(number) => self.pings.push(number),
            Frame::Pong(pong) => self.pongs.push(pong),
            Frame::Member(member) => {
                assert_ne!(member.member, self.number(), "it was told of itself");
                let is_new = self.left.iter().all(|(number, _)| *number != member.member);
                assert!(is_new, "the number {} was given again", member.member);
                let known = Known {
                    identity: member.identity,
                    permit: member.permit,
                    interests: BTreeMap::new(),
                    is_complete: false,
                };
                assert!(self.members.insert(member.member, known).is_none(), "a member came twice");
            }
            Frame::Left(left) => {
                let known = self.members.remove(&left.member);
                assert!(known.is_some(), "{} left and had never come", left.member);
                self.left.push((left.member, left.departure));
            }
            Frame::Relay(relay) => {
                // One that was on its way when its sender left may come after that.
                let from = relay.member;
                let is_known =
                    self.members.contains_key(&from) || self.left.iter().any(|(left, _)| *left == from);
                assert!(is_known, "a relay came from {from}, of whom nothing is known");
                self.relays.push((from, relay.blob.to_vec()));
            }
            Frame::Interest(interests) => {
                for change in interests.changes {
                    let learned = self.learner.learn(change).expect("a switch defines what it speaks of");
                    if let Some(learned) = learned {
                        self.learn(interests.member, learned);
                    }
                }
            }
            frame => panic!("a switch does not send {frame:?}"),
        }
    }

    fn learn(&mut self, member: u32, learned: Learned) {
        if member == 0 {
            match learned {
                Learned::Complete => self.is_complete = true,
                Learned::Denied { interest, reason } => self.denied.push((interest, reason)),
                learned => panic!("a switch consumes nothing, and said {learned:?}"),
            }
            return;
        }
        let known = self.members.get_mut(&member).expect("interests are those of a member that is known");
        match learned {
            Learned::Announced { interest, schema, group, consumer } => {
                let consumed = Consumed { schema, group, load: consumer.load };
                assert!(known.interests.insert(interest, consumed).is_none(), "{interest:?} came twice");
            }
            Learned::Withdrawn { interest } => {
                assert!(known.interests.remove(&interest).is_some(), "{interest:?} was not there");
            }
            Learned::Loaded { interest, load } => {
                known.interests.get_mut(&interest).expect("a load is that of an interest").load = load;
            }
            Learned::Complete => known.is_complete = true,
            Learned::Denied { .. } => panic!("nothing is denied to others"),
        }
    }
}
