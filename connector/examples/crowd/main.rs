//! A crowd of idle routers at one switch: what each costs, how long one takes to join, how soon all know of a change.
//!
//! ```text
//! cargo run --release -p edri-connector --example crowd -- 2000
//! cargo run --release -p edri-connector --example crowd -- 100 1000       # each consumes 1,000 types of event of its own
//! cargo run --release -p edri-connector --example crowd -- 10000 0 500    # 500 join at a time
//! cargo run --release -p edri-connector --example crowd -- linear         # 100 routers with 250, 500 and 1,000 types each
//! cargo run --release -p edri-connector --features certificates --example crowd -- 2000 0 100 tls
//! ```
//!
//! The switch is a process of its own (this program again), so that its memory can be told apart. It may take as many open files
//! as there are routers, and so may this one: the soft limit is raised to the hard one.
//!
//! With `check` behind it all the program fails if an idle router takes more than 64 KiB of the switch, if one more takes longer
//! than 10 ms to join and know all others, or if a change of interest takes longer than 100 ms to reach all: the medians of
//! several. `linear` fails by itself if what an interest costs grows with their number.

mod process;
mod router;
#[cfg(feature = "certificates")]
mod secure;
#[cfg(not(feature = "certificates"))]
#[path = "plain.rs"]
mod secure;

use std::error::Error;
use std::io::Write as _;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use process::{memory_of, open_many, processor_time_of, run_switch, start_switch};
use router::{Heard, Writes, announce, join};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How often one more joins, and something changes.
const TRIES: usize = 9;

/// How long everything that was told takes to be forgotten where it is not needed any more.
const REST: Duration = Duration::from_secs(8);

/// All who are there, and the switch.
struct Crowd {
    switch: Switch,
    heard: Arc<Heard>,
    routers: Vec<Writes>,
    /// How long each took to join.
    joins: Vec<Duration>,
    tls: Option<secure::Prepared>,
}

/// The switch's process; it ends with this.
struct Switch {
    child: Child,
    address: std::net::SocketAddr,
    /// Its memory before anybody came, in KiB.
    empty: u64,
}

/// What was measured.
struct Figures {
    /// Of the switch, for each router, in KiB.
    memory: f64,
    /// The median.
    join: Duration,
    /// The shortest: what others on the machine do least to.
    shortest_join: Duration,
    change: Duration,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == "switch") {
        return run_switch(arguments.get(1)).await;
    }
    let mut takes = |word: &str| {
        let before = arguments.len();
        arguments.retain(|argument| argument != word);
        arguments.len() < before
    };
    let (tls, checks, linear) = (takes("tls"), takes("check"), takes("linear"));
    let tls = tls.then(secure::prepare).transpose()?;
    if linear {
        return compare(tls).await;
    }
    let number =
        |at: usize, default: usize| arguments.get(at).map_or(Ok(default), |argument| argument.parse());
    let (routers, types, together) = (number(0, 2_000)?, number(1, 0)?, number(2, 1)?.max(1));
    open_many(routers + TRIES)?;
    let mut crowd = Crowd::gather(routers, types, together, tls).await?;
    let figures = crowd.measure().await?;
    crowd.rest().await?;
    if checks { figures.check() } else { Ok(()) }
}

/// 100 routers, and what the interests of each cost when there are more and more of them.
async fn compare(tls: Option<secure::Prepared>) -> Outcome<()> {
    const ROUTERS: usize = 100;
    /// So much more than the least may each cost.
    const SPREAD: f64 = 1.5;

    open_many(ROUTERS + TRIES)?;
    let mut costs = Vec::new();
    for types in [250, 500, 1_000] {
        let mut crowd = Crowd::gather(ROUTERS, types, 1, tls.clone()).await?;
        let figures = crowd.measure().await?;
        let memory = figures.memory * 1024.0 / types as f64;
        let join = figures.shortest_join.as_secs_f64() * 1e9 / (ROUTERS * types) as f64;
        costs.push((memory, join));
        say(&format!(
            "{types} types each: an interest takes {memory:.0} bytes; to hear of it, {join:.0} ns"
        ))?;
    }
    for (what, costs) in [
        ("memory", costs.iter().map(|cost| cost.0).collect::<Vec<_>>()),
        ("join", costs.iter().map(|cost| cost.1).collect()),
    ] {
        let (first, last) = (costs[0], costs[costs.len() - 1]);
        if last > SPREAD * first {
            return Err(format!("{what} grows faster than the number of interests: {costs:.0?}").into());
        }
    }
    say("both are linear")
}

