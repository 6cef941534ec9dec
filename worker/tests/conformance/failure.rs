//! Failures are answers.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use edri_event::Failure;
use edri_router::{RequestError, Router};

use crate::support::{Answered, Crew, Hold, Job, Kind, Setup, made};

both_kinds!(
    a_job_that_fails_is_answered_and_its_worker_goes_on,
    a_failed_setup_answers_the_job_which_is_not_run_and_the_next_job_tries_anew,
    a_setup_that_panics_is_answered,
    a_factory_that_panics_is_answered,
    a_requester_that_goes_away_during_setup_has_its_job_dropped,
);

async fn a_job_that_fails_is_answered_and_its_worker_goes_on(kind: Kind) {
    let (router, crew) = (Router::new(), Crew::new());
    let _pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    let failed = router.request(Job::fail("bent", "expected a straight nail")).await;
    assert_eq!(failed, Err(RequestError::Failed(Failure::new("bent", "expected a straight nail"))));
    assert_eq!(router.request(Job::who()).await, Ok(1));
}

async fn a_failed_setup_answers_the_job_which_is_not_run_and_the_next_job_tries_anew(kind: Kind) {
    let (router, crew) = (Router::new(), Crew::with_setups([Setup::Fails, Setup::Fails]));
    let pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    // The first failure is nobody's: it comes before there is a job. A job that is run is answered with `Ok`.
    let failed = router.request(Job::answer(1)).await;
    assert_eq!(failed, no_tools());
    assert_eq!(pool.busy(), 0);
    assert_eq!(router.request(Job::who()).await, Ok(3));
    assert_eq!(router.request(Job::who()).await, Ok(3));
    assert_eq!((crew.made(), crew.set_up()), (3, 3));
}

async fn a_setup_that_panics_is_answered(kind: Kind) {
    let (router, crew) = (Router::new(), Crew::with_setups([Setup::Fine, Setup::Panics, Setup::Panics]));
    let _pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    assert_eq!(router.request(Job::panic("ouch")).await, panicked("ouch"));
    assert_eq!(router.request(Job::answer(1)).await, panicked("hit my thumb"));
    assert_eq!(router.request(Job::answer(2)).await, Ok(2));
}

async fn a_factory_that_panics_is_answered(kind: Kind) {
    let (router, crew, calls) = (Router::new(), Crew::new(), AtomicUsize::new(0));
    let hands = crew.hands();
    let make = move || {
        assert!(calls.fetch_add(1, SeqCst) >= 3, "nobody to hire");
        hands()
    };
    let _pool = kind.pool(1, make).start(&router).unwrap();
    for number in 0..2 {
        assert_eq!(router.request(Job::answer(number)).await, panicked("nobody to hire"));
    }
    assert_eq!(router.request(Job::answer(2)).await, Ok(2));
}

async fn a_requester_that_goes_away_during_setup_has_its_job_dropped(kind: Kind) {
    let (router, mut setting_up, mut hold) = (Router::new(), Hold::new(), Hold::new());
    let crew = Crew::with_setups([Setup::Fails, Setup::Held(setting_up.end())]);
    let _pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    let asked = made(router.request(Job::held(1, &hold)));
    setting_up.begun().await;
    drop(asked);
    setting_up.let_go(1);
    assert_eq!(router.request(Job::who()).await, Ok(2));
    assert!(hold.begun_so_far().is_empty());
}

fn no_tools() -> Answered {
    let message = "the worker could not be set up: expected a hammer";
    Err(RequestError::Failed(Failure::new("no-tools", message)))
}

fn panicked(message: &str) -> Answered {
    Err(RequestError::Panicked { message: message.to_owned() })
}
