use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use super::error::SwitchError;

/// How many connections the system keeps until they are accepted, if it keeps so many.
const BACKLOG: i32 = 4096;

/// Listens at all addresses that these texts stand for, each of which has to be one where it `may` be listened.
pub(crate) async fn listen(
    texts: &[String],
    may: impl Fn(IpAddr) -> bool,
) -> Result<Vec<TcpListener>, SwitchError> {
    let mut addresses = Vec::new();
    for text in texts {
        addresses.extend(resolve(text).await?);
    }
    if let Some(open) = addresses.iter().find(|address| !may(address.ip())) {
        return Err(SwitchError::Plain(*open));
    }
    let listen = |address: &SocketAddr| {
        // Where IPv4 is listened to by another socket, the one of IPv6 must not take it as well.
        let has_other = addresses.iter().any(|other| other.is_ipv4() && other.port() == address.port());
        let alone = if has_other { OnlyItself::Yes } else { OnlyItself::No };
        open(*address, alone)
            .map_err(|error| SwitchError::Listen { address: *address, reason: error.to_string() })
    };
    addresses.iter().map(listen).collect()
}

/// All addresses that a text stands for.
pub(super) async fn resolve(text: &str) -> Result<Vec<SocketAddr>, SwitchError> {
    let refused = |reason: String| SwitchError::Address { text: text.to_owned(), reason };
    let expected = "expected HOST:PORT, such as 127.0.0.1:8899, [::1]:8899 or localhost:8899";
    let found =
        tokio::net::lookup_host(text).await.map_err(|error| refused(format!("{error}: {expected}")))?;
    let mut addresses: Vec<_> = found.collect();
    addresses.sort();
    addresses.dedup();
    if addresses.is_empty() { Err(refused(expected.to_owned())) } else { Ok(addresses) }
}

/// Whether a socket of IPv6 takes connections of IPv6 only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnlyItself {
    Yes,
    No,
}

fn open(address: SocketAddr, only: OnlyItself) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A switch that was killed starts again at once.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(only == OnlyItself::Yes)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::settings::{PlainText, SwitchSettings};

    async fn listen(settings: &SwitchSettings) -> Result<Vec<TcpListener>, SwitchError> {
        super::listen(&settings.listen, |address| settings.may_be_plain(address)).await
    }

    #[tokio::test]
    async fn what_is_no_address_is_refused_with_what_is_expected() {
        for text in ["", "8899", "localhost", "127.0.0.1:99999", "[::1]", "no such host.invalid:1"] {
            let error = resolve(text).await.unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")) && error.contains("expected HOST:PORT"), "{error}");
        }
    }

    #[tokio::test]
    async fn plain_text_is_for_loopback_unless_asked_for_by_name() {
        let mut settings = SwitchSettings::new(["127.0.0.1:0", "0.0.0.0:0"]);
        let error = listen(&settings).await.unwrap_err();
        assert_eq!(error, SwitchError::Plain("0.0.0.0:0".parse().unwrap()));
        settings.plain_text = PlainText::Anywhere;
        assert_eq!(listen(&settings).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() {
        let first = listen(&SwitchSettings::new(["127.0.0.1:0"])).await.unwrap();
        let address = first[0].local_addr().unwrap();
        let error = listen(&SwitchSettings::new([address.to_string()])).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot listen at {address}: ")), "{error}");
    }

    #[tokio::test]
    async fn both_families_can_be_listened_to_at_one_port() {
        let Ok(six) = listen(&SwitchSettings::new(["[::1]:0"])).await else {
            println!("skipped: there is no IPv6 here");
            return;
        };
        let port = six[0].local_addr().unwrap().port();
        drop(six);
        let mut settings = SwitchSettings::new([format!("0.0.0.0:{port}"), format!("[::]:{port}")]);
        settings.plain_text = PlainText::Anywhere;
        assert_eq!(listen(&settings).await.unwrap().len(), 2);
    }
}
