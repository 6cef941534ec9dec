use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use edri_link::wire::{
    Close, CloseCode, Credentials, Frame, FrameError, Hello, Identity, Limits, Pong, Purpose, Reader,
    Refused, Welcome, write,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

#[cfg(feature = "tls")]
use crate::tls::TlsClient;

/// Finds out whether a router could join a switch, and how far it is, without joining: nobody else hears of it.
///
/// ```
/// use std::time::Duration;
///
/// use edri_connector::{Probe, ProbeSettings};
/// use edri_connector::switch::{Switch, SwitchSettings};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let switch = Switch::new(SwitchSettings::new(["127.0.0.1:0"])).start().await?;
/// let mut probe = Probe::connect(switch.addresses()[0], ProbeSettings::new("press-1")).await?;
/// println!("{:?} there and back", probe.ping(Duration::from_secs(1)).await?);
/// # Ok(())
/// # }
/// ```
pub struct Probe {
    stream: Box<dyn Bearer>,
    reader: Reader,
    welcome: Welcome,
    pings: u64,
}

/// As whom a probe comes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProbeSettings {
    /// The router that it says it is: a fresh one unless told otherwise.
    pub identity: Identity,
    /// Why it may come in.
    pub credentials: Credentials,
    /// TLS, with the host that the switch's certificate has to be for.
    #[cfg(feature = "tls")]
    pub tls: Option<(TlsClient, String)>,
    /// How long the handshakes may take. 5 s by default.
    pub within: Duration,
}

/// Why a probe failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// Nobody is there.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// It is not the switch that was expected, or it does not accept this side.
    #[error("no TLS: {0}")]
    Tls(io::Error),
    /// The switch did not let it in.
    #[error("refused: {0}")]
    Refused(Refused),
    /// The switch ended the connection.
    #[error("the switch closed the connection{}", .0.as_ref().map_or(String::new(), |close| format!(": {}", close.reason)))]
    Closed(Option<Close>),
    /// The connection broke.
    #[error("the connection was lost: {0}")]
    Lost(#[from] io::Error),
    /// What came is not what a switch says.
    #[error("that is no switch to talk to: {0}")]
    NoSwitch(String),
    /// It took too long.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
}

trait Bearer: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Bearer for S {}

impl ProbeSettings {
    /// As a router of that name, in the network without a name, without credentials and without TLS.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            identity: Identity::new(edri_event::RouterId::fresh(), name),
            credentials: Credentials::None,
            #[cfg(feature = "tls")]
            tls: None,
            within: Duration::from_secs(5),
        }
    }
}

impl Probe {
    /// Connects, and is let in.
    ///
    /// # Errors
    /// Nobody is there, it is somebody else, or a router like this is not let in.
    ///
    /// # Cancel safety
    /// The switch sees a connection that was lost.
    pub async fn connect(address: SocketAddr, settings: ProbeSettings) -> Result<Self, ProbeError> {
        let within = settings.within;
        let connected = tokio::time::timeout(within, Self::greet(address, settings)).await;
        connected.unwrap_or(Err(ProbeError::TimedOut(within)))
    }

    async fn greet(address: SocketAddr, settings: ProbeSettings) -> Result<Self, ProbeError> {
        let stream = TcpStream::connect(address).await.map_err(ProbeError::Connect)?;
        stream.set_nodelay(true).map_err(ProbeError::Connect)?;
        #[cfg(feature = "tls")]
        let mut stream: Box<dyn Bearer> = match &settings.tls {
            Some((tls, host)) => Box::new(tls.connect(host, stream).await.map_err(ProbeError::Tls)?),
            None => Box::new(stream),
        };
        #[cfg(not(feature = "tls"))]
        let mut stream: Box<dyn Bearer> = Box::new(stream);
        let hello = Hello::new(settings.identity, settings.credentials, Limits::default(), 5_000);
        say(&mut stream, &Frame::Hello(Hello { purpose: Purpose::Probe, ..hello })).await?;
        let mut reader = Reader::new(64 * 1024);
        match hear(&mut stream, &mut reader).await? {
            Frame::Welcome(welcome) => Ok(Self { stream, reader, welcome, pings: 0 }),
            Frame::Refused(refused) => Err(ProbeError::Refused(refused)),
            frame => {
                Err(ProbeError::NoSwitch(format!("a frame `{}` came: expected a welcome", frame.name())))
            }
        }
    }

    /// What the switch said to it.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// How long it takes there and back.
    ///
    /// # Errors
    /// There is no answer in time, or the connection has ended.
    ///
    /// # Cancel safety
    /// An answer that comes later is taken for none of a later ping.
    pub async fn ping(&mut self, within: Duration) -> Result<Duration, ProbeError> {
        self.pings += 1;
        let number = self.pings;
        let answered = tokio::time::timeout(within, async {
            let began = Instant::now();
            say(&mut self.stream, &Frame::Ping(number)).await?;
            self.until(|frame| matches!(frame, Frame::Pong(pong) if pong.number == number)).await?;
            Ok(began.elapsed())
        });
        answered.await.unwrap_or(Err(ProbeError::TimedOut(within)))
    }

    /// Waits, and answers what the switch wants to know meanwhile.
    ///
    /// # Errors
    /// The connection has ended.
    ///
    /// # Cancel safety
    /// It can be waited for again.
    pub async fn wait(&mut self, time: Duration) -> Result<(), ProbeError> {
        match tokio::time::timeout(time, self.until(|_| false)).await {
            Ok(ended) => ended,
            // A sign of life.
            Err(_) => say(&mut self.stream, &Frame::Heartbeat).await.map_err(ProbeError::Lost),
        }
    }

    /// Says goodbye.
    ///
    /// # Cancel safety
    /// The switch sees a connection that was lost.
    pub async fn close(mut self) {
        let close = Close { code: CloseCode::Orderly, reason: String::new() };
        // If it is gone, it is closed, too.
        let _ = say(&mut self.stream, &Frame::Close(close)).await;
        let _ = self.stream.shutdown().await;
    }

    async fn until(&mut self, is_it: impl Fn(&Frame) -> bool) -> Result<(), ProbeError> {
        loop {
            match hear(&mut self.stream, &mut self.reader).await? {
                Frame::Ping(number) => {
                    say(&mut self.stream, &Frame::Pong(Pong { number, resent: 0 })).await?;
                }
                Frame::Close(close) => return Err(ProbeError::Closed(Some(close))),
                frame if is_it(&frame) => return Ok(()),
                _ => {}
            }
        }
    }
}

async fn say(stream: &mut (dyn Bearer + '_), frame: &Frame) -> io::Result<()> {
    let mut bytes = Vec::new();
    write(&mut bytes, frame);
    stream.write_all(&bytes).await?;
    stream.flush().await
}

async fn hear(stream: &mut (dyn Bearer + '_), reader: &mut Reader) -> Result<Frame, ProbeError> {
    loop {
        let frame =
            reader.next_frame().map_err(|error: FrameError| ProbeError::NoSwitch(error.to_string()))?;
        if let Some(frame) = frame {
            return Ok(frame);
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await? {
            0 => return Err(ProbeError::Closed(None)),
            // An alert of TLS.
            2.. if buffer.starts_with(&[0x15, 0x03]) && reader.held() == 0 => {
                let reason = "it speaks TLS, and was spoken to without".to_owned();
                return Err(ProbeError::NoSwitch(reason));
            }
            length => reader.push(&buffer[..length]),
        }
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Probe").field("welcome", &self.welcome).finish_non_exhaustive()
    }
}
