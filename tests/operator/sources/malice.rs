//! A server on loopback that means ill: it stalls, lies and sends without end.
//!
//! In: what it does. Out: its URL. Ends with the runtime that it was started on.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What a server does with a connection once it has read a request.
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "the test programs that include this use different ones")]
pub(crate) enum Malice {
    /// Nothing at all.
    Silence,
    /// Headers, and then a byte now and then.
    Dribble,
    /// Less than was promised.
    Truncate,
    /// More than was promised, without end.
    Endless,
    /// Promises more than is accepted.
    Boast,
    /// Something that is no HTTP.
    Noise,
    /// Headers without end.
    EndlessHeaders,
    /// A redirect to this place.
    Redirect(&'static str),
}

/// A server on loopback that does the same to everybody.
pub(crate) async fn hostile(malice: Malice) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { return };
            // The client hangs up sooner or later, which ends this.
            tokio::spawn(async move { act(stream, malice).await });
        }
    });
    Ok(format!("http://{address}"))
}

async fn act(mut stream: TcpStream, malice: Malice) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request).await?;
    match malice {
        Malice::Silence => tokio::time::sleep(Duration::from_secs(3600)).await,
        Malice::Dribble => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await?;
            loop {
                stream.write_all(b"a").await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Malice::Truncate => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nshort").await?,
        Malice::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            let chunk = [b"10000\r\n".as_slice(), &vec![b'a'; 0x10000], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk).await?;
            }
        }
        Malice::Boast => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n").await?,
        Malice::Redirect(place) => {
            let head = format!("HTTP/1.1 302 Found\r\nlocation: {place}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
        }
        Malice::Noise => stream.write_all(&[0xff; 1000]).await?,
        Malice::EndlessHeaders => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            loop {
                stream.write_all(b"x-more: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n").await?;
            }
        }
    }
    stream.shutdown().await
}
