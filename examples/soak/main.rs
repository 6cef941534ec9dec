//! Load and faults for as long as one likes, and books that have to balance at the end.
//!
//! ```text
//! cargo run --release --example soak -- [--seconds N] [--fault-every MS] [--mix …] [--senders N] [--seed S] [--json]
//!
//!    senders ──▶ lines ──▶ clerk: managers in every mode, pools of tasks and threads
//!    faults  ──▶   │  ───▶ guests: subscribers that come and go
//!                  │  ───▶ chronicle: a retained type and its late readers;  frail: a manager that gives up
//!                  ▼
//!               letters                       send, clerk, letters ──▶ books (of bags) ──▶ verdict ──▶ report
//! ```
//!
//! Every send is entered in the books with what its sender was told; every handler, and every dead letter, is entered with
//! the event. Where the two sides differ, the program lists it and ends with exit code 1.

#![allow(unreachable_pub, reason = "nothing in a program is public")]
#![allow(clippy::print_stdout, reason = "the report is what it is for")]

mod arguments;
mod bag;
mod books;
mod chronicle;
mod clerk;
mod dice;
mod event;
mod faults;
mod frail;
mod guests;
mod letters;
mod lines;
mod memory;
mod report;
mod send;
mod senders;
mod verdict;
mod watch;

use std::error::Error;
use std::panic;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Parser as _;
use edri::manager::Concurrency;
use edri::prelude::*;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::arguments::Arguments;
use crate::books::Books;
use crate::clerk::{Porter, clerk, scribe};
use crate::dice::{Dice, mix};
use crate::event::PANIC;
use crate::faults::Injected;
use crate::lines::{
    DROP_NEWEST, DROP_OLDEST, FAN_OUT, FEW_THREADS, INLINE, INLINE_AT_ONCE, MAILBOX, PER_KEY, REJECT, TASKS,
    THREADS, UNORDERED,
};
use crate::report::{MemoryReport, Report};

/// How long senders and guests may take to end when there is no more load, and the program to shut down after that.
const UNTIL_ENDED: Duration = Duration::from_secs(30);

