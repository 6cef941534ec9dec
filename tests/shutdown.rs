//! The end of a whole program: in which order its parts stop, what is left, and what a signal does to it.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use edri::prelude::*;
use edri::router::PartKind;
use edri::{Error, Report};
use parking_lot::Mutex;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Notification)]
struct Work;

/// What has happened, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

struct Member(Log);

impl Member {
    fn called(name: &'static str, log: &Log) -> Host<Self> {
        Host::new(Self(log.clone())).name(name)
    }
}

#[manager]
impl Member {
    #[started]
    fn begin(&mut self, cx: &Context) {
        self.0.0.lock().push(format!("+{}", cx.name()));
    }

    #[notification]
    async fn work(&mut self, _: &Work) {
        sleep(SECOND).await;
    }

    #[stopping]
    fn end(&mut self, cx: &Context) {
        self.0.0.lock().push(format!("-{}", cx.name()));
    }
}

#[tokio::test(start_paused = true)]
async fn sources_start_last_and_stop_first_and_managers_before_those_they_need() {
    let log = Log::default();
    let app = App::new()
        .manager(Member::called("gateway", &log).source().needs("orders"))
        .manager(Member::called("orders", &log).needs("store"))
        .manager(Member::called("clock", &log).source())
        .manager(Member::called("store", &log))
        .start()
        .await
        .unwrap();
    app.router().notify(Work).await.unwrap();
    assert!(app.shutdown(60 * SECOND).await.is_clean());
    let mut log = log.0.lock().clone();
    // The sources stop together.
    log[4..6].sort();
    assert_eq!(log, ["+store", "+orders", "+gateway", "+clock", "-clock", "-gateway", "-orders", "-store"]);
}

#[tokio::test(start_paused = true)]
async fn all_sources_take_no_more_in_from_the_beginning_and_others_do_until_it_is_their_turn() {
    let log = Log::default();
    let app = App::new()
        .manager(Member::called("inner", &log))
        .manager(Member::called("first", &log).source())
        .manager(Member::called("second", &log).source())
        .start()
        .await
        .unwrap();
    let router = app.router().clone();
    router.notify(Work).await.unwrap();
    let ending = tokio::spawn(app.shutdown(60 * SECOND));
    sleep(SECOND / 2).await;
    assert_eq!(router.notify(Work).await.unwrap().accepted, 1, "the one inside");
    assert!(ending.await.unwrap().is_clean());
}

#[tokio::test]
async fn managers_that_cannot_be_put_in_order_are_an_error_before_anything_starts() {
    let log = Log::default();
    let lost = App::new().manager(Member::called("a", &log).needs("b")).start().await;
    let Err(error @ Error::Order(_)) = lost else { panic!("it started") };
    assert_eq!(error.to_string(), "the manager a needs b, which is not there; expected one of: a");
    let round = App::new()
        .manager(Member::called("a", &log).needs("b"))
        .manager(Member::called("b", &log).needs("a"))
        .start()
        .await;
    assert_eq!(round.unwrap_err().to_string(), "managers need each other in a circle: a needs b needs a");
    assert_eq!(*log.0.lock(), [""; 0]);
}

struct Stuck;

