use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What may happen to a router.
#[derive(Clone, Debug)]
enum Step {
    Join,
    Lose,
    Close,
    Announce { name: u8 },
    Withdraw { which: usize },
    Load { which: usize, load: u32 },
    Relay { to: usize, length: usize },
    Read { most: usize },
    Broadcast,
    Garbage(Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Join),
        1 => Just(Step::Lose),
        1 => Just(Step::Close),
        6 => (0..12_u8).prop_map(|name| Step::Announce { name }),
        4 => (0..8_usize).prop_map(|which| Step::Withdraw { which }),
        2 => (0..8_usize, 0..5_u32).prop_map(|(which, load)| Step::Load { which, load }),
        8 => (0..6_usize, prop_oneof![4 => 0..3_000_usize, 1 => 16_300..16_375_usize]).prop_map(|(to, length)| Step::Relay { to, length }),
        8 => (1..4_000_usize).prop_map(|most| Step::Read { most }),
        4 => Just(Step::Broadcast),
        1 => prop::collection::vec(any::<u8>(), 1..40).prop_map(Step::Garbage),
    ]
}

/// One that is there, and what it has said.
struct Router {
    peer: Peer,
    network: &'static str,
    name: String,
    interests: BTreeMap<u32, (String, u32)>,
    next: u32,
    sent: BTreeMap<u32, u32>,
}

/// What others are to know of a router: its interests, their events and loads.
type Known = BTreeMap<String, Vec<(u32, String, u32)>>;

#[derive(PartialEq)]
enum Then {
    Stays,
    IsGone,
}

impl Router {
    fn join(bench: &Bench, slot: usize, incarnation: usize) -> Self {
        let network = if slot < 4 { "" } else { "other" };
        let name = format!("router {slot}.{incarnation}");
        let mut peer = bench.connect(Bearer::Plain);
        peer.say(&Frame::Hello(hello_in(network, &name)), bench.now);
        Self { peer, network, name, interests: BTreeMap::new(), next: 0, sent: BTreeMap::new() }
    }

    fn step(&mut self, step: Step, numbers: &[Option<u32>], now: Instant) -> Then {
        match step {
            Step::Join | Step::Broadcast => {}
            Step::Lose => return Then::IsGone,
            Step::Close => {
                self.peer.close(now);
                assert!(self.peer.session.is_closed());
                return Then::IsGone;
            }
            Step::Announce { name } => {
                let name = format!("event {name}");
                self.peer.announce(self.next, schema(&name, Role::Subscriber), now);
                self.interests.insert(self.next, (name, 0));
                self.next += 1;
            }
            Step::Withdraw { which } => {
                if let Some(interest) = self.interests.keys().copied().nth(which) {
                    self.interests.remove(&interest);
                    self.peer.change(Change::Withdraw { interest: Interest::from_number(interest) }, now);
                }
            }
            Step::Load { which, load } => {
                if let Some((interest, (_, current))) = self.interests.iter_mut().nth(which) {
                    *current = load;
                    let interest = Interest::from_number(*interest);
                    self.peer.change(Change::Load { interest, load }, now);
                }
            }
            Step::Relay { to, length } => {
                // Anybody's number, whether or not this one knows of it.
                if let Some(to) = numbers[to] {
                    let number = self.sent.entry(to).or_default();
                    let mut blob = number.to_le_bytes().to_vec();
                    *number += 1;
                    blob.resize(4 + length, 0);
                    self.peer.relay(to, &blob, now);
                }
            }
            Step::Read { most } => {
                self.peer.read_some(most, now);
            }
            Step::Garbage(bytes) => {
                // After a length that is too long nothing is right.
                self.peer.session.receive(&[0xff; 4], now);
                self.peer.session.receive(&bytes, now);
                self.peer.read(now);
                assert!(self.peer.session.is_closed());
                return Then::IsGone;
            }
        }
        Then::Stays
    }

    fn knows(&self) -> Known {
        let members = self.peer.picture.members.values();
        let known = members.map(|known| {
            let interests = known
                .interests
                .iter()
                .map(|(interest, consumed)| (interest.number(), consumed.schema.name.clone(), consumed.load));
            (known.identity.name.clone(), interests.collect())
        });
        known.collect()
    }

    fn consumes(&self) -> Vec<(u32, String, u32)> {
        let interests = self.interests.iter();
        interests.map(|(interest, (name, load))| (*interest, name.clone(), *load)).collect()
    }
}

