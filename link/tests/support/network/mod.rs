//! A network in virtual time: routers that talk, switches that die, connections that break, and books of all that was
//! said. The same seed does the same.

#![allow(dead_code, reason = "tests and the soak use different parts of it")]

mod books;
mod lasting;
mod pipe;
mod program;
mod rng;
pub(crate) mod switch;

use std::time::{Duration, Instant};

pub(crate) use books::Counts;
use books::{Books, Life};
use edri_link::wire::Departure;
use lasting::Disk;
use pipe::Pipe;
use program::Program;
pub(crate) use rng::Rng;
use switch::Switch;

/// How much happens in a network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) routers: usize,
    pub(crate) switches: usize,
    /// How long they talk.
    pub(crate) time: Duration,
    /// How often something is done, and one in how many times something breaks.
    pub(crate) pause: Duration,
    pub(crate) fault_one_in: u64,
    /// With ordinary limits rather than small ones.
    pub(crate) large: bool,
}

impl Plan {
    /// Something short, different for each seed.
    pub(crate) fn small(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x5eed);
        Self {
            routers: rng.within(2..6) as usize,
            switches: rng.within(1..4) as usize,
            time: Duration::from_millis(rng.within(500..6_000)),
            pause: Duration::from_millis(rng.within(4..40)),
            fault_one_in: rng.within(8..60),
            large: rng.chance(4),
        }
    }

    /// Something longer.
    pub(crate) fn large(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x5eed);
        Self {
            routers: rng.within(2..21) as usize,
            switches: rng.within(1..4) as usize,
            time: Duration::from_millis(rng.within(5_000..60_000)),
            pause: Duration::from_millis(rng.within(1..20)),
            fault_one_in: rng.within(10..1_000),
            large: rng.chance(2),
        }
    }
}

/// Runs a network until all is quiet, and checks the books.
pub(crate) fn run(seed: u64, plan: Plan) -> Counts {
    let mut world = World::new(seed, plan);
    world.talk();
    world.settle();
    world.books.counts.dropped = world.switches.iter().map(|place| place.dropped()).sum();
    world.books.counts
}

/// Says what happens, if `LINK_TRACE` is set.
fn trace(what: std::fmt::Arguments<'_>) {
    static WANTED: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    if *WANTED.get_or_init(|| std::env::var_os("LINK_TRACE").is_some()) {
        let what: String = what.to_string().chars().take(400).collect();
        eprintln!("{what}");
    }
}

struct World {
    rng: Rng,
    plan: Plan,
    now: Instant,
    routers: Vec<Place>,
    switches: Vec<SwitchPlace>,
    links: Vec<Option<Link>>,
    books: Books,
}

/// Where a router lives, one life after the other.
struct Place {
    program: Option<Program>,
    lives: u64,
    /// What outlives its lives.
    disk: Disk,
    /// When it starts anew.
    starts_at: Option<Instant>,
    link: Option<usize>,
    connects_at: Instant,
    next_switch: usize,
    /// It does nothing before.
    stalls_until: Instant,
    /// How long it waits for others that were lost, and for those that are absent from a switch.
    patience: (Duration, Duration),
}

struct SwitchPlace {
    switch: Option<Switch>,
    starts_at: Option<Instant>,
    room: usize,
    drops: Option<u64>,
    dropped_before: u64,
    stalls_until: Instant,
}

/// A connection of a router with a switch.
struct Link {
    router: usize,
    switch: usize,
    up: Pipe,
    down: Pipe,
}

impl Place {
    /// It ends, whatever it is at.
    fn end(&mut self, books: &mut Books, rng: &mut Rng) {
        if let Some(program) = self.program.take() {
            self.disk = program.flows.kill(books, rng);
        }
    }
}

impl SwitchPlace {
    fn dropped(&self) -> u64 {
        self.dropped_before + self.switch.as_ref().map_or(0, |switch| switch.dropped)
    }
}

