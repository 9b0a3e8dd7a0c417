//! Closes connections whose client does not read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Time within which a client must read [`LEAST`] bytes while an answer waits for it.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes that a client must read within [`PATIENCE`].
pub(super) const LEAST: usize = 64 * 1024;

/// A connection that fails when writing makes too little progress.
pub(super) struct Stalling<T> {
    stream: T,
    patience: Duration,
    least: usize,
    /// The present span, while writing waits for the client.
    span: Option<Span>,
}

struct Span {
    ends: Pin<Box<Sleep>>,
    written: usize,
}

impl<T> Stalling<T> {
    pub(super) fn new(stream: T) -> Self {
        Self::with(stream, PATIENCE, LEAST)
    }

    fn with(stream: T, patience: Duration, least: usize) -> Self {
        Self { stream, patience, least, span: None }
    }

    /// Judges the result of a write.
    fn judge(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => {
                let patience = self.patience;
                let span =
                    self.span.get_or_insert_with(|| Span { ends: Box::pin(sleep(patience)), written: 0 });
                if span.ends.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                if span.written < self.least {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                span.written = 0;
                span.ends.as_mut().reset(Instant::now() + patience);
                // Registers the wake-up of the new span.
                let _ = span.ends.as_mut().poll(context);
                Poll::Pending
            }
            Poll::Ready(Ok(count)) => {
                if let Some(span) = &mut self.span {
                    span.written += count;
                    if span.written >= self.least {
                        self.span = None;
                    }
                }
                Poll::Ready(Ok(count))
            }
            failed => failed,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Stalling<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Stalling<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        self.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() {
            // Nothing waits for the client any more.
            self.span = None;
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(300);

    /// Writes to a client that reads `bytes` each 20 ms; returns the error.
    async fn write_to(bytes: usize) -> Option<io::ErrorKind> {
        let (ours, mut theirs) = duplex(64);
        let mut stalling = Stalling::with(ours, PATIENCE, 100);
        let reader = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(20)).await;
                if bytes > 0 && theirs.read(&mut vec![0; bytes]).await.is_err() {
                    return;
                }
            }
        });
        let written = stalling.write_all(&[0; 1000]).await;
        reader.abort();
        written.err().map(|error| error.kind())
    }

    #[tokio::test]
    async fn a_client_that_reads_nothing_or_a_byte_at_a_time_is_given_up_and_a_slow_one_is_not() {
        let began = Instant::now();
        assert_eq!(write_to(0).await, Some(io::ErrorKind::TimedOut));
        assert!(began.elapsed() >= PATIENCE);
        assert_eq!(write_to(1).await, Some(io::ErrorKind::TimedOut), "about 15 bytes within the time");
        assert_eq!(write_to(50).await, None, "about 750 bytes within the time");
    }

    #[tokio::test]
    async fn a_pause_between_answers_is_not_held_against_the_client() {
        let (ours, mut theirs) = duplex(64);
        let mut stalling = Stalling::with(ours, PATIENCE, 100);
        for _ in 0..3 {
            let reading = async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                theirs.read_exact(&mut [0; 80]).await.unwrap();
            };
            let writing = async {
                stalling.write_all(&[0; 80]).await.unwrap();
                stalling.flush().await.unwrap();
            };
            tokio::join!(reading, writing);
            tokio::time::sleep(PATIENCE * 2).await;
        }
    }
}
