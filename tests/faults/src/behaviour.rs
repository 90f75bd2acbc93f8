//! What merchants do with a request.

use crate::evidence::now_us;
use std::io;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::WriteHalf;
use tokio::time::sleep;

/// What a merchant does with a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Behaviour {
    /// It acknowledges: 200 `ok`.
    Ok,
    /// It answers with a status, a body and perhaps `Retry-After`.
    Answer(u16, &'static str, Option<&'static str>),
    /// It acknowledges after a time.
    Slow(Duration),
    /// It acknowledges at the next moment that is a multiple of this, all requests that wait at once.
    OnTheTick(Duration),
    /// It never answers; the connection stays open.
    Hang,
    /// It sends a byte of an acknowledgement now and then, too slowly to end in time.
    Drip(Duration),
    /// It resets the connection without an answer.
    Reset,
    /// It resets the connection after the headers of a 200.
    ResetAfterHead,
    /// It resets the connection in the middle of the body of a 200.
    ResetInBody,
    /// The first request of a delivery gets the first, the second the second …, and the last repeats.
    InTurn(Vec<Behaviour>),
    /// It breaks in all these ways in turn, over all deliveries, for ever.
    Alternate(Vec<Behaviour>),
}

/// Does it; answers whether an acknowledgement was handed to the kernel, whole. `under` is dropped when the caller is free
/// for its next request: as soon as the answer goes out.
pub(crate) async fn act<U>(behaviour: &Behaviour, write: &mut WriteHalf<'_>, under: U) -> io::Result<bool> {
    const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    const LONG_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n";
    match behaviour {
        Behaviour::Ok | Behaviour::Slow(_) | Behaviour::OnTheTick(_) => {
            match behaviour {
                Behaviour::Slow(time) => sleep(*time).await,
                Behaviour::OnTheTick(every) => {
                    let every = i64::try_from(every.as_micros()).unwrap_or(1).max(1);
                    let left = every - now_us() % every;
                    sleep(Duration::from_micros(u64::try_from(left).unwrap_or(0))).await;
                }
                _ => {}
            }
            drop(under);
            write.write_all(OK).await?;
        }
        Behaviour::Answer(status, body, retry_after) => {
            drop(under);
            let retry_after = retry_after.map(|value| format!("retry-after: {value}\r\n")).unwrap_or_default();
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} X\r\n{retry_after}content-length: {length}\r\n\r\n{body}");
            write.write_all(answer.as_bytes()).await?;
            return Ok((200..300).contains(status) && *body == "ok");
        }
        Behaviour::Hang => {
            let _until_it_leaves = under;
            std::future::pending().await
        }
        Behaviour::Drip(every) => {
            for byte in OK {
                write.write_all(&[*byte]).await?;
                sleep(*every).await;
            }
        }
        Behaviour::Reset => return Ok(false),
        Behaviour::ResetAfterHead => {
            write.write_all(LONG_HEAD).await?;
            sleep(Duration::from_millis(20)).await;
            return Ok(false);
        }
        Behaviour::ResetInBody => {
            write.write_all(LONG_HEAD).await?;
            write.write_all(b"ok").await?;
            sleep(Duration::from_millis(20)).await;
            return Ok(false);
        }
        Behaviour::InTurn(_) | Behaviour::Alternate(_) => return Ok(false),
    }
    Ok(true)
}