impl Crowd {
    async fn gather(
        routers: usize,
        types: usize,
        together: usize,
        tls: Option<secure::Prepared>,
    ) -> Outcome<Self> {
        let (child, address) = start_switch(tls.as_ref().map(secure::Prepared::folder))?;
        let empty = memory_of(&child)?;
        let switch = Switch { child, address, empty };
        let mut crowd = Self { switch, heard: Arc::default(), routers: Vec::new(), joins: Vec::new(), tls };
        let began = Instant::now();
        for first in (0..routers).step_by(together) {
            let several = (first..routers.min(first + together)).map(|index| {
                let (heard, tls) = (Arc::clone(&crowd.heard), crowd.tls.clone());
                tokio::spawn(async move {
                    let joining = Instant::now();
                    let router = join(address, index, &heard, tls).await?;
                    let took = joining.elapsed();
                    announce(&router, index, 0..types).await?;
                    Outcome::Ok((took, router))
                })
            });
            for joined in several.collect::<Vec<_>>() {
                let (took, router) = joined.await??;
                crowd.joins.push(took);
                crowd.routers.push(router);
            }
        }
        let all = began.elapsed();
        crowd.joins.sort();
        let at = |share: f64| crowd.joins[((crowd.joins.len() - 1) as f64 * share) as usize];
        say(&format!(
            "{routers} routers joined in {all:.2?}; each in {:.2?} (median), {:.2?} (p99), {:.2?} (longest)",
            at(0.5),
            at(0.99),
            at(1.0)
        ))?;
        let spent = processor_time_of(&crowd.switch.child)?;
        let each = spent * 1e3 / routers as f64;
        say(&format!("processor time of the switch: {each:.2} ms for each of them"))?;
        Ok(crowd)
    }

    async fn measure(&mut self) -> Outcome<Figures> {
        let routers = self.routers.len();
        tokio::time::sleep(REST).await;
        let (empty, full) = (self.switch.empty, memory_of(&self.switch.child)?);
        let memory = (full.saturating_sub(empty)) as f64 / routers as f64;
        say(&format!(
            "memory of the switch: {empty} KiB empty, {full} KiB now, {memory:.1} KiB for each router"
        ))?;

        let mut joins = Vec::new();
        for index in routers..routers + TRIES {
            let joining = Instant::now();
            self.routers.push(join(self.switch.address, index, &self.heard, self.tls.clone()).await?);
            joins.push(joining.elapsed());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let join = median(&mut joins);
        say(&format!("one more joined, and knew of all others, in {join:.2?} (median of {joins:.2?})"))?;

        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut changes = Vec::new();
        for number in 0..TRIES {
            changes.push(self.change(number).await?);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let change = median(&mut changes);
        say(&format!("a change of interest reached all in {change:.2?} (median of {changes:.2?})"))?;
        Ok(Figures { memory, join, shortest_join: joins[0], change })
    }

    /// The last who came consumes something new: until all others have heard of it.
    async fn change(&self, number: usize) -> Outcome<Duration> {
        let (last, others) = (&self.routers[self.routers.len() - 1], self.routers.len() - 1);
        self.heard.announcements.store(0, Ordering::SeqCst);
        let changing = Instant::now();
        announce(last, usize::MAX, number..number + 1).await?;
        while self.heard.announcements.load(Ordering::SeqCst) < others {
            if changing.elapsed() > Duration::from_secs(60) {
                let heard = self.heard.announcements.load(Ordering::SeqCst);
                let closed = self.heard.closed.load(Ordering::SeqCst);
                return Err(
                    format!("within a minute {heard} heard of the change; {closed} were closed").into()
                );
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(changing.elapsed())
    }

    async fn rest(&self) -> Outcome<()> {
        let before = processor_time_of(&self.switch.child)?;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let idle = processor_time_of(&self.switch.child)? - before;
        say(&format!("processor time of the switch while all are idle: {:.1} ms a second", idle * 1e3 / 5.0))
    }
}

impl Figures {
    fn check(&self) -> Outcome<()> {
        let Self { memory, join, change, .. } = self;
        let wrong = [
            (*memory > 64.0).then(|| format!("{memory:.1} KiB for each router: expected at most 64")),
            (*join > Duration::from_millis(10))
                .then(|| format!("{join:.2?} to join: expected at most 10 ms")),
            (*change > Duration::from_millis(100))
                .then(|| format!("{change:.2?} until all knew of a change: expected at most 100 ms")),
        ];
        let wrong: Vec<_> = wrong.into_iter().flatten().collect();
        if wrong.is_empty() { say("all is within its bounds") } else { Err(wrong.join("; ").into()) }
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = (self.child.kill(), self.child.wait());
    }
}

fn median(all: &mut [Duration]) -> Duration {
    all.sort_unstable();
    all[all.len() / 2]
}

fn say(line: &str) -> Outcome<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