impl World {
    fn new(seed: u64, plan: Plan) -> Self {
        let mut rng = Rng::new(seed);
        let now = Instant::now();
        let switches = (0..plan.switches).map(|index| {
            let room = if rng.chance(2) { 1_000_000 } else { rng.within(70_000..200_000) as usize };
            let drops = rng.chance(2).then(|| rng.within(4..60));
            let switch = Some(Switch::new(1_000 + index as u128, room, drops));
            SwitchPlace { switch, starts_at: None, room, drops, dropped_before: 0, stalls_until: now }
        });
        let switches = switches.collect();
        let routers = (0..plan.routers).map(|_| Place {
            program: None,
            lives: 0,
            disk: Disk::default(),
            starts_at: Some(now),
            link: None,
            connects_at: now,
            next_switch: 0,
            stalls_until: now,
            patience: {
                let mut patience = || Duration::from_millis(rng.within(500..12_000));
                (patience(), patience())
            },
        });
        let routers = routers.collect();
        Self { rng, plan, now, routers, switches, links: Vec::new(), books: Books::default() }
    }

    /// All talk, and things break.
    fn talk(&mut self) {
        let until = self.now + self.plan.time;
        while self.now < until {
            let pause = self.plan.pause;
            self.pass(pause);
            let index = self.rng.below(self.routers.len());
            let place = &mut self.routers[index];
            if let Some(program) = &mut place.program
                && place.stalls_until <= self.now
                && !program.closed
            {
                program.act(&mut self.books, &mut self.rng, self.now);
            }
            if self.rng.chance(self.plan.fault_one_in) {
                self.break_something();
            }
        }
    }

    fn break_something(&mut self) {
        let long = if self.rng.chance(4) { 15_000 } else { 1_200 };
        let time = Duration::from_millis(self.rng.within(1..long));
        let until = self.now + time;
        let links: Vec<_> = (0..self.links.len()).filter(|link| self.links[*link].is_some()).collect();
        let link = links.get(self.rng.below(links.len())).copied();
        let router = self.rng.below(self.routers.len());
        let switch = self.rng.below(self.switches.len());
        match self.rng.below(14) {
            0..3 => link.into_iter().for_each(|link| self.cut(link)),
            3 => self.with(link, |link| link.up.block(until)),
            4 => self.with(link, |link| link.down.block(until)),
            5 => self.with(link, |link| {
                link.up.block(until);
                link.down.block(until);
            }),
            6..8 => self.routers[router].stalls_until = until,
            8 => self.switches[switch].stalls_until = until,
            9..11 => self.kill_router(router, until),
            11 => {
                let now = self.now;
                if let Some(program) = &mut self.routers[router].program {
                    program.membership.close(now);
                }
            }
            _ => self.kill_switch(switch, Some(until)),
        }
    }

    fn with(&mut self, link: Option<usize>, change: impl FnOnce(&mut Link)) {
        if let Some(link) = link.and_then(|link| self.links[link].as_mut()) {
            change(link);
        }
    }

    /// Both ends learn of it.
    fn cut(&mut self, index: usize) {
        let Some(link) = self.links[index].take() else { return };
        trace(format_args!(
            "the connection {index} of router {} with switch {} ends",
            link.router, link.switch
        ));
        if let Some(switch) = &mut self.switches[link.switch].switch {
            switch.disconnect(index, Departure::Lost);
        }
        let place = &mut self.routers[link.router];
        place.link = None;
        place.connects_at = self.now + Duration::from_millis(self.rng.within(10..300));
        if let Some(program) = &mut place.program {
            program.membership.transport_lost("it was cut", self.now);
        }
    }

    fn kill_router(&mut self, index: usize, until: Instant) {
        if let Some(link) = self.routers[index].link {
            self.cut(link);
        }
        trace(format_args!("router {index} is killed"));
        let place = &mut self.routers[index];
        place.end(&mut self.books, &mut self.rng);
        place.starts_at.get_or_insert(until);
    }

