use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::limits::Limits;

/// Which program a child runs, and with what.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) program: PathBuf,
    /// What it is told that it is called, if not by its path.
    pub(crate) called: Option<OsString>,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) directory: Option<PathBuf>,
    /// All of it: nothing is inherited that is not named.
    pub(crate) environment: Vec<(OsString, Value)>,
    pub(crate) user: Option<(u32, u32)>,
    pub(crate) limits: Limits,
}

/// What a variable of the environment is.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Set(OsString),
    /// What this process has, when the child is started.
    Kept,
}

impl Spec {
    pub(crate) fn new(program: PathBuf, arguments: Vec<OsString>) -> Self {
        let (called, directory, environment, user, limits) = (None, None, Vec::new(), None, Limits::new());
        Self { program, called, arguments, directory, environment, user, limits }
    }

    /// Finds the program, as a shell would: a name without a slash in the directories of this process's `PATH`. From
    /// then on the path is absolute, and what is there at the time is what is started.
    pub(crate) fn resolve(&mut self) -> io::Result<()> {
        self.program = find(&self.program, std::env::var_os("PATH").as_deref())?;
        match &self.directory {
            Some(directory) if !directory.is_dir() => Err(io::Error::new(
                io::ErrorKind::NotADirectory,
                format!("the working directory {} is no directory", directory.display()),
            )),
            _ => Ok(()),
        }
    }

    /// Why it could not be started.
    pub(crate) fn explain(&self, error: &io::Error) -> String {
        let program = self.program.display();
        match (error.kind(), self.limits.niceness, self.user) {
            (io::ErrorKind::PermissionDenied, niceness, user) if niceness.is_some() || user.is_some() => {
                format!(
                    "{program}: {error}; it takes privileges to run as another user, or with a niceness below one's own"
                )
            }
            _ => format!("{program}: {error}"),
        }
    }

    /// The command with more arguments, for the worker of that name.
    pub(super) fn command(&self, more: &[OsString], worker: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).args(more).env_clear().env("EDRI_WORKER", worker);
        if let Some(called) = &self.called {
            command.arg0(called);
        }
        for (name, value) in &self.environment {
            match value {
                Value::Set(value) => {
                    command.env(name, value);
                }
                Value::Kept => {
                    if let Some(value) = std::env::var_os(name) {
                        command.env(name, value);
                    }
                }
            }
        }
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        if let Some((user, group)) = self.user {
            command.gid(group).uid(user);
        }
        command
    }
}

fn find(program: &Path, path: Option<&OsStr>) -> io::Result<PathBuf> {
    if program.as_os_str().is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "expected the name of a program, got nothing",
        ));
    }
    if program.as_os_str().as_bytes().contains(&b'/') {
        let program = std::path::absolute(program)?;
        return executable(&program).map(|()| program);
    }
    let directories = path.map(std::env::split_paths).into_iter().flatten();
    directories.map(|directory| directory.join(program)).find(|place| executable(place).is_ok()).ok_or_else(
        || {
            let message = format!("{} is in none of the directories of PATH", program.display());
            io::Error::new(io::ErrorKind::NotFound, message)
        },
    )
}

fn executable(program: &Path) -> io::Result<()> {
    let metadata = program
        .metadata()
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", program.display())))?;
    if metadata.is_file() && metadata.permissions().mode() & 0o111 != 0 {
        return Ok(());
    }
    let message = format!("{} is no file that can be executed", program.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_as_a_shell_finds_it() {
        let path = Some(OsStr::new("/nowhere:/usr/bin:/bin"));
        assert!(find(Path::new("sh"), path).unwrap().ends_with("bin/sh"));
        assert_eq!(find(Path::new("/bin/sh"), None).unwrap(), Path::new("/bin/sh"));
        let error = |program: &str| find(Path::new(program), path).unwrap_err().to_string();
        assert_eq!(error("no-such-thing"), "no-such-thing is in none of the directories of PATH");
        assert_eq!(error("/etc/passwd"), "/etc/passwd is no file that can be executed");
        assert!(error("/nowhere/at/all").starts_with("/nowhere/at/all: "));
        assert_eq!(error(""), "expected the name of a program, got nothing");
    }

    #[test]
    fn a_working_directory_has_to_be_one() {
        let mut spec = Spec::new("/bin/sh".into(), Vec::new());
        spec.directory = Some("/etc/passwd".into());
        assert_eq!(
            spec.resolve().unwrap_err().to_string(),
            "the working directory /etc/passwd is no directory"
        );
    }

    #[test]
    fn nothing_of_the_environment_is_inherited_that_is_not_named() {
        let mut spec = Spec::new("/bin/sh".into(), Vec::new());
        spec.environment = vec![("A".into(), Value::Set("1".into())), ("PATH".into(), Value::Kept)];
        let command = spec.command(&[], "smith-0");
        let names: Vec<_> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["A", "EDRI_WORKER", "PATH"]);
    }
}
