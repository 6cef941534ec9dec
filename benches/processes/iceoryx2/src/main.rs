//! Jobs of 128 bytes to another process and back, by iceoryx2: request and response through shared memory, and events by
//! which a side that has nothing to do sleeps until the other has said something.
//!
//! ```text
//! edri-bench-iceoryx2 WINDOW COUNT     prints how many nanoseconds they took
//! ```

use std::collections::VecDeque;
use std::error::Error;
use std::process::Command;
use std::time::Instant;

use iceoryx2::prelude::*;

type Outcome<T> = Result<T, Box<dyn Error>>;
type Job = [u8; 128];

/// So many may be without an answer.
const MOST: usize = 256;

fn main() -> Outcome<()> {
    set_log_level(LogLevel::Fatal);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["child", name] => child(name),
        [window, count] => parent(window.parse::<usize>()?.clamp(1, MOST), count.parse()?),
        _ => Err("expected how many at a time, and how many".into()),
    }
}

struct Ends {
    node: Node<ipc::Service>,
    name: String,
}

impl Ends {
    fn new(name: &str) -> Outcome<Self> {
        Ok(Self { node: NodeBuilder::new().create::<ipc::Service>()?, name: name.to_owned() })
    }

    fn jobs(
        &self,
    ) -> Outcome<iceoryx2::service::port_factory::request_response::PortFactory<ipc::Service, Job, (), Job, ()>>
    {
        let service =
            self.node.service_builder(&self.name.as_str().try_into()?).request_response::<Job, Job>();
        Ok(service.max_active_requests_per_client(MOST).max_loaned_requests(2).open_or_create()?)
    }

    fn event(
        &self,
        which: &str,
    ) -> Outcome<iceoryx2::service::port_factory::event::PortFactory<ipc::Service>> {
        let name = format!("{}/{which}", self.name);
        Ok(self.node.service_builder(&name.as_str().try_into()?).event().open_or_create()?)
    }
}

fn child(name: &str) -> Outcome<()> {
    let ends = Ends::new(name)?;
    let (jobs, asked, answered) = (ends.jobs()?, ends.event("asked")?, ends.event("answered")?);
    let server = jobs.server_builder().create()?;
    let asked = asked.listener_builder().create()?;
    let answered = answered.notifier_builder().create()?;
    // It is there.
    answered.notify()?;
    loop {
        let mut some = false;
        while let Some(job) = server.receive()? {
            // The first byte says whether there will be more.
            if job[0] == 0 {
                return Ok(());
            }
            job.send_copy(*job)?;
            some = true;
        }
        if some {
            answered.notify()?;
        } else {
            asked.blocking_wait(|_| {})?;
        }
    }
}

fn parent(window: usize, count: u64) -> Outcome<()> {
    let name = format!("edri/bench/{}", std::process::id());
    let ends = Ends::new(&name)?;
    let (jobs, asked, answered) = (ends.jobs()?, ends.event("asked")?, ends.event("answered")?);
    let answered = answered.listener_builder().create()?;
    let mut child = Command::new("/proc/self/exe").args(["child", &name]).spawn()?;
    answered.blocking_wait(|_| {})?;
    let client = jobs.client_builder().create()?;
    let asked = asked.notifier_builder().create()?;
    let run = |count: u64| -> Outcome<()> {
        let (mut sent, mut got) = (0, 0);
        let mut pending = VecDeque::new();
        while got < count {
            let mut some = false;
            while sent < count && pending.len() < window {
                let mut job: Job = [1; 128];
                job[8..16].copy_from_slice(&sent.to_le_bytes());
                pending.push_back((sent, client.send_copy(job)?));
                sent += 1;
                some = true;
            }
            if some {
                asked.notify()?;
            }
            let mut heard = false;
            while let Some((number, waiting)) = pending.front()
                && let Some(answer) = waiting.receive()?
            {
                assert_eq!(answer[8..16], number.to_le_bytes());
                drop(answer);
                pending.pop_front();
                got += 1;
                heard = true;
            }
            if !heard {
                answered.blocking_wait(|_| {})?;
            }
        }
        Ok(())
    };
    run(count / 10)?;
    let begun = Instant::now();
    run(count)?;
    println!("{}", begun.elapsed().as_nanos());
    let _last = client.send_copy([0; 128])?;
    asked.notify()?;
    child.wait()?;
    Ok(())
}
