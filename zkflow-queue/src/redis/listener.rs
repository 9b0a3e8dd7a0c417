//! Subscription to messages of other processes, restored after every loss.

use std::sync::Weak;
use std::time::Duration;

use futures::StreamExt;
use redis::{RedisError, RedisResult};
use tokio::time::{sleep, timeout};

use super::link::{Link, PATIENCE};

/// Receiver of published messages.
pub(super) trait Hearing: Send + Sync + 'static {
    /// Channels to subscribe to.
    fn channels(&self) -> Vec<String>;

    /// Called for each message.
    fn heard(&self, channel: &str, message: &str);

    /// Called after each subscription: earlier messages may have been missed.
    fn missed(&self);
}

/// Time without messages after which the connection is checked with a ping.
const SILENCE: Duration = Duration::from_secs(5);

/// Pause between a loss and the next subscription.
const PAUSE: Duration = Duration::from_millis(200);

/// Listens until `link` or `hearing` is dropped.
pub(super) async fn listen<H: Hearing>(link: Weak<Link>, hearing: Weak<H>) {
    let mut was_listening = true;
    while let Some(upgraded) = link.upgrade() {
        let client = upgraded.any_node().clone();
        drop(upgraded);
        let Err(error) = listen_once(&client, &hearing, &mut was_listening).await else { return };
        if std::mem::take(&mut was_listening) {
            tracing::warn!(%error, "not subscribed to Redis: jobs of other processes are found by polling");
        }
        sleep(PAUSE).await;
    }
}

/// Listens over one connection. Sets `listening` once subscribed; returns `Ok` when `hearing` is dropped.
async fn listen_once<H: Hearing>(
    client: &redis::Client,
    hearing: &Weak<H>,
    listening: &mut bool,
) -> RedisResult<()> {
    let silent = |_| RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
    let subscribing = async {
        let mut connection = client.get_async_pubsub().await?;
        let Some(hearing) = hearing.upgrade() else { return Ok(None) };
        connection.subscribe(hearing.channels()).await?;
        hearing.missed();
        Ok::<_, RedisError>(Some(connection))
    };
    let Some(connection) = timeout(PATIENCE, subscribing).await.map_err(silent)?? else { return Ok(()) };
    *listening = true;
    let (mut asking, mut messages) = connection.split();
    loop {
        let heard = timeout(SILENCE, messages.next()).await;
        let Some(hearing) = hearing.upgrade() else { return Ok(()) };
        match heard {
            Ok(Some(message)) => {
                let text: String = message.get_payload().unwrap_or_default();
                hearing.heard(message.get_channel_name(), &text);
            }
            Ok(None) => return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
            Err(_) => {
                let () = timeout(PATIENCE, asking.ping::<redis::Value>()).await.map_err(silent)?.map(drop)?;
            }
        }
    }
}
