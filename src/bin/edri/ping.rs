use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use edri_connector::switch::Span;
use edri_connector::{Probe, ProbeError, ProbeSettings};
use edri_link::wire::{Credentials, Token};
use serde::Serialize;

use crate::tls::Identification;
use crate::{Failed, Outcome, say};

/// Finds out whether a router could join a switch, and how far the switch is. No router hears of it.
///
/// Ends with 0 if there was an answer, and with 1 if not.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The switch: HOST:PORT.
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// How many pings; 0 for as many as there is time for.
    #[arg(short, long, value_name = "NUMBER", default_value_t = 4)]
    count: u64,
    /// How long to wait between them.
    #[arg(short, long, value_name = "TIME", default_value = "1 s")]
    interval: Span,
    /// How long to wait for an answer.
    #[arg(short = 'W', long, value_name = "TIME", default_value = "5 s")]
    timeout: Span,
    /// The network to ask for.
    #[arg(long, value_name = "NAME", default_value = "")]
    network: String,
    /// What the router is called that asks.
    #[arg(long, value_name = "NAME", default_value = "ping")]
    name: String,
    /// Puts out one JSON object at the end, and nothing else.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    identification: Identification,
}

/// What was found out.
#[derive(Default, Serialize)]
struct Findings {
    address: String,
    sent: u64,
    answered: u64,
    handshake_ms: Option<f64>,
    /// In milliseconds.
    times: Vec<f64>,
    error: Option<String>,
}

/// So many times are kept: the oldest are forgotten.
const KEPT: usize = 100_000;

pub(crate) fn run(arguments: Arguments) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(ping(arguments))
}

async fn ping(arguments: Arguments) -> Outcome {
    let (host, _) = arguments.address.rsplit_once(':').ok_or_else(|| {
        format!("{:?} is no address: expected HOST:PORT, such as switch.example:8899", arguments.address)
    })?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut settings = ProbeSettings::new(&arguments.name);
    settings.identity.network.clone_from(&arguments.network);
    settings.within = arguments.timeout.get();
    settings.tls = arguments.identification.client(host, &arguments.name)?;
    if let Some(token) = arguments.identification.token()? {
        settings.credentials = Credentials::Token(Token::new(token));
    }
    let mut findings = Findings { address: arguments.address.clone(), ..Findings::default() };
    tokio::select! {
        outcome = measure(&arguments, settings, &mut findings) => {
            if let Err(Failed(reason)) = outcome {
                if !arguments.json {
                    say::error(&reason);
                }
                findings.error = Some(reason);
            }
        }
        _ = tokio::signal::ctrl_c() => {}
    }
    if arguments.json {
        say::line(serde_json::to_string(&findings)?);
    } else {
        findings.tell();
    }
    Ok(if findings.answered > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(
    arguments: &Arguments,
    settings: ProbeSettings,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let addresses: Vec<_> = tokio::net::lookup_host(&arguments.address)
        .await
        .map_err(|error| format!("{} is not known: {error}", arguments.address))?
        .collect();
    let began = std::time::Instant::now();
    let (address, mut probe) = first(&addresses, &settings).await?;
    let handshake = began.elapsed().as_secs_f64() * 1e3;
    findings.handshake_ms = Some(handshake);
    if !arguments.json {
        let welcome = probe.welcome();
        say::line(format!(
            "PING {} ({address}), network {:?}, {}: welcome from switch {} in {handshake:.2} ms",
            arguments.address,
            arguments.network,
            if settings.tls.is_some() { "TLS" } else { "plain text" },
            welcome.identity.router,
        ));
    }
    let mut number = 0;
    loop {
        number += 1;
        findings.sent += 1;
        let answered = probe.ping(arguments.timeout.get()).await;
        match &answered {
            Ok(time) => findings.answered(*time),
            Err(ProbeError::TimedOut(_)) => {}
            Err(error) => return Err(error.to_string().into()),
        }
        if !arguments.json {
            say::line(match answered {
                Ok(time) => format!("{number}: {:.3} ms", time.as_secs_f64() * 1e3),
                Err(error) => format!("{number}: {error}"),
            });
        }
        if number == arguments.count {
            probe.close().await;
            return Ok(());
        }
        probe.wait(arguments.interval.get()).await?;
    }
}

/// The first address that answers.
async fn first(addresses: &[SocketAddr], settings: &ProbeSettings) -> Result<(SocketAddr, Probe), Failed> {
    let mut reasons = Vec::new();
    for address in addresses {
        match Probe::connect(*address, settings.clone()).await {
            Ok(probe) => return Ok((*address, probe)),
            Err(error) => reasons.push(format!("{address}: {error}")),
        }
    }
    Err(reasons.join("; ").into())
}

impl Findings {
    fn answered(&mut self, time: Duration) {
        self.answered += 1;
        if self.times.len() == KEPT {
            self.times.remove(0);
        }
        self.times.push(time.as_secs_f64() * 1e3);
    }

    fn tell(&self) {
        if self.sent == 0 {
            return;
        }
        let lost = 100.0 * (self.sent - self.answered) as f64 / self.sent as f64;
        say::line(format!("--- {} ---", self.address));
        say::line(format!("{} sent, {} answered, {lost:.0}% lost", self.sent, self.answered));
        let mut times = self.times.clone();
        times.sort_by(f64::total_cmp);
        if let (Some(least), Some(most)) = (times.first(), times.last()) {
            let mean = times.iter().sum::<f64>() / times.len() as f64;
            let median = times[times.len() / 2];
            say::line(format!("min/median/mean/max = {least:.3}/{median:.3}/{mean:.3}/{most:.3} ms"));
        }
    }
}