#[manager]
impl Stuck {
    #[notification]
    async fn work(&mut self, _: &Work) {
        pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_stuck_leaves_time_for_those_after_it() {
    let log = Log::default();
    let app = App::new()
        .manager(Member::called("late", &log))
        .manager(Host::new(Stuck).source())
        .start()
        .await
        .unwrap();
    app.router().notify(Work).await.unwrap();
    let report = app.shutdown(16 * SECOND).await;
    let left: Vec<_> =
        report.left.iter().map(|left| (&*left.name, left.kind, left.events, left.on.as_deref())).collect();
    assert_eq!(left, [("Stuck", PartKind::Manager, 1, Some("shutdown::Work"))]);
    assert_eq!(report.took.as_secs(), 14, "an eighth is kept");
    assert_eq!(*log.0.lock(), ["+late", "-late"]);

    let data = serde_json::to_value(&report).unwrap();
    assert_eq!(data["left"][0]["name"], "Stuck");
    assert_eq!(data["left"][0]["kind"], "manager");
    assert_eq!(serde_json::from_value::<Report>(data).unwrap(), report);
}

#[cfg(unix)]
#[path = "support/program.rs"]
mod program;

#[cfg(unix)]
mod signals {
    use super::program::{Program, To, within_a_minute};

    /// The example, ready for signals.
    fn serve(arguments: &[&str]) -> Program {
        let mut serve = Program::start("serve", arguments);
        assert_eq!(serve.line(), "ready");
        serve
    }

    /// The program of this test, with whatever blocks it begun.
    fn at_work(what: &'static str) -> Program {
        let mut program = Program::start("shutdown", &[what]);
        assert_eq!(program.line(), "at work");
        program
    }

    /// What follows a signal at once is the same one.
    fn wait() {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }

    #[test]
    fn a_signal_ends_a_program_in_order_with_exit_code_0() {
        for name in ["TERM", "INT"] {
            let ended = within_a_minute(move || {
                let serve = serve(&[]);
                serve.signal(name, To::Process);
                serve.end()
            });
            let said = ["closed after 20 parcels".to_owned(), "delivered 20 parcels".to_owned()];
            assert_eq!(ended, (Some(0), said.to_vec(), String::new()), "SIG{name}");
        }
    }

    #[test]
    fn a_second_signal_ends_a_program_that_is_stuck_at_once_with_the_exit_code_for_it() {
        for (names, expected) in [(["TERM", "INT"], 130), (["INT", "INT"], 130), (["INT", "TERM"], 143)] {
            let (code, said, complaints) = within_a_minute(move || {
                let mut serve = serve(&["stuck"]);
                serve.signal(names[0], To::Process);
                // It has heard the first, and waits for what is stuck.
                assert_eq!(serve.line(), "closed after 20 parcels");
                wait();
                serve.signal(names[1], To::Process);
                serve.end()
            });
            assert_eq!((code, said), (Some(expected), Vec::new()), "{names:?}");
            let interrupted =
                format!("Error: interrupted by SIG{}, the second signal, while shutting down\n", names[1]);
            assert_eq!(complaints, interrupted);
        }
    }

    #[test]
    fn a_signal_that_is_told_twice_is_one() {
        for name in ["TERM", "INT"] {
            let (code, _, complaints) = within_a_minute(move || {
                let serve = serve(&[]);
                serve.signal(name, To::ProcessAndGroup);
                serve.end()
            });
            assert_eq!((code, complaints), (Some(0), String::new()), "SIG{name}");
        }
    }

    /// Behaviour 97.
    #[test]
    fn sigterm_to_the_process_or_to_its_group_is_an_orderly_end() {
        for to in [To::Process, To::Group] {
            let ended = within_a_minute(move || {
                let idle = at_work("idle");
                idle.signal("TERM", to);
                idle.end()
            });
            assert_eq!(ended, (Some(0), Vec::new(), String::new()), "{to:?}");
        }
    }

    /// Behaviour 53, for threads.
    #[test]
    fn a_thread_at_work_finishes_its_job_within_the_grace_and_the_exit_code_is_0() {
        let ended = within_a_minute(|| {
            let program = at_work("thread");
            program.signal("TERM", To::Process);
            program.end()
        });
        assert_eq!(ended, (Some(0), vec!["done".to_owned()], String::new()));
    }

    #[test]
    fn a_thread_that_is_blocked_for_ever_does_not_keep_the_program_from_ending() {
        let (code, said, complaints) = within_a_minute(|| {
            let program = at_work("blocked-thread");
            program.signal("TERM", To::Process);
            program.end()
        });
        assert_eq!((code, said), (Some(1), Vec::new()));
        let lines: Vec<_> = complaints.lines().collect();
        assert!(lines[0].starts_with("Error: shut down after 2.0"), "{complaints}");
        assert!(lines[2].starts_with("  Blocker  pool          0        1  "), "{complaints}");
    }

    #[test]
    fn a_second_signal_ends_a_program_whose_every_thread_is_blocked() {
        for (name, expected) in [("INT", 130), ("TERM", 143)] {
            let (code, _, _) = within_a_minute(move || {
                let program = at_work("deaf");
                program.signal("TERM", To::Process);
                wait();
                program.signal(name, To::Process);
                program.end()
            });
            assert_eq!(code, Some(expected), "SIG{name}");
        }
    }
}
