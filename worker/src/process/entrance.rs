use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::process::exit;
use std::sync::OnceLock;

use super::child::Post;
use super::registry;

/// Where a child that is a worker enters: to be called first in `main`, before the program begins anything, its runtime
/// included. `#[edri::main]` does.
///
/// In a process that was started as a worker it does not return: it does its jobs, and the process ends with it. In any
/// other it does nothing, but that pools of [processes](crate::Pool::processes) can be started from here on.
pub fn enter() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|mark| mark != MARK) {
        ENTERED.get_or_init(|| 0);
        return;
    }
    let ended = post(arguments).and_then(|(work, post)| {
        ENTERED.get_or_init(|| post.depth);
        work(post)
    });
    let code = match ended {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("edri: {error}");
            CANNOT_WORK
        }
    };
    exit(code);
}

/// Its first argument.
const MARK: &str = "--edri-worker-process";
/// A child that cannot begin exits with this.
const CANNOT_WORK: i32 = 70;
/// So deep may workers be below the program that was started by hand: workers that start pools of themselves would not
/// come to an end.
pub(super) const DEEPEST: u32 = 4;

/// How deep this process is, if it has been at the entrance.
static ENTERED: OnceLock<u32> = OnceLock::new();

/// How deep children of this process are; `None` if they could not enter.
pub(super) fn depth_of_children() -> Option<u32> {
    ENTERED.get().map(|depth| depth + 1)
}

/// The arguments by which a child knows what it is to be.
pub(super) fn arguments(worker: &str, number: usize, depth: u32) -> Vec<OsString> {
    vec![MARK.into(), worker.into(), number.to_string().into(), depth.to_string().into()]
}

type Work = fn(Post) -> Result<(), String>;

fn post(mut arguments: impl Iterator<Item = OsString>) -> Result<(Work, Post), String> {
    let mut next = |what: &str| {
        let text = arguments.next().ok_or_else(|| format!("expected {what} after {MARK}"))?;
        text.into_string().map_err(|text| format!("expected {what} in UTF-8, got {text:?}"))
    };
    let name = next("the name of a worker")?;
    let (number, depth) = (next("its number")?, next("how deep it is")?);
    let number: usize = number.parse().map_err(|_| format!("expected a number, got {number:?}"))?;
    let depth: u32 = depth.parse().map_err(|_| format!("expected a number, got {depth:?}"))?;
    let worker = std::env::var_os("EDRI_WORKER").unwrap_or_else(|| name.as_str().into());
    let worker = String::from_utf8_lossy(worker.as_bytes()).into_owned();
    let Some(enlisted) = registry::find(&name) else {
        let names = registry::names();
        return Err(format!("this program has no worker called {name}; it has: {names}"));
    };
    Ok((enlisted.work, Post { worker, number, depth }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_the_arguments_of_a_child_is_said() {
        let error = |arguments: &[&str]| match post(arguments.iter().map(OsString::from)) {
            Err(error) => error,
            Ok(_) => panic!("{arguments:?} are fine"),
        };
        assert_eq!(error(&[]), "expected the name of a worker after --edri-worker-process");
        assert_eq!(error(&["a"]), "expected its number after --edri-worker-process");
        assert_eq!(error(&["a", "x", "1"]), "expected a number, got \"x\"");
        assert!(
            error(&["nobody", "0", "1"]).starts_with("this program has no worker called nobody; it has: ")
        );
    }
}
