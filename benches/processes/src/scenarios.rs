//! What is measured.

use std::error::Error;
use std::time::Duration;

use crate::beside::Beside;
use crate::{channel, job, pool, raw, raw_tokio};

type Outcome<T> = Result<T, Box<dyn Error>>;
type Run<'a> = Box<dyn Fn() -> Outcome<Duration> + 'a>;

/// So many bytes are a large payload.
const MIB: usize = 1 << 20;

pub(crate) fn run(arguments: &[String]) -> Outcome<()> {
    let (mut rounds, mut factor, mut wanted, mut only) = (5, 1.0, Vec::new(), None);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("expected something after {argument}"));
        match argument.as_str() {
            "--rounds" => rounds = value()?.parse::<usize>()?.max(1),
            "--messages" => factor = value()?.parse::<f64>()?,
            "--only" => only = Some(value()?.clone()),
            name => wanted.push(name),
        }
    }
    let is_wanted = |name: &str| wanted.is_empty() || wanted.contains(&name);
    let compare = |title: &str, count, mut contenders: Vec<(&str, Run<'_>)>| {
        contenders.retain(|(name, _)| only.as_ref().is_none_or(|only| name == only));
        compare(title, rounds, count, contenders)
    };
    let count = |count: f64| ((count * factor) as u64).max(20);

    let (iceoryx2, python) = (Beside::iceoryx2(), Beside::python());
    // It starts a process for each job.
    let few_by_python = ((100.0 * factor) as u64).max(10);
    let beside = |window: u64, count: u64| -> Vec<(&'static str, Run<'_>)> {
        let mut contenders: Vec<(&'static str, Run<'_>)> = Vec::new();
        if let Ok(program) = &iceoryx2 {
            contenders.push(("iceoryx2", Box::new(move || program.echo(window, count, count))));
        }
        if let Ok(program) = &python {
            contenders
                .push(("EDRI for Python", Box::new(move || program.echo(window, count, few_by_python))));
        }
        contenders
    };
    if is_wanted("process") || is_wanted("process-one") {
        for (name, reason) in
            [("iceoryx2", iceoryx2.as_ref().err()), ("EDRI for Python", python.as_ref().err())]
        {
            if let Some(reason) = reason {
                println!("{name} is skipped: {reason}");
            }
        }
    }

    if is_wanted("process") {
        let many = count(200_000.0);
        compare(
            "128 bytes there and back, 256 in flight",
            many,
            with(
                beside(256, many),
                vec![
                    ("raw tokio", Box::new(|| raw_tokio::echo(256, many))),
                    ("raw blocking", Box::new(|| raw::echo(256, many))),
                    ("edri", Box::new(|| pool::echo(1, 256, many))),
                    ("edri, 2 threads", Box::new(|| pool::echo(2, 256, many))),
                    ("ipc-channel", Box::new(|| channel::echo(256, many))),
                ],
            ),
        )?;
    }
    if is_wanted("process-one") {
        let few = count(30_000.0);
        compare(
            "128 bytes there and back, one at a time",
            few,
            with(
                beside(1, few),
                vec![
                    ("raw tokio", Box::new(|| raw_tokio::echo(1, few))),
                    ("raw blocking", Box::new(|| raw::echo(1, few))),
                    ("edri", Box::new(|| pool::echo(1, 1, few))),
                    ("edri, 2 threads", Box::new(|| pool::echo(2, 1, few))),
                    ("ipc-channel", Box::new(|| channel::echo(1, few))),
                ],
            ),
        )?;
    }
    if is_wanted("process-large") {
        for (length, name, times) in
            [(MIB / 16, "64 KiB", 4_000.0), (MIB, "1 MiB", 1_000.0), (16 * MIB, "16 MiB", 60.0)]
        {
            let times = count(times);
            compare(
                &format!("{name} there"),
                times,
                vec![
                    ("raw socket", Box::new(move || raw::large(length, times))),
                    ("edri, copied into memory", Box::new(move || pool::large(length, times, false))),
                    ("edri, shared already", Box::new(move || pool::large(length, times, true))),
                    ("ipc-channel, shared already", Box::new(move || channel::large(length, times))),
                ],
            )?;
        }
    }
    if is_wanted("process-start") {
        let times = count(50.0);
        let contenders: Vec<(&str, Run<'_>)> = vec![
            ("raw socket", Box::new(move || raw::ready(times))),
            ("edri", Box::new(move || pool::ready(times))),
        ];
        compare("from the start of a process to its first answer", times, contenders)?;
    }
    if is_wanted("process-scaling") {
        let steps = calibrate();
        let times = count(1_000.0);
        compare(
            "jobs of 1 ms of a processor",
            times,
            vec![
                ("edri, 1 process", Box::new(move || pool::spin(1, steps, times))),
                ("edri, 2 processes", Box::new(move || pool::spin(2, steps, times))),
            ],
        )?;
    }
    Ok(())
}

/// Those, and then these.
fn with<'a>(
    these: Vec<(&'static str, Run<'a>)>,
    mut those: Vec<(&'static str, Run<'a>)>,
) -> Vec<(&'static str, Run<'a>)> {
    those.extend(these);
    those
}

/// How many steps take a millisecond.
fn calibrate() -> u64 {
    let mut steps = 1_000;
    loop {
        let begun = std::time::Instant::now();
        std::hint::black_box(job::spin(steps));
        if begun.elapsed() > Duration::from_millis(20) {
            return (steps as f64 / begun.elapsed().as_secs_f64() / 1_000.0) as u64;
        }
        steps *= 2;
    }
}

/// All contenders, round after round; the first is what the others are compared with.
fn compare(title: &str, rounds: usize, count: u64, contenders: Vec<(&str, Run<'_>)>) -> Outcome<()> {
    let mut times = vec![Vec::new(); contenders.len()];
    for _ in 0..rounds {
        for (times, (name, run)) in times.iter_mut().zip(&contenders) {
            match run() {
                Ok(took) => times.push(took.as_secs_f64() / count as f64),
                Err(error) => println!("{name} has failed: {error}"),
            }
        }
    }
    println!("\n{title}");
    let medians: Vec<f64> = times
        .into_iter()
        .map(|mut times| {
            times.sort_by(f64::total_cmp);
            times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
        })
        .collect();
    for ((name, _), median) in contenders.iter().zip(&medians) {
        println!(
            "  {name:28} {:10.2} µs  {:12.0} /s  {:6.2} ×",
            median * 1e6,
            1.0 / median,
            medians[0] / median
        );
    }
    Ok(())
}
