//! A handle whose store is on another router: everything goes by events, through bytes.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use edri_event::{Event, Failure, Request, Tunnel, Wire};
use edri_kvstore::{
    Clear, CompareAndSwap, Delete, Expiry, Get, GetMany, Increment, OnlyIf, Range, Refusal, Scan, Set,
    StoreError, StoreHandle, Swapped, Touch, Watch, Watched,
};
use edri_manager::{Host, Managed, manager};
use edri_router::{Accepted, Context, Registration, RequestError, Router};

use support::{in_memory, ms, next, nothing_more};

fn through<T>(wire: Option<Wire<T>>, value: &T) -> T {
    let wire = wire.expect("it may leave the process");
    let mut bytes = Vec::new();
    wire.encode(value, &mut bytes).unwrap();
    wire.decode(&bytes).unwrap()
}

/// Requests of that type are asked of the other router, as a link would have it.
fn forward<R: Request + Event>(here: &Router, there: &Router) -> Registration {
    let there = there.clone();
    here.respond(move |event: R| {
        let there = there.clone();
        async move {
            match there.request(through(R::wire(), &event)).await {
                Ok(response) => Ok(through(R::response_wire(), &response)),
                Err(RequestError::Failed(failure)) => Err(failure),
                Err(other) => Err(Failure::from(other)),
            }
        }
    })
}

/// Tunnels, too.
struct Bridge(Router);

#[manager(concurrency = Unordered(8))]
impl Bridge {
    #[tunnel]
    async fn watch(&self, open: Watch, mut tunnel: Accepted<Watch>, _cx: &Context) -> Result<(), Failure> {
        let mut other = self.0.open(through(Watch::wire(), &open)).await?;
        loop {
            tokio::select! {
                watched = other.recv() => match watched {
                    Some(Ok(watched)) => tunnel.send(through(Watch::receive_wire(), &watched)).await?,
                    Some(Err(edri_router::TunnelError::Aborted(failure))) => return Err(failure),
                    Some(Err(error)) => return Err(error.into()),
                    None => return Ok(()),
                },
                _ = tunnel.recv() => return Ok(()),
            }
        }
    }
}

struct Elsewhere {
    running: support::Running,
    store: StoreHandle,
    _forwards: Vec<Registration>,
    _bridge: Managed,
}

async fn elsewhere() -> Elsewhere {
    let running = in_memory().await;
    let here = Router::new();
    let there = &running.router;
    let forwards = vec![
        forward::<Get>(&here, there),
        forward::<GetMany>(&here, there),
        forward::<Scan>(&here, there),
        forward::<Set>(&here, there),
        forward::<Delete>(&here, there),
        forward::<CompareAndSwap>(&here, there),
        forward::<Increment>(&here, there),
        forward::<Touch>(&here, there),
        forward::<Clear>(&here, there),
    ];
    let bridge = Host::new(Bridge(there.clone())).start(&here).await.unwrap();
    Elsewhere { running, store: StoreHandle::on(&here), _forwards: forwards, _bridge: bridge }
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> Refusal {
    answer.unwrap_err().refusal().unwrap()
}

#[tokio::test]
async fn a_handle_does_elsewhere_what_it_does_here() {
    let elsewhere = elsewhere().await;
    let store = elsewhere.store.namespace("shop");
    let first = store.set("a", &"one".to_owned()).await.unwrap();
    assert_eq!(store.get::<String>("a").await.unwrap().as_deref(), Some("one"));
    assert_eq!(
        elsewhere.running.store.namespace("shop").get::<String>("a").await.unwrap().as_deref(),
        Some("one")
    );
    assert_eq!(refusal(store.get::<u8>("a").await), Refusal::TypeMismatch);
    assert!(store.get::<u8>("a").await.unwrap_err().to_string().contains("String"));
    assert!(!store.set("a", &"two".to_owned()).if_absent().await.unwrap().is_applied());
    assert!(store.set("a", &"two".to_owned()).if_version(first).await.unwrap().is_applied());
    store.set_bytes("raw", *b"bytes").ttl(ms(60_000)).await.unwrap();
    assert_eq!(store.get_bytes("raw").await.unwrap().as_deref(), Some(&b"bytes"[..]));
    assert!(store.get_entry("raw").await.unwrap().unwrap().expires_in.unwrap() > ms(50_000));
    assert!(store.touch("raw", Expiry::Never).await.unwrap());
    assert_eq!(store.get_entry("raw").await.unwrap().unwrap().expires_in, None);
    assert_eq!(store.increment("n", 4).await.unwrap(), 4);
    assert_eq!(refusal(store.increment("raw", 4).await), Refusal::NotANumber);
    assert_eq!(store.get_many::<i64>(["n", "none"]).await.unwrap(), [Some(4), None]);
    assert!(matches!(store.compare_and_swap("n", Some(&4i64), Some(&9)).await.unwrap(), Swapped::Applied(_)));
    assert_eq!(store.cell::<i64>("n").update(|n| n.unwrap() + 1).await.unwrap(), 10);
    let found = store.scan::<i64>(Range::prefix("n")).page_size(1).all().await.unwrap();
    assert_eq!(found, [("n".to_owned(), 10)]);
    assert_eq!(refusal(store.get::<u8>("").await), Refusal::Invalid);
    assert_eq!(store.delete_if("n", OnlyIf::Absent).await.unwrap().applied(), None);
    assert!(store.delete("n").await.unwrap().is_some());
    assert_eq!(store.clear("").await.unwrap(), 2);
    let computed = || async { Ok::<_, Failure>(3u8) };
    assert_eq!(store.cached("c", ms(60_000), computed).await.unwrap(), 3);
    assert_eq!(store.cached("c", ms(60_000), || async { Ok::<_, Failure>(4u8) }).await.unwrap(), 3);
}

#[tokio::test]
async fn a_watcher_elsewhere_is_there_when_it_says_so() {
    let elsewhere = elsewhere().await;
    let (here, there) = (&elsewhere.store, &elsewhere.running.store);
    let mut changes = here.watch::<i32>("k").await.unwrap();
    there.set("k", &1).await.unwrap();
    let mut current = here.watch_prefix::<i32>("k").with_current().await.unwrap();
    assert_eq!(next(&mut changes).await.value(), Some(&1));
    assert!(matches!(next(&mut current).await, Watched::Current { value: 1, .. }));
    assert_eq!(next(&mut current).await, Watched::Live);
    here.delete("k").await.unwrap();
    assert!(matches!(next(&mut changes).await, Watched::Deleted { .. }));
    assert!(matches!(next(&mut current).await, Watched::Deleted { .. }));
    nothing_more(&mut changes).await;
    assert_eq!(refusal(here.watch::<i32>("").await), Refusal::Invalid);
    drop((changes, current));
    while elsewhere.running.managed.health(ms(5000)).await.values["watchers"]
        != edri_router::Value::Integer(0)
    {
        tokio::task::yield_now().await;
    }
}

#[test]
fn events_are_known_elsewhere_by_their_names() {
    assert_eq!(
        (Get::name(), Set::name(), Watch::name()),
        ("edri::store::Get", "edri::store::Set", "edri::store::Watch")
    );
    assert!(<Watch as Tunnel>::send_wire().is_some());
}
