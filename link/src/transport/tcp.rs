use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::Dial;

/// Connects over TCP. An address is a host and a port, such as `switch.local:8899`; the host's name is resolved each time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tcp {
    /// How long one attempt may take, for all that a name resolves to. 5 s by default.
    pub timeout: Duration,
    /// When a connection is idle for so long the kernel asks whether the other end's machine is there, beside the
    /// heartbeats of the link itself. 15 s by default; `None`: never.
    pub keepalive: Option<Duration>,
}

impl Default for Tcp {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), keepalive: Some(Duration::from_secs(15)) }
    }
}

impl Tcp {
    /// Sets a stream up as a link wants it, also one that was accepted: what is written goes at once, since a link writes
    /// all it has together.
    ///
    /// # Errors
    /// What the system says.
    pub fn prepare(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        if let Some(idle) = self.keepalive {
            let keepalive = TcpKeepalive::new().with_time(idle).with_interval(idle / 3);
            SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
        }
        Ok(())
    }

    async fn connect(&self, address: &str) -> io::Result<TcpStream> {
        let mut last = None;
        for resolved in lookup_host(address).await? {
            match TcpStream::connect(resolved).await {
                Ok(stream) => {
                    self.prepare(&stream)?;
                    return Ok(stream);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("the name in `{address}` resolves to nothing"))
        }))
    }
}

impl Dial for Tcp {
    type Stream = TcpStream;

    async fn dial(&self, address: &str) -> io::Result<TcpStream> {
        match timeout(self.timeout, self.connect(address)).await {
            Ok(connected) => connected,
            Err(_) => {
                let within = self.timeout;
                Err(io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {within:?}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn it_connects_to_a_name_and_says_what_is_wrong_if_it_cannot() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let tcp = Tcp::default();
        let mut stream = tcp.dial(&format!("localhost:{port}")).await.unwrap();
        let (mut accepted, _) = listener.accept().await.unwrap();
        tcp.prepare(&accepted).unwrap();
        assert!(stream.nodelay().unwrap() && accepted.nodelay().unwrap());
        assert!(SockRef::from(&stream).keepalive().unwrap());
        stream.write_all(b"hello").await.unwrap();
        let mut got = [0; 5];
        accepted.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"hello");
        drop(listener);
        let refused = tcp.dial(&format!("127.0.0.1:{port}")).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert!(tcp.dial("no port").await.is_err());
    }
}
