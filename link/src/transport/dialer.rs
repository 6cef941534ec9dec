use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use edri_router::{Backoff, Delays};
use tokio::time::{Instant, Sleep, sleep};

use super::Dial;

/// Connects to one of several addresses, again and again: they are tried in turn, the first one first each time, and after
/// all of them it pauses, longer and longer. When a connection is lost it pauses, too, so that those who lost theirs together
/// do not come back together.
pub struct Dialer<D: Dial> {
    dial: Arc<D>,
    addresses: Arc<[String]>,
    delays: Delays,
    settled: Duration,
    /// Which address is next.
    next: usize,
    /// How many pauses there have been since a connection stayed up.
    pauses: u32,
    stage: Stage<D::Stream>,
    /// Why the last attempt came to nothing.
    trouble: Option<String>,
}

enum Stage<S> {
    /// The address that is next is to be tried at once.
    Ready,
    Pausing(Pin<Box<Sleep>>),
    Dialing(Pin<Box<dyn Future<Output = io::Result<S>> + Send>>),
    /// It gave a connection then.
    Connected(Instant),
}

impl<D: Dial> Dialer<D> {
    /// The pauses are 50 ms at first, twice as long each time, up to 5 s, with jitter.
    pub fn new(dial: D, addresses: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let backoff = Backoff::doubling(Duration::from_millis(50), Duration::from_secs(5));
        Self {
            dial: Arc::new(dial),
            addresses: addresses.into_iter().map(Into::into).collect(),
            delays: backoff.delays(),
            settled: Duration::from_secs(10),
            next: 0,
            pauses: 0,
            stage: Stage::Ready,
            trouble: None,
        }
    }

    /// The same with other pauses.
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        Self { delays: backoff.delays(), ..self }
    }

    /// The same where a connection that has stayed up for so long makes pauses short again. 10 s by default.
    #[must_use]
    pub fn settled(self, settled: Duration) -> Self {
        Self { settled, ..self }
    }

    /// The next connection. The one before is taken to have ended when this is asked for.
    ///
    /// Cancel safe. It never ends while there is no address that answers.
    pub async fn connect(&mut self) -> D::Stream {
        std::future::poll_fn(|cx| self.poll_connect(cx)).await
    }

    /// The same by polling.
    pub fn poll_connect(&mut self, cx: &mut Context<'_>) -> Poll<D::Stream> {
        loop {
            match &mut self.stage {
                Stage::Ready => {
                    let Some(address) = self.addresses.get(self.next).cloned() else {
                        self.pause();
                        continue;
                    };
                    let dial = Arc::clone(&self.dial);
                    self.stage = Stage::Dialing(Box::pin(async move { dial.dial(&address).await }));
                }
                Stage::Dialing(dialing) => match std::task::ready!(dialing.as_mut().poll(cx)) {
                    Ok(stream) => {
                        self.stage = Stage::Connected(Instant::now());
                        return Poll::Ready(stream);
                    }
                    Err(error) => {
                        let address = self.addresses.get(self.next).map_or("", String::as_str);
                        tracing::debug!(address, %error, "no connection");
                        self.trouble = Some(format!("no connection to {address}: {error}"));
                        self.next += 1;
                        self.stage = Stage::Ready;
                    }
                },
                Stage::Connected(since) => {
                    if since.elapsed() >= self.settled {
                        self.pauses = 0;
                    }
                    self.pause();
                }
                Stage::Pausing(sleep) => {
                    std::task::ready!(sleep.as_mut().poll(cx));
                    self.stage = Stage::Ready;
                }
            }
        }
    }

    /// Why the last attempt came to nothing, if one has since this was asked last.
    pub(crate) fn take_trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    fn pause(&mut self) {
        self.pauses = self.pauses.saturating_add(1);
        self.next = 0;
        self.stage = Stage::Pausing(Box::pin(sleep(self.delays.before(self.pauses))));
    }
}

impl<D: Dial> fmt::Debug for Dialer<D> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { addresses, pauses, .. } = self;
        formatter
            .debug_struct("Dialer")
            .field("addresses", addresses)
            .field("pauses", pauses)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use edri_router::Jitter;

    use super::*;
    use crate::transport::memory::{Conditions, MemoryStream, pair};

    /// Which address was tried when, and which answer.
    #[derive(Default)]
    struct Script {
        tried: Mutex<Vec<(Duration, String)>>,
        answers: Mutex<Vec<&'static str>>,
        began: Mutex<Option<Instant>>,
    }

    impl Dial for Arc<Script> {
        type Stream = MemoryStream;

        async fn dial(&self, address: &str) -> io::Result<MemoryStream> {
            let began = *self.began.lock().unwrap().get_or_insert_with(Instant::now);
            self.tried.lock().unwrap().push((began.elapsed(), address.to_owned()));
            if self.answers.lock().unwrap().contains(&address) {
                Ok(pair(Conditions::default()).0)
            } else {
                Err(io::ErrorKind::ConnectionRefused.into())
            }
        }
    }

    fn dialer(script: &Arc<Script>) -> Dialer<Arc<Script>> {
        let backoff =
            Backoff::doubling(Duration::from_millis(50), Duration::from_secs(5)).jitter(Jitter::Off);
        Dialer::new(Arc::clone(script), ["a", "b"]).backoff(backoff)
    }

    fn millis(script: &Script) -> Vec<(u128, String)> {
        let tried = std::mem::take(&mut *script.tried.lock().unwrap());
        tried.into_iter().map(|(at, address)| (at.as_millis(), address)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_are_tried_in_turn_and_pauses_grow_to_their_bound() {
        let script = Arc::<Script>::default();
        let mut dialer = dialer(&script);
        let _ = tokio::time::timeout(Duration::from_secs(30), dialer.connect()).await;
        let tried = millis(&script);
        let (firsts, seconds): (Vec<_>, Vec<_>) = tried.iter().partition(|(_, address)| address == "a");
        let at = [0, 50, 150, 350, 750, 1_550, 3_150, 6_350, 11_350, 16_350, 21_350, 26_350];
        for tried in [firsts, seconds] {
            let near = |(tried, expected): (&&(u128, String), u128)| tried.0.abs_diff(expected) <= 12;
            assert!(tried.len() == at.len() && tried.iter().zip(at).all(near), "{tried:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_address_is_tried_first_each_time_and_a_connection_that_stayed_up_makes_pauses_short_again()
     {
        let script = Arc::<Script>::default();
        script.answers.lock().unwrap().push("b");
        let mut dialer = dialer(&script);
        let mut pauses = Vec::new();
        for stays in [0, 0, 0, 11, 0] {
            let asked = Instant::now();
            drop(dialer.connect().await);
            pauses.push(asked.elapsed().as_millis());
            let tried: Vec<_> = millis(&script).into_iter().map(|(_, address)| address).collect();
            assert_eq!(tried, ["a", "b"]);
            tokio::time::sleep(Duration::from_secs(stays)).await;
        }
        let expected = [0, 50, 100, 200, 50];
        assert!(
            pauses.iter().zip(expected).all(|(pause, expected)| pause.abs_diff(expected) <= 2),
            "{pauses:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_address_it_waits_and_does_not_spin() {
        let script = Arc::<Script>::default();
        let mut dialer = Dialer::new(Arc::clone(&script), Vec::<String>::new());
        assert!(tokio::time::timeout(Duration::from_secs(60), dialer.connect()).await.is_err());
        assert!(dialer.pauses < 40);
    }
}
