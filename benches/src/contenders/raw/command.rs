//! A process without anything around it: the same worker, by tokio's pipes.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::{
    contender::Contender,
    drive::{self, AskerInTurn},
    event::{Request, SED, Work},
    runtime::on_two_workers_with_io,
    scenario::Scenario,
};

pub(super) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Scenario::Command, "tokio process, lines", |jobs| {
            on_two_workers_with_io(async move { drive::ask(jobs, Process::start()).await })
        })
        .base(),
        Contender::new(Scenario::CommandPerJob, "tokio process, each", |jobs| {
            on_two_workers_with_io(async move { drive::ask(jobs, Each).await })
        })
        .base(),
    ]
}

/// A worker that stays.
struct Process {
    _child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start() -> Self {
        let mut child = Command::new("sed")
            .args(SED)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("there is sed");
        let (stdin, stdout) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        Self { _child: child, stdin, stdout: BufReader::new(stdout).lines() }
    }
}

impl AskerInTurn for Process {
    async fn ask(&mut self, request: Request) -> u64 {
        let number = request.number;
        let line = format!("{{\"id\":{number},\"event\":\"number\",\"job\":{number}}}\n");
        self.stdin.write_all(line.as_bytes()).await.expect("it reads");
        let line = self.stdout.next_line().await.expect("it writes").expect("it answers");
        let answer: serde_json::Value = serde_json::from_str(&line).expect("it answers in JSON");
        let number = answer["response"].as_u64().expect("it answers with a number");
        Work::None.answer(Request { number })
    }
}

/// A worker for each job.
struct Each;

impl AskerInTurn for Each {
    async fn ask(&mut self, request: Request) -> u64 {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("there is cat");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(request.number.to_string().as_bytes()).await.expect("it reads");
        drop(stdin);
        let output = child.wait_with_output().await.expect("it ends");
        let number = String::from_utf8_lossy(&output.stdout).parse().expect("it writes what it has read");
        Work::None.answer(Request { number })
    }
}