fn numbers(routers: &[Option<Router>]) -> Vec<Option<u32>> {
    let number = |router: &Option<Router>| {
        let peer = &router.as_ref()?.peer;
        peer.picture.welcome.as_ref().map(|_| peer.number())
    };
    routers.iter().map(number).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever routers do, and however slowly they read: in the end all know of each other exactly what is so, relays came
    /// in order and not twice, and nothing crossed from one network to another.
    #[test]
    fn in_the_end_everybody_knows_what_is_so(
        steps in prop::collection::vec((0..6_usize, step()), 1..150),
    ) {
        let bench = Bench::with(|settings| {
            settings.limits.frame = 16 * 1024;
            settings.limits.queue = 20_000;
            settings.limits.memory = 40_000;
        });
        let now = bench.now;
        let mut routers: [Option<Router>; 6] = Default::default();
        for (count, (slot, step)) in steps.into_iter().enumerate() {
            let numbers = numbers(&routers);
            match (&mut routers[slot], step) {
                (_, Step::Broadcast) => {
                    bench.hub.broadcast();
                }
                (free @ None, Step::Join) => *free = Some(Router::join(&bench, slot, count)),
                (None, _) => {}
                (Some(router), step) => {
                    if router.step(step, &numbers, now) == Then::IsGone {
                        routers[slot] = None;
                    }
                }
            }
        }
        // Everybody reads to the end.
        for _ in 0..2 {
            bench.hub.broadcast();
            routers.iter_mut().flatten().for_each(|router| router.peer.read(now));
        }
        let routers: Vec<_> = routers.iter().flatten().collect();
        for router in &routers {
            let picture = &router.peer.picture;
            prop_assert!(picture.closed.is_none(), "{:?}", picture.closed);
            let is_other = |other: &&&Router| other.network == router.network && other.name != router.name;
            let others = routers.iter().filter(is_other);
            let so: Known = others.map(|other| (other.name.clone(), other.consumes())).collect();
            prop_assert_eq!(router.knows(), so);
            let mut last = BTreeMap::new();
            for (from, blob) in &picture.relays {
                let number = u32::from_le_bytes(*blob.first_chunk().unwrap());
                let before = last.insert(*from, number);
                prop_assert!(before.is_none_or(|before| before < number), "a relay came twice, or too late");
            }
        }
        for network in bench.hub.networks() {
            let members = routers.iter().filter(|router| router.network == network.name);
            let interests: usize = members.map(|router| router.interests.len()).sum();
            prop_assert_eq!(network.sizes().interests, interests);
        }
        prop_assert_eq!(bench.hub.memory.load(Ordering::Relaxed), 0);
    }

    /// However a stream is cut, and wherever it is read to, what is passed on is what came.
    #[test]
    fn relays_are_passed_on_as_they_came_whatever_they_are_read_to(
        lengths in prop::collection::vec(
            prop_oneof![0..200_usize, 16_000..17_000_usize, Just(60_000_usize)],
            1..12,
        ),
        cuts in prop::collection::vec(1..70_000_usize, 1..40),
    ) {
        let bench = Bench::new();
        let (mut a, mut b) = (bench.join("a"), bench.join("b"));
        bench.settle(&mut [&mut a, &mut b]);
        let mut stream = Vec::new();
        let blobs: Vec<Vec<u8>> = (0..).zip(&lengths).map(|(number, length)| vec![number; *length]).collect();
        for blob in &blobs {
            write_relay(&mut stream, b.number(), blob);
            write(&mut stream, &Frame::Heartbeat);
        }
        let (mut rest, mut cuts) = (&stream[..], cuts.into_iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(cuts.next().unwrap_or(1).min(rest.len()));
            hand_over(&mut a.session, piece, bench.now);
            rest = after;
        }
        b.read(bench.now);
        let sent: Vec<_> = blobs.into_iter().map(|blob| (a.number(), blob)).collect();
        prop_assert!(b.picture.relays == sent, "{} came", b.picture.relays.len());
        prop_assert!(!a.session.is_closed());
    }

    /// Whatever bytes come, in whatever pieces, to whatever state: no panic.
    #[test]
    fn any_bytes_are_survived(
        greeted in any::<bool>(),
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..60), 1..20),
        kind in prop::option::of(1..12_u8),
    ) {
        let bench = Bench::new();
        let mut peer = if greeted { bench.join("a") } else { bench.connect(Bearer::Plain) };
        if let Some(kind) = kind {
            // What is a frame from outside.
            let body: Vec<u8> = pieces.concat();
            let mut frame = ((body.len() + 1) as u32).to_le_bytes().to_vec();
            frame.push(kind);
            frame.extend(body);
            peer.session.receive(&frame, bench.now);
        }
        for piece in &pieces {
            hand_over(&mut peer.session, piece, bench.now);
        }
        peer.read(bench.now);
        peer.session.end_of_stream(bench.now);
        peer.read(bench.now);
    }
}
