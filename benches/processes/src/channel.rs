//! By `ipc-channel`.

use std::error::Error;
use std::process::Command;
use std::time::{Duration, Instant};

use ipc_channel::ipc::{self, IpcOneShotServer, IpcReceiver, IpcSender, IpcSharedMemory};

use crate::job::{Echo, look};

pub(crate) const CHILD: &str = "channel-child";

type Outcome<T> = Result<T, Box<dyn Error>>;

type Ends = (IpcSender<Echo>, IpcReceiver<Echo>, IpcSender<IpcSharedMemory>, IpcReceiver<u64>);

pub(crate) fn child(server: &str) -> Outcome<()> {
    let (jobs, taken) = ipc::channel::<Echo>()?;
    let (answers, given) = ipc::channel::<Echo>()?;
    let (large, large_taken) = ipc::channel::<IpcSharedMemory>()?;
    let (looks, looks_given) = ipc::channel::<u64>()?;
    IpcSender::<Ends>::connect(server.to_owned())?.send((jobs, given, large, looks_given))?;
    let echoing = std::thread::spawn(move || {
        while let Ok(job) = taken.recv() {
            if answers.send(job).is_err() {
                return;
            }
        }
    });
    while let Ok(bytes) = large_taken.recv() {
        looks.send(look(&bytes))?;
    }
    let _ = echoing.join();
    Ok(())
}

fn start() -> Outcome<(std::process::Child, Ends)> {
    let (server, name) = IpcOneShotServer::<Ends>::new()?;
    let child = Command::new("/proc/self/exe").args([CHILD, &name]).spawn()?;
    let (_, ends) = server.accept()?;
    Ok((child, ends))
}

pub(crate) fn echo(window: u64, count: u64) -> Outcome<Duration> {
    let (mut child, (jobs, answers, large, _looks)) = start()?;
    let run = |count: u64| -> Outcome<()> {
        let (mut sent, mut answered) = (0, 0);
        while answered < count {
            while sent < count && sent - answered < window {
                jobs.send(Echo::new(sent))?;
                sent += 1;
            }
            answers.recv()?;
            answered += 1;
        }
        Ok(())
    };
    run(count / 10)?;
    let begun = Instant::now();
    run(count)?;
    let took = begun.elapsed();
    drop((jobs, answers, large));
    child.wait()?;
    Ok(took)
}

/// The memory is made once, and sent again and again.
pub(crate) fn large(length: usize, count: u64) -> Outcome<Duration> {
    let (mut child, (jobs, _answers, large, looks)) = start()?;
    let bytes = IpcSharedMemory::from_byte(7, length);
    let run = |count: u64| -> Outcome<()> {
        for _ in 0..count {
            large.send(bytes.clone())?;
            looks.recv()?;
        }
        Ok(())
    };
    run(count / 10)?;
    let begun = Instant::now();
    run(count)?;
    let took = begun.elapsed();
    drop((jobs, large, looks));
    child.wait()?;
    Ok(took)
}
