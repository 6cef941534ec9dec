//! A line that can be cut: it passes on what comes to one address to another.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

pub struct Line {
    address: SocketAddr,
    whole: watch::Sender<bool>,
    task: AbortHandle,
}

impl Line {
    pub async fn to(there: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (whole, is_whole) = watch::channel(true);
        let task = tokio::spawn(pass_on(listener, there, is_whole)).abort_handle();
        Self { address, whole, task }
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// What goes over it breaks, and nothing else gets over it.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(listener: TcpListener, there: SocketAddr, mut whole: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (mut near, _) = accepted.unwrap();
                // Else it is dropped, which its other end sees.
                if *whole.borrow() {
                    connections.spawn(async move {
                        if let Ok(mut far) = TcpStream::connect(there).await {
                            let _ = copy_bidirectional(&mut near, &mut far).await;
                        }
                    });
                }
            }
            Ok(()) = whole.changed() => {
                if !*whole.borrow_and_update() {
                    connections.abort_all();
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