    fn kill_switch(&mut self, index: usize, until: Option<Instant>) {
        let of_it = |link: &Option<Link>| link.as_ref().is_some_and(|link| link.switch == index);
        let links: Vec<_> = (0..self.links.len()).filter(|link| of_it(&self.links[*link])).collect();
        trace(format_args!("switch {index} is killed"));
        let place = &mut self.switches[index];
        place.dropped_before = place.dropped();
        place.switch = None;
        place.starts_at = until;
        links.into_iter().for_each(|link| self.cut(link));
    }

    /// Lets so much time pass.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            self.step();
            let next = self.next().filter(|next| *next < until);
            // Never at the same time twice in a row, so that it comes to an end.
            self.now = next.map_or(until, |next| next.max(self.now + Duration::from_micros(100)));
            if self.now >= until {
                self.now = until;
                return;
            }
        }
    }

    fn next(&self) -> Option<Instant> {
        let pipes = self.links.iter().flatten().flat_map(|link| {
            let router = self.routers[link.router].stalls_until;
            let switch = self.switches[link.switch].stalls_until;
            let up = link.up.next().map(|at| at.max(switch));
            [up, link.down.next().map(|at| at.max(router))]
        });
        let routers = self.routers.iter().flat_map(|place| {
            let program = place.program.as_ref();
            let timer = program.and_then(|program| program.membership.next_timeout());
            let wants = program.is_some_and(|program| program.membership.wants_connection());
            let timer = timer.map(|at| at.max(place.stalls_until));
            [timer, place.starts_at, wants.then_some(place.connects_at.max(place.stalls_until))]
        });
        let switches = self.switches.iter().flat_map(|place| {
            let timer = place.switch.as_ref().and_then(Switch::next_timeout);
            [timer.map(|at| at.max(place.stalls_until)), place.starts_at]
        });
        pipes.chain(routers).chain(switches).flatten().min()
    }

    /// All that is due now.
    fn step(&mut self) {
        for index in 0..self.switches.len() {
            self.step_switch(index);
        }
        for index in 0..self.routers.len() {
            self.step_router(index);
        }
        for index in 0..self.links.len() {
            self.step_link(index);
        }
    }

    fn step_switch(&mut self, index: usize) {
        let place = &mut self.switches[index];
        if place.starts_at.is_some_and(|at| at <= self.now) {
            place.starts_at = None;
            place.switch = Some(Switch::new(1_000 + index as u128, place.room, place.drops));
        }
        if place.stalls_until > self.now {
            return;
        }
        let dead = place.switch.as_ref().map(|switch| switch.dead(self.now)).unwrap_or_default();
        dead.into_iter().for_each(|link| self.cut(link));
    }

    fn step_router(&mut self, index: usize) {
        let place = &mut self.routers[index];
        if place.program.as_ref().is_some_and(|program| program.closed) {
            // It left in order, and comes back as another.
            let link = place.link;
            link.into_iter().for_each(|link| self.cut(link));
            let place = &mut self.routers[index];
            place.end(&mut self.books, &mut self.rng);
            place.starts_at = Some(self.now + Duration::from_millis(self.rng.within(1..2_000)));
        }
        let place = &mut self.routers[index];
        if place.starts_at.is_some_and(|at| at <= self.now) {
            place.starts_at = None;
            place.lives += 1;
            place.program = Some(Program::start(
                (index, place.lives),
                place.patience,
                self.plan.large,
                place.disk.clone(),
            ));
            place.connects_at = self.now;
        }
        if place.stalls_until > self.now {
            return;
        }
        let Some(program) = &mut place.program else { return };
        program.membership.handle_timeout(self.now);
        program.learn(&mut self.books, self.now);
        if place.link.is_some() && program.membership.wants_connection() {
            // It gave the connection up by itself.
            let link = place.link;
            link.into_iter().for_each(|link| self.cut(link));
        }
        let place = &mut self.routers[index];
        let Some(program) = &mut place.program else { return };
        if place.link.is_none() && program.membership.wants_connection() && place.connects_at <= self.now {
            let switch = place.next_switch % self.switches.len();
            place.next_switch += 1;
            if let Some(there) = &mut self.switches[switch].switch {
                let latency = Duration::from_micros(self.rng.within(100..8_000));
                let capacity = self.rng.within(2_000..100_000) as usize;
                let pipe = || Pipe::new(latency, capacity);
                let (link, id) = (Link { router: index, switch, up: pipe(), down: pipe() }, self.links.len());
                trace(format_args!("router {index} connects by {id} to switch {switch}"));
                self.links.push(Some(link));
                there.connect(id, self.now);
                place.link = Some(id);
                place.next_switch = switch;
                program.membership.reconnect(self.now);
            } else {
                place.connects_at = self.now + Duration::from_millis(self.rng.within(10..200));
            }
        }
    }

    fn step_link(&mut self, index: usize) {
        let Some(link) = &mut self.links[index] else { return };
        let (router, switch) = (link.router, link.switch);
        let (place, there) = (&mut self.routers[router], &mut self.switches[switch]);
        let (Some(program), Some(switch)) = (&mut place.program, &mut there.switch) else { return };
        if there.stalls_until <= self.now {
            while let Some(bytes) = link.up.read(self.now) {
                switch.receive(index, &bytes, self.now);
            }
        }
        if place.stalls_until <= self.now {
            while let Some(bytes) = link.down.read(self.now) {
                // In two pieces, so that what belongs together may come apart.
                let (first, second) = bytes.split_at(self.rng.below(bytes.len() + 1));
                for piece in [first, second] {
                    program.membership.receive(piece, self.now);
                    program.learn(&mut self.books, self.now);
                }
            }
            let room = link.up.room();
            if room > 0 {
                let mut out = Vec::new();
                program.membership.transmit(&mut out, room, self.now);
                link.up.write(out, self.now);
                program.learn(&mut self.books, self.now);
            }
        }
        if there.stalls_until <= self.now {
            match switch.transmit(index, link.down.room(), self.now) {
                Some(out) => link.down.write(out, self.now),
                // The switch has ended it; the router learns of it when it has read what came before.
                None if link.down.next().is_none() => self.cut(index),
                None => {}
            }
        }
    }

    /// Nothing breaks any more; those who are there say no more than what they have begun with. Until all is quiet.
    fn settle(&mut self) {
        for index in 1..self.switches.len() {
            self.kill_switch(index, None);
        }
        let now = self.now;
        if self.switches[0].switch.is_none() {
            self.switches[0].starts_at = Some(now);
        }
        self.switches[0].stalls_until = now;
        for place in &mut self.routers {
            place.stalls_until = now;
            place.next_switch = 0;
            // Some do not come back.
            if self.rng.chance(3) {
                place.starts_at = None;
            }
        }
        for link in self.links.iter_mut().flatten() {
            link.up.block(now);
            link.down.block(now);
        }
        for round in 0..3_000 {
            for place in &mut self.routers {
                if let Some(program) = &mut place.program {
                    program.settle(&mut self.books, &mut self.rng, self.now);
                }
            }
            self.pass(Duration::from_millis(20));
            let settled = self.routers.iter().all(|place| {
                let settled = place.program.as_ref().is_none_or(Program::is_settled);
                settled && place.starts_at.is_none()
            });
            if settled && round > 100 {
                let lives = |life: Life| {
                    self.routers[life.0].program.as_ref().is_some_and(|program| program.life == life)
                };
                self.books.check_lasting(|one, other| {
                    self.routers[one].program.as_ref().is_some_and(|program| program.flows.knows(other))
                });
                return self.books.check(lives);
            }
        }
        for place in self.routers.iter().filter_map(|place| place.program.as_ref()) {
            eprintln!("{}", place.summary());
        }
        panic!("it stalls");
    }
}
