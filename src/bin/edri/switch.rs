use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use edri_connector::certificates::Folder;
use edri_connector::switch::{
    Networks, PlainText, RunningSwitch, Secret, Span, Switch, SwitchSettings, TlsSettings, TokenRule,
};
use tracing_subscriber::EnvFilter;

use crate::{Failed, Outcome, say};

/// Runs a switch: routers that connect to it talk to each other through it.
///
/// SIGTERM and SIGINT end it in order: each router is given what waits for it and told to go elsewhere; a second signal ends
/// it at once. SIGHUP makes it read its configuration, tokens and certificates again. What it is told here goes before what
/// the configuration says.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The configuration, in TOML.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where it listens; may be given several times. [default: 127.0.0.1:8899]
    #[arg(short, long, value_name = "HOST:PORT")]
    listen: Vec<String>,
    /// Where it says what it does, over HTTP: /status, /metrics and /health.
    #[arg(short, long, value_name = "HOST:PORT")]
    status: Option<String>,
    /// A network that routers may join; may be given several times. [default: any]
    #[arg(short, long, value_name = "NAME")]
    network: Vec<String>,
    /// The folder of certificates, as made by `edri cert`. Routers have to show one.
    #[arg(long, value_name = "FOLDER")]
    tls: Option<PathBuf>,
    /// Which of the folder's certificates is this switch's.
    #[arg(long, value_name = "NAME", default_value = "switch", requires = "tls")]
    tls_name: String,
    /// A file with a secret that routers have to give; may be given several times.
    #[arg(long, value_name = "FILE")]
    token_file: Vec<PathBuf>,
    /// Lets others than this machine connect without TLS: whoever is on the way reads and changes what he likes.
    #[arg(long)]
    plain_text: bool,
    /// How long routers have to go when it is told to stop. [default: 10 s]
    #[arg(long, value_name = "TIME")]
    drain_time: Option<Span>,
    /// What it writes to its log: a level, or a filter as in RUST_LOG. [default: info, or RUST_LOG]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// Checks the settings, and does not start.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: Arguments) -> Outcome {
    let settings = settings(&arguments)?;
    settings.check()?;
    if arguments.check {
        say::line("the settings are fine");
        return Ok(ExitCode::SUCCESS);
    }
    log(arguments.log.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(&arguments, settings))
}

/// What the configuration says, and what the command line says instead.
fn settings(arguments: &Arguments) -> Result<SwitchSettings, Failed> {
    let mut settings = match &arguments.config {
        Some(file) => SwitchSettings::from_file(file)?,
        None => SwitchSettings::new([""; 0]),
    };
    if !arguments.listen.is_empty() {
        settings.listen.clone_from(&arguments.listen);
    } else if settings.listen.is_empty() {
        settings.listen.push("127.0.0.1:8899".to_owned());
    }
    if arguments.status.is_some() {
        settings.status.clone_from(&arguments.status);
    }
    if !arguments.network.is_empty() {
        settings.networks = Networks::only(arguments.network.iter().cloned());
    }
    if let Some(folder) = &arguments.tls {
        let (folder, name) = (Folder::new(folder), &arguments.tls_name);
        let authority = folder.certificate("authority");
        settings.tls = Some(TlsSettings::mutual(folder.certificate(name), folder.key(name), authority));
    }
    if !arguments.token_file.is_empty() {
        settings.tokens.clear();
    }
    for file in &arguments.token_file {
        let read = std::fs::read_to_string(file).map_err(|error| error.to_string());
        let secret = read.and_then(|text| Secret::new(&text));
        let secret = secret.map_err(|reason| format!("--token-file {}: {reason}", file.display()))?;
        settings.tokens.push(TokenRule::new(secret));
    }
    if arguments.plain_text {
        settings.plain_text = PlainText::Anywhere;
    }
    if let Some(drain) = arguments.drain_time {
        settings.drain = drain.get();
    }
    Ok(settings)
}

fn log(filter: Option<&str>) -> Result<(), Failed> {
    let filter = match filter {
        Some(filter) => EnvFilter::try_new(filter).map_err(|error| format!("--log {filter:?}: {error}"))?,
        None => EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")),
    };
    tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_writer(std::io::stderr).init();
    Ok(())
}

async fn serve(arguments: &Arguments, settings: SwitchSettings) -> Outcome {
    let mut signals = Signals::listen()?;
    let switch = Switch::new(settings).start().await?;
    let code = loop {
        match signals.next().await {
            Told::Reload => reload(arguments, &switch),
            Told::Stop { code } => break code,
        }
    };
    tracing::info!(connections = switch.status().counts.open, "the switch is about to stop");
    let again = async { while let Told::Reload = signals.next().await {} };
    tokio::select! {
        drained = switch.drain() => {
            tracing::info!(closed = drained.closed, cut_off = drained.cut_off, "the switch has stopped");
            Ok(ExitCode::SUCCESS)
        }
        () = again => {
            tracing::warn!("a second signal came: the switch ends at once");
            Ok(ExitCode::from(code))
        }
    }
}

fn reload(arguments: &Arguments, switch: &RunningSwitch) {
    let reloaded = settings(arguments).and_then(|settings| switch.reload(settings).map_err(Failed::from));
    match reloaded {
        Ok(reloaded) => {
            tracing::info!(reconnecting = reloaded.reconnecting, "the settings were read again");
            if !reloaded.need_restart.is_empty() {
                let keys = reloaded.need_restart.join(", ");
                tracing::warn!("these have changed and need a restart: {keys}");
            }
        }
        Err(Failed(reason)) => tracing::error!("the settings stay as they were: {reason}"),
    }
}

/// What a signal says.
enum Told {
    Reload,
    Stop {
        /// What it ends with if it cannot end in order.
        code: u8,
    },
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.interrupt.recv() => Told::Stop { code: 130 },
            _ = self.terminate.recv() => Told::Stop { code: 143 },
            _ = self.hang_up.recv() => Told::Reload,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Told {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Told::Stop { code: 130 }
    }
}
