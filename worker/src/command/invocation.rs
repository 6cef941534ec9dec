use std::ffi::OsString;

use edri_event::Failure;

/// How a program is called for one job: arguments after those that all jobs have, and its standard input.
///
/// ```
/// use edri_worker::Invocation;
///
/// let column = 2;
/// let call = Invocation::new().args(["-k", &column.to_string()]).stdin("b 2\na 1\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "it is what a program is called with"]
pub struct Invocation {
    pub(super) arguments: Vec<OsString>,
    pub(super) stdin: Vec<u8>,
}

impl Invocation {
    /// No further arguments, and nothing to read.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more argument. It is passed as it is: no shell sees it.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// More arguments.
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// What the program reads.
    pub fn stdin(self, bytes: impl Into<Vec<u8>>) -> Self {
        Self { stdin: bytes.into(), ..self }
    }
}

/// What a program has written, and how it has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// Its exit code: one of [those that are answers](crate::CommandPool::exit_codes).
    pub code: i32,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// The last lines of its standard error.
    pub stderr: Vec<String>,
}

impl Output {
    /// Its standard output as text.
    ///
    /// # Errors
    /// A failure with the code `malformed-answer` if it is no UTF-8.
    pub fn text(&self) -> Result<&str, Failure> {
        std::str::from_utf8(&self.stdout).map_err(|error| {
            let message = format!("expected text in UTF-8 from the program: {error}");
            Failure::new("malformed-answer", message)
        })
    }

    /// The failure of a program that has ended with that code.
    pub(super) fn failure(&self) -> Failure {
        let message = match self.stderr.is_empty() {
            true => format!("the program ended with exit code {} and no word of why", self.code),
            false => self.stderr.join("\n"),
        };
        Failure::new(format!("exit-{}", self.code), message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_says_why() {
        let mut output = Output { code: 2, stdout: Vec::new(), stderr: vec!["no".into(), "way".into()] };
        assert_eq!(output.failure(), Failure::new("exit-2", "no\nway"));
        output.stderr.clear();
        assert_eq!(output.failure().message(), "the program ended with exit code 2 and no word of why");
        output.stdout = vec![0xff];
        assert_eq!(output.text().unwrap_err().code(), "malformed-answer");
    }
}
