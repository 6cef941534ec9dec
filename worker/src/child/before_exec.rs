//! What a child does between `fork` and `exec`: the one place in this crate that needs `unsafe`.
//!
//! `Command::pre_exec` is unsafe because what it is given runs in a copy of a process of which only one thread is left:
//! a lock that another thread held at the fork stays locked for ever, the allocator's among them. What is sound there is
//! what is async-signal-safe: system calls, and nothing that allocates or locks.
//!
//! [`BeforeExec::run`] keeps to that: each of its steps is one system call, through rustix, which on Linux makes it
//! directly, or where that has none through `libc::syscall`, which is the same; the numbers it needs were made before the fork; what it writes is put together
//! on the stack; and an error that it returns is a number. Nothing is dropped in the child: it becomes the program or exits.
//!
//! Tested by starting children while other threads allocate without a pause (`children_start_while_others_allocate`), and
//! for each step by what the program then sees of itself (`worker/tests/limits.rs`).

#![allow(unsafe_code, reason = "see above")]

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Arc;

use super::limits::KINDS;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getpid, getppid, set_parent_process_death_signal, setpriority_process,
    setrlimit, setsid,
};

/// All that a child needs to know.
pub(super) struct BeforeExec {
    pub(super) parent: Pid,
    pub(super) limits: [Option<(Resource, Rlimit)>; KINDS],
    pub(super) niceness: Option<i32>,
    /// Where the guard hears of it; written to without waiting.
    pub(super) guard: Option<Arc<OwnedFd>>,
}

/// Has the command's child do all that first.
pub(super) fn prepare(command: &mut Command, before: BeforeExec) {
    let steps = move || before.run();
    // SAFETY: `run` is async-signal-safe: see the top of this file.
    unsafe {
        command.pre_exec(steps);
    }
}

impl BeforeExec {
    fn run(&self) -> io::Result<()> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // It may have died before it could be told of.
        if getppid() != Some(self.parent) {
            return Err(io::Error::from_raw_os_error(rustix::io::Errno::SRCH.raw_os_error()));
        }
        // A session of its own, and with it a group, of which it is the leader. No terminal sends it signals, and where the
        // scheduler is fair to sessions, those that multiply take no time from others.
        setsid()?;
        keep_standard_streams_only();
        // Heard of before it can start anything itself.
        if let Some(guard) = &self.guard {
            let mut told = [0; 16];
            // A guard that does not listen is no reason not to start.
            let _ = rustix::io::write(guard, announcement(getpid().as_raw_nonzero().get(), &mut told));
        }
        if let Some(niceness) = self.niceness {
            setpriority_process(None, niceness)?;
        }
        for (resource, limit) in self.limits.iter().flatten() {
            setrlimit(*resource, *limit)?;
        }
        Ok(())
    }
}

/// Nothing else that this process has open is the program's business. (What Rust opens is closed anyway.)
fn keep_standard_streams_only() {
    // SAFETY: a system call without pointers. The descriptors stay open until the program takes over.
    unsafe {
        // Where the kernel is older than 5.9 or 5.11 they stay open.
        libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
    }
}

/// `+ 123`, and a line feed: what the guard is told of a new group.
fn announcement(mut group: i32, told: &mut [u8; 16]) -> &[u8] {
    let mut at = told.len() - 1;
    told[at] = b'\n';
    while group > 0 {
        at -= 1;
        told[at] = b'0' + (group % 10) as u8;
        group /= 10;
    }
    at -= 1;
    told[at] = b' ';
    at -= 1;
    told[at] = b'+';
    &told[at..]
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_group_is_announced_in_one_line() {
        let mut told = [0; 16];
        assert_eq!(announcement(1, &mut told), b"+ 1\n");
        assert_eq!(announcement(i32::MAX, &mut told), b"+ 2147483647\n");
    }

    #[test]
    fn children_start_while_others_allocate() {
        let done = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let done = Arc::clone(&done);
                std::thread::spawn(move || {
                    while !done.load(Ordering::Relaxed) {
                        std::hint::black_box((0..64).map(|size| vec![0_u8; size * 7]).collect::<Vec<_>>());
                    }
                })
            })
            .collect();
        for _ in 0..100 {
            let mut command = Command::new("/bin/true");
            let limits = super::super::Limits::new().open_files(64).of_kernel();
            prepare(&mut command, BeforeExec { parent: getpid(), limits, niceness: Some(5), guard: None });
            assert!(command.status().unwrap().success());
        }
        done.store(true, Ordering::Relaxed);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    #[test]
    fn a_child_whose_parent_is_another_does_not_start() {
        let mut command = Command::new("/bin/true");
        let parent = Pid::from_raw(1).unwrap();
        let limits = super::super::Limits::new().of_kernel();
        prepare(&mut command, BeforeExec { parent, limits, niceness: None, guard: None });
        assert_eq!(command.status().unwrap_err().raw_os_error(), Some(3));
    }
}
