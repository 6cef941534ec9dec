//! A program that does not enter as a worker though it is started as one: it does what its environment says.

#[cfg(target_os = "linux")]
fn main() {
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;

    let mode = std::env::var("MODE").unwrap_or_default();
    let Ok(socket) = std::io::stdin().as_fd().try_clone_to_owned() else { return };
    let mut socket = UnixStream::from(socket);
    match mode.as_str() {
        "garbage" => {
            let garbage: Vec<u8> =
                (0..100_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
            let _ = socket.write_all(&garbage);
        }
        "closes" => {
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
        // It reads what comes, and says nothing.
        "silent" => {
            let mut buffer = [0; 1024];
            while matches!(socket.read(&mut buffer), Ok(1..)) {}
        }
        _ => return,
    }
    loop {
        std::thread::sleep(std::time::Duration::from_secs(3600));
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {}
