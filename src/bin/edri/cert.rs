use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use edri_connector::certificates::{Authority, Folder};

use crate::{Failed, Outcome, say};

/// Makes a private authority, and certificates for switches and routers. Nothing is ever written over.
///
/// The first secure set-up takes two commands:
///
///     edri cert new --host switch.example --router press-1 --router press-2
///     edri switch --listen 0.0.0.0:8899 --tls certs
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    New(New),
    Switch(Switch),
    Router(Router),
}

/// Makes an authority, a certificate for a switch, and certificates for routers.
#[derive(Args)]
struct New {
    /// What the authority is for; for people.
    #[arg(long, value_name = "NAME", default_value = "this installation")]
    of: String,
    /// How long the authority is valid, in days.
    #[arg(long, value_name = "DAYS", default_value_t = 3650)]
    authority_days: u32,
    /// A host at which the switch can be reached, a name or an address; may be given several times. localhost, 127.0.0.1
    /// and ::1 are always among them.
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,
    /// A router to make a certificate for; may be given several times.
    #[arg(long = "router", value_name = "NAME")]
    routers: Vec<String>,
    #[command(flatten)]
    common: Common,
}

/// Makes a certificate for one more switch, for example one to fail over to.
#[derive(Args)]
struct Switch {
    /// What its files are called.
    #[arg(value_name = "NAME")]
    name: String,
    /// A host at which it can be reached, a name or an address; may be given several times.
    #[arg(long = "host", value_name = "HOST", required = true)]
    hosts: Vec<String>,
    #[command(flatten)]
    common: Common,
}

/// Makes certificates for more routers.
#[derive(Args)]
struct Router {
    /// What the routers are called.
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct Common {
    /// The folder of certificates and keys.
    #[arg(long, value_name = "FOLDER", default_value = "certs")]
    folder: PathBuf,
    /// How long certificates are valid, in days.
    #[arg(long, value_name = "DAYS", default_value_t = 825)]
    days: u32,
}

fn days(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 24 * 3600)
}

pub(crate) fn run(arguments: Arguments) -> Outcome {
    match arguments.command {
        Command::New(new) => make(&new),
        Command::Switch(switch) => {
            let folder = Folder::new(&switch.common.folder);
            let authority = Authority::open(&folder)?;
            authority.for_switch(&folder, &switch.name, &switch.hosts, days(switch.common.days))?;
            made(&folder, &switch.name, &format!("a switch at {}", switch.hosts.join(", ")));
            Ok(ExitCode::SUCCESS)
        }
        Command::Router(router) => {
            let folder = Folder::new(&router.common.folder);
            let authority = Authority::open(&folder)?;
            issue(&folder, &authority, &router.names, router.common.days)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn make(new: &New) -> Outcome {
    let folder = Folder::new(&new.common.folder);
    if Authority::exists(&folder) {
        let place = folder.path().display();
        let reason = format!(
            "there is an authority in {place} already: expected `edri cert router NAME` or `edri cert switch NAME`, \
             or another folder"
        );
        return Err(reason.into());
    }
    let authority = Authority::create(&folder, &new.of, days(new.authority_days))?;
    made(&folder, "authority", "the authority: keep its key where no router and no switch is");
    let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    hosts.extend(
        new.hosts.iter().filter(|host| !["localhost", "127.0.0.1", "::1"].contains(&host.as_str())).cloned(),
    );
    authority.for_switch(&folder, "switch", &hosts, days(new.common.days))?;
    made(&folder, "switch", &format!("a switch at {}", hosts.join(", ")));
    issue(&folder, &authority, &new.routers, new.common.days)?;
    say::line(format!("\nNext:\n  edri switch --listen 0.0.0.0:8899 --tls {}", folder.path().display()));
    Ok(ExitCode::SUCCESS)
}

fn issue(folder: &Folder, authority: &Authority, names: &[String], valid: u32) -> Result<(), Failed> {
    for name in names {
        authority.for_router(folder, name, days(valid))?;
        made(folder, name, &format!("the router {name}"));
    }
    Ok(())
}

fn made(folder: &Folder, name: &str, what: &str) {
    let (certificate, key) = (folder.certificate(name), folder.key(name));
    say::line(format!("{} and {}: {what}", certificate.display(), key.display()));
}
