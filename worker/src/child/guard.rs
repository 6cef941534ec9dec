use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rustix::io::{Errno, ioctl_fionbio};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;

/// A shell beside this process that ends the children's process groups when this process is no more.
///
/// It reads from a pipe of which only this process has the other end, `+ group` and `- group`, and does nothing else; `!`
/// has it forget all that it was told before. When the pipe is closed, whatever closed it, it kills the groups that are left and ends. It ignores the signals that
/// are sent to a program and its group, and leads a group of its own.
///
/// Where there is no `/bin/sh` there is no guard: the kernel still kills the children themselves with this process, and
/// what these have started stays.
pub(super) struct Guard {
    listening: Option<Listening>,
    /// Not buried yet.
    groups: BTreeSet<i32>,
    /// That there is none has been said.
    complained: bool,
}

struct Listening {
    pipe: Arc<OwnedFd>,
    shell: Child,
}

/// `$live` holds the groups, with a blank before and after each.
const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM
live=' '
while read -r sign group; do
    case $group in *[!0-9]*) continue ;; esac
    case $sign in
        !) live=' ' ;;
        +) live="$live$group " ;;
        -) case $live in *" $group "*) live="${live%% $group *} ${live#* $group }" ;; esac ;;
    esac
done
for group in $live; do
    kill -s KILL -- "-$group"
done
"#;

/// So many bytes are written to a pipe as a whole or not at all: the least that POSIX lets be `PIPE_BUF`.
const AT_ONCE: usize = 512;

impl Guard {
    pub(super) fn new() -> Self {
        Self { listening: None, groups: BTreeSet::new(), complained: false }
    }

    /// Where children announce themselves. Starts the shell if there is none, or none any more.
    pub(super) fn pipe(&mut self) -> Option<Arc<OwnedFd>> {
        let ended = |listening: &mut Listening| !matches!(listening.shell.try_wait(), Ok(None));
        if self.listening.as_mut().is_none_or(ended) {
            self.listening = None;
            match Listening::start() {
                Ok(listening) => {
                    self.listening = Some(listening);
                    self.tell_all();
                }
                Err(error) if !self.complained => {
                    self.complained = true;
                    tracing::warn!(
                        "there is no guard over child processes ({error}): should this program be killed, the \
                         processes that its workers have started may be left behind"
                    );
                }
                Err(_) => {}
            }
        }
        self.listening.as_ref().map(|listening| Arc::clone(&listening.pipe))
    }

    /// It has announced itself.
    pub(super) fn started(&mut self, group: Pid) {
        self.groups.insert(group.as_raw_nonzero().get());
    }

    /// A child was not started after all. It may have announced itself before that was known, and its number will be
    /// another's.
    pub(super) fn not_started(&mut self) {
        self.tell_all();
    }

    /// It knows of all, and of no others.
    fn tell_all(&self) {
        let Some(listening) = &self.listening else { return };
        let mut lines = "!\n".to_owned();
        for group in &self.groups {
            let line = format!("+ {group}\n");
            if lines.len() + line.len() > AT_ONCE {
                listening.tell(lines.as_bytes());
                lines.clear();
            }
            lines.push_str(&line);
        }
        listening.tell(lines.as_bytes());
    }

    /// There is nothing left of it.
    pub(super) fn buried(&mut self, group: Pid) {
        let group = group.as_raw_nonzero().get();
        if self.groups.remove(&group)
            && let Some(listening) = &self.listening
        {
            listening.tell(format!("- {group}\n").as_bytes());
        }
    }
}

impl Listening {
    fn start() -> io::Result<Self> {
        let (reader, pipe) = pipe_with(PipeFlags::CLOEXEC)?;
        // A child must not wait for a guard that was stopped.
        ioctl_fionbio(&pipe, true)?;
        let shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "edri-guard"])
            .env_clear()
            .current_dir("/")
            .process_group(0)
            .stdin(reader)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { pipe: Arc::new(pipe), shell })
    }

    fn tell(&self, line: &[u8]) {
        match rustix::io::write(&self.pipe, line) {
            Ok(_) | Err(Errno::PIPE) => {}
            Err(error) => tracing::warn!("the guard over child processes does not listen: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn sleeper() -> Child {
        Command::new("/bin/sleep").arg("1000").process_group(0).spawn().unwrap()
    }

    fn group(child: &Child) -> Pid {
        Pid::from_raw(child.id().try_into().unwrap()).unwrap()
    }

    fn announce(guard: &mut Guard, child: &Child) {
        let pipe = guard.pipe().unwrap();
        rustix::io::write(&pipe, format!("+ {}\n", child.id()).as_bytes()).unwrap();
        guard.started(group(child));
    }

    #[test]
    fn what_is_not_buried_when_the_pipe_is_closed_is_killed() {
        let mut guard = Guard::new();
        let mut children: Vec<_> = (0..6).map(|_| sleeper()).collect();
        children.iter().for_each(|child| announce(&mut guard, child));
        // Those in the middle, at the end and at the beginning of what it remembers.
        for at in [2, 5, 0] {
            guard.buried(group(&children[at]));
        }
        let mut shell = guard.listening.take().unwrap().shell;
        assert!(shell.wait().unwrap().success());
        for (at, child) in children.iter_mut().enumerate() {
            if [2, 5, 0].contains(&at) {
                assert!(child.try_wait().unwrap().is_none(), "{at} was buried");
                child.kill().unwrap();
            }
            // The others end by themselves.
            assert!(!child.wait().unwrap().success());
        }
    }

    #[test]
    fn what_was_announced_and_not_started_is_forgotten() {
        let mut guard = Guard::new();
        let (mut started, mut other) = (sleeper(), sleeper());
        let mut many: Vec<_> = (0..100).map(|_| sleeper()).collect();
        announce(&mut guard, &started);
        many.iter().for_each(|child| announce(&mut guard, child));
        rustix::io::write(guard.pipe().unwrap(), format!("+ {}\n", other.id()).as_bytes()).unwrap();
        guard.not_started();
        drop(guard.listening.take().map(|listening| listening.pipe));
        assert!(!started.wait().unwrap().success());
        many.iter_mut().for_each(|child| assert!(!child.wait().unwrap().success()));
        assert!(other.try_wait().unwrap().is_none(), "it is somebody else");
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn a_guard_that_was_killed_is_replaced_by_one_that_knows_the_same() {
        let mut guard = Guard::new();
        let mut child = sleeper();
        announce(&mut guard, &child);
        guard.listening.as_mut().unwrap().shell.kill().unwrap();
        let begun = Instant::now();
        let killed = guard.listening.as_ref().unwrap().shell.id();
        while guard.pipe().is_none() || guard.listening.as_ref().unwrap().shell.id() == killed {
            assert!(begun.elapsed() < Duration::from_secs(20), "it is not replaced");
        }
        drop(guard.listening.take().map(|listening| listening.pipe));
        assert!(!child.wait().unwrap().success());
    }
}
