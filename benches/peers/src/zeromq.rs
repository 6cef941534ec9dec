//! ZeroMQ over TCP: PUSH and PULL, REQ and REP.
//!
//! Its sockets block, so that each has a thread of its own; a context has one more for its I/O. Nothing is acknowledged; a
//! sender waits where the high-water mark, 1,000 messages at each end by default, is reached.

use std::thread;

use edri_benches::{
    contender::Contender,
    drive::{self, AskerInTurn},
    event::{Event, Request, Work},
    measure::{Sample, Stopwatch},
    runtime::on_two_workers_with_io,
    scenario::Scenario,
    tally::tally,
};
use zmq::{Context, Socket, SocketType};

use crate::{SET_UP, decoded, encoded, event, number};

pub(crate) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Scenario::LinkDirect, "zeromq", |events| push(events, encoded, decoded)),
        Contender::new(Scenario::LinkDirect, "zeromq-bytes", |events| push(events, event, number)),
        Contender::new(Scenario::LinkAsk, "zeromq", ask),
    ]
}

/// Two sockets, of a context each, that are connected with each other.
fn pair(near: SocketType, far: SocketType) -> (Socket, Socket) {
    let socket = |of| {
        let socket = Context::new().socket(of).expect("there is a socket");
        socket.set_linger(0).expect("nothing is waited for at the end");
        socket.set_rcvtimeo(SET_UP.as_millis() as i32).expect("it waits for so long");
        socket
    };
    let (near, far) = (socket(near), socket(far));
    far.bind("tcp://127.0.0.1:*").expect("it listens");
    let address = far.get_last_endpoint().expect("it has an address").expect("it is text");
    near.connect(&address).expect("it connects");
    (near, far)
}

fn push<B: AsRef<[u8]>>(
    events: u64,
    bytes: impl Fn(u64) -> B + Send + 'static,
    number: impl Fn(&[u8]) -> u64 + Send + 'static,
) -> Sample {
    on_two_workers_with_io(async move {
        let (near, far) = pair(SocketType::PUSH, SocketType::PULL);
        // One that arrives shows that they are connected.
        near.send(bytes(0).as_ref(), 0).expect("it is sent");
        far.recv_bytes(0).expect("it arrives");
        let (mut tally, arrivals) = tally(events);
        let counting = thread::spawn(move || {
            for _ in 0..events {
                let message = far.recv_msg(0).expect("it arrives");
                tally.count(&Event::numbered(number(&message)));
            }
        });
        let stopwatch = Stopwatch::start();
        let sending = thread::spawn(move || {
            for number in 0..events {
                near.send(bytes(number).as_ref(), 0).expect("it is sent");
            }
            near
        });
        arrivals.all().await;
        let sample = stopwatch.stop(events);
        drop((sending.join().expect("it sends"), counting.join().expect("it counts")));
        sample
    })
}

/// Asked on the driver's own task, which blocks: nobody else is on its thread.
struct Asks(Socket);

impl AskerInTurn for Asks {
    async fn ask(&mut self, request: Request) -> u64 {
        self.0.send(&request.number.to_le_bytes()[..], 0).expect("it is sent");
        number(&self.0.recv_msg(0).expect("it is answered"))
    }
}

fn ask(requests: u64) -> Sample {
    on_two_workers_with_io(async move {
        let (near, far) = pair(SocketType::REQ, SocketType::REP);
        let answering = thread::spawn(move || {
            for _ in 0..requests {
                let asked = number(&far.recv_msg(0).expect("it is asked"));
                let answer = Work::None.answer(Request { number: asked });
                far.send(&answer.to_le_bytes()[..], 0).expect("it answers");
            }
            far
        });
        let sample = drive::ask(requests, Asks(near)).await;
        drop(answering.join().expect("it answers"));
        sample
    })
}