#[edri::main]
async fn main() -> ExitCode {
    hide_expected_panics();
    let arguments = Arguments::parse();
    let json = arguments.json;
    match run(arguments).await {
        Ok(report) => {
            match serde_json::to_string_pretty(&report) {
                Ok(text) if json => println!("{text}"),
                _ => print!("{report}"),
            }
            if report.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<Report, Box<dyn Error>> {
    let seed = arguments.seed.unwrap_or_else(|| mix(u64::from(std::process::id()) ^ wall_clock()));
    let books = Books::new(arguments.senders);
    let router = Router::new();
    letters::read_all(&router, &books);
    let pages = chronicle::begin(&router);
    let app = program(&router, &books).start().await?;
    let frail = frail::start(&router, &books).await?;

    let begun = Instant::now();
    let until = begun + Duration::from_secs(arguments.seconds);
    let injected = Arc::new(Injected::default());
    let replays = Arc::default();
    let mut load = JoinSet::new();
    for sender in 0..arguments.senders {
        let dice = Dice::new(seed, u64::from(sender));
        load.spawn(senders::send(
            sender,
            arguments.mix.clone(),
            dice,
            router.clone(),
            Arc::clone(&books),
            until,
        ));
    }
    let mut dice = Dice::new(seed, u64::MAX);
    let mut another = || Dice::new(dice.roll(), 0);
    let stay = arguments.faults().unwrap_or(Duration::from_secs(1)).max(Duration::from_millis(1));
    if let Some(every) = arguments.faults() {
        load.spawn(faults::inject(
            every,
            another(),
            router.clone(),
            Arc::clone(&books),
            Arc::clone(&injected),
            until,
        ));
    }
    for _ in 0..3 {
        load.spawn(guests::guest(another(), router.clone(), Arc::clone(&books), stay, until));
        load.spawn(guests::member(another(), router.clone(), Arc::clone(&books), stay, until));
    }
    load.spawn(chronicle::late_reader(another(), router.clone(), Arc::clone(&replays), stay, until));
    load.spawn(chronicle::write(router.clone(), Arc::clone(&books), until));
    let (written, all_written) = oneshot::channel();
    let witness =
        tokio::spawn(chronicle::witness(pages, Arc::clone(&books), Arc::clone(&replays), all_written));
    let (end_frail, frail_ended) = oneshot::channel();
    let given_up = Arc::new(AtomicU64::new(0));
    let frail = tokio::spawn(frail::keep(
        frail,
        router.clone(),
        Arc::clone(&books),
        Arc::clone(&given_up),
        frail_ended,
    ));

    let memory = watch::watch(router.clone(), Arc::clone(&books), begun, until).await;
    let took = begun.elapsed();
    let done = books.done();

    let mut wrong = Vec::new();
    let ended = timeout(UNTIL_ENDED, async { while load.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        wrong.push(format!("{} senders and guests have not ended: somebody waits for ever", load.len()));
        wrong.push(app.router().wait_graph().to_string());
    }
    drop((written, end_frail));
    witness.await?;
    let left = frail.await??;
    let end = app.shutdown(UNTIL_ENDED).await;
    if left > 0 || !end.is_clean() {
        wrong.push(format!("{end}, and {left} events with the frail one"));
    }
    wrong.extend(verdict::check(&books, router.dead_letter_counts()));
    if let Some((early, late)) = memory.growth() {
        wrong.push(format!("memory has grown from {early} to {late} bytes"));
    }
    let breaks = replays.breaks.load(Ordering::Relaxed);
    if breaks > 0 {
        wrong.push(format!("retained: {breaks} pages did not follow the one before"));
    }
    Ok(Report {
        seed,
        seconds: took.as_secs_f64(),
        done,
        per_second: Report::rate(done, took),
        lines: report::lines(&books),
        faults: injected.counts(),
        restarts: books.news.restarts.load(Ordering::Relaxed),
        given_up: given_up.load(Ordering::Relaxed),
        late_readers: replays.readers.load(Ordering::Relaxed),
        pages_replayed: replays.pages.load(Ordering::Relaxed),
        memory: MemoryReport::of(&memory),
        wrong,
    })
}

/// A manager in every mode and under every policy, and pools of tasks and of threads.
fn program(router: &Router, books: &Arc<Books>) -> App {
    App::on(router.clone())
        .health_every(Duration::from_millis(500))
        .workers(Pool::tasks(4, Porter::<TASKS>::maker(books)).name("task pool"))
        .workers(Pool::threads(2, Porter::<THREADS>::maker(books)).name("thread pool"))
        .workers(
            Pool::threads(1, Porter::<FEW_THREADS>::maker(books))
                .name("small pool")
                .capacity(1)
                .overflow(Overflow::Reject),
        )
        .manager(clerk::<MAILBOX>(books, "mailbox"))
        .manager(clerk::<INLINE>(books, "inline").inline())
        .manager(clerk::<PER_KEY>(books, "per key").concurrency(Concurrency::PerKey(8)))
        .manager(clerk::<UNORDERED>(books, "unordered").concurrency(Concurrency::Unordered(8)))
        .manager(scribe::<INLINE_AT_ONCE>(books, "inline at once").inline())
        .manager(scribe::<REJECT>(books, "reject").capacity(64).overflow(Overflow::Reject))
        .manager(scribe::<DROP_OLDEST>(books, "drop oldest").capacity(64).overflow(Overflow::DropOldest))
        .manager(clerk::<DROP_NEWEST>(books, "drop newest").capacity(64).overflow(Overflow::DropNewest))
        .manager(clerk::<FAN_OUT>(books, "fan-out").capacity(128))
}

/// Those that were injected are reported in the books; all others are shown.
fn hide_expected_panics() {
    let shown = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let payload = panic.payload();
        let message = payload.downcast_ref::<String>().map(String::as_str);
        if !message.is_some_and(|message| message.starts_with(PANIC)) {
            shown(panic);
        }
    }));
}

fn wall_clock() -> u64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_nanos() as u64)
}
