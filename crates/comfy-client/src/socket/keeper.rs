//! The task that keeps the connection: it dials, reads, notices silence, and closes the old before it dials anew.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at, sleep, timeout};
use tokio_tungstenite::tungstenite::Message as Frame;

use super::Registry;
use crate::error::{Error, ErrorKind};
use crate::judge::Due;
use crate::transport::{Transport, Upgrade, WebSocket};
use crate::wire::{decode_binary, decode_text};

/// How often the connection is tried when nothing comes by itself. A server that is gone without a word is found after
/// two of these.
const PING: Duration = Duration::from_secs(15);
/// While messages come a timer is kept so near that no other is nearer: a nearer one would have to wake the thread that sleeps
/// until the nearest, several times a job.
const BEAT: Duration = Duration::from_millis(250);
/// How long the server may take to answer our close frame.
const FAREWELL: Duration = Duration::from_secs(2);
/// Time for the server to forget the closed connection, after it has said goodbye.
const AFTER_FAREWELL: Duration = Duration::from_millis(50);
/// A connection that is thought deaf is not replaced more often than this: a slow reader elsewhere makes everybody's
/// connection look deaf, and a new one does not help.
const BETWEEN_DEAF: Duration = Duration::from_secs(10);
/// Nor is one that brings anything within this time: what is on its way would be lost.
const SILENCE: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What the keeper is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Somebody is about to submit.
    Need,
    /// The connection is open, but a prompt ended without a message.
    Deaf,
}

/// How the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Nobody needs it.
    Idle,
    Dialling,
    Open,
    /// It is open, but thought deaf.
    Doubted,
    /// It broke, and is dialled again soon.
    Broken,
    /// The last try failed; there will be another.
    Down,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It broke.
    Lost,
    /// The server closes it.
    Closed,
    /// It is to be closed, to dial anew.
    Deaf,
    /// Nobody is left who could need it.
    Unneeded,
}

/// Keeps the connection until nobody holds the other end of `orders`.
pub(super) async fn keep(
    transport: Transport,
    registry: Arc<Registry>,
    report: watch::Sender<Link>,
    mut orders: mpsc::UnboundedReceiver<Command>,
) {
    let mut pause = FIRST_PAUSE;
    let mut last_deaf = None;
    loop {
        if registry.is_idle() {
            report.send_replace(Link::Idle);
            if orders.recv().await.is_none() {
                return;
            }
        }
        report.send_replace(Link::Dialling);
        let dialled = tokio::select! {
            dialled = dial(&transport, &registry) => dialled,
            () = gone(&mut orders) => return,
        };
        match dialled {
            Ok(mut socket) => {
                tracing::debug!("websocket open");
                registry.link(true);
                report.send_replace(Link::Open);
                let begun = Instant::now();
                let end = serve(&mut socket, &registry, &report, &mut orders, &mut last_deaf).await;
                // Before the farewell, which takes its time: whoever submits now must not count on this connection.
                report.send_replace(Link::Dialling);
                registry.link(false);
                tracing::debug!(?end, "websocket closed");
                if end != End::Lost {
                    farewell(socket).await;
                }
                match end {
                    End::Unneeded => return,
                    End::Deaf => {
                        sleep(AFTER_FAREWELL).await;
                        continue;
                    }
                    // A server that takes connections only to drop them is not hammered.
                    End::Lost | End::Closed if begun.elapsed() > LONGEST_PAUSE => {
                        pause = FIRST_PAUSE;
                    }
                    End::Lost | End::Closed => {}
                }
                report.send_replace(Link::Broken);
            }
            Err(error) => {
                tracing::debug!(%error, "websocket refused");
                report.send_replace(Link::Down);
            }
        }
        if !rest(pause, &mut orders).await {
            return;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[tracing::instrument(level = "debug", skip_all, fields(server = transport.base()))]
async fn dial(transport: &Transport, registry: &Registry) -> Result<Box<WebSocket>, Error> {
    let client_id = registry.id_to_dial(transport.config().ids.client_id()?);
    let mut socket = match transport.upgrade(&client_id, None, registry.pulse().clone()).await? {
        Upgrade::Open(socket) => socket,
        Upgrade::Declined(reply) => {
            reply.judge(transport.base(), "GET /ws", Due::Nothing)?;
            return Err(Error::new(ErrorKind::Protocol, format!("`{}` does not open a WebSocket", transport.base())));
        }
    };
    // The server looks for its flags in the first message of each connection only.
    let flags = json!({"type": "feature_flags", "data": {"supports_preview_metadata": true}}).to_string();
    socket.send(Frame::text(flags)).await.map_err(|cause| {
        Error::new(ErrorKind::Unreachable, format!("the WebSocket to `{}` broke", transport.base())).sent(true).because(cause)
    })?;
    Ok(socket)
}

/// Comes back when everybody who could need the connection is gone.
async fn gone(orders: &mut mpsc::UnboundedReceiver<Command>) {
    while orders.recv().await.is_some() {}
}

/// Waits; a new need cuts a long wait short. False if nobody is left.
async fn rest(pause: Duration, orders: &mut mpsc::UnboundedReceiver<Command>) -> bool {
    sleep(pause.min(FIRST_PAUSE)).await;
    let rest = sleep(pause.saturating_sub(FIRST_PAUSE));
    tokio::pin!(rest);
    loop {
        tokio::select! {
            () = &mut rest => return true,
            order = orders.recv() => match order {
                None => return false,
                Some(Command::Need) => return true,
                Some(Command::Deaf) => {}
            },
        }
    }
}

async fn serve(
    socket: &mut WebSocket,
    registry: &Registry,
    report: &watch::Sender<Link>,
    orders: &mut mpsc::UnboundedReceiver<Command>,
    last_deaf: &mut Option<Instant>,
) -> End {
    let mut ping = interval_at(Instant::now() + PING, PING);
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // When it was last tried, and since when it is thought deaf.
    let (mut pinged, mut deaf, mut busy) = (None, None::<Instant>, false);
    loop {
        tokio::select! {
            frame = socket.next() => {
                busy = true;
                if let Some(Ok(Frame::Text(_) | Frame::Binary(_))) = frame
                    && deaf.take().is_some()
                {
                    report.send_replace(Link::Open);
                }
                match frame {
                    Some(Ok(Frame::Text(text))) => registry.route(decode_text(&text)),
                    Some(Ok(Frame::Binary(bytes))) => registry.route(decode_binary(&bytes)),
                    Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_))) => {}
                    Some(Ok(Frame::Close(_))) => return End::Closed,
                    Some(Err(error)) => {
                        tracing::debug!(%error, "websocket broke");
                        return End::Lost;
                    }
                    None => return End::Lost,
                }
            }
            order = orders.recv() => match order {
                None => return End::Unneeded,
                Some(Command::Deaf) if last_deaf.is_none_or(|last| last.elapsed() >= BETWEEN_DEAF) => {
                    deaf.get_or_insert_with(Instant::now);
                }
                Some(Command::Deaf) => {
                    report.send_replace(Link::Open);
                }
                Some(Command::Need) => {}
            },
            _ = beat.tick(), if busy || deaf.is_some() => {
                busy = false;
                if deaf.is_some_and(|since| registry.pulse().last().max(since).elapsed() >= SILENCE) {
                    *last_deaf = Some(Instant::now());
                    return End::Deaf;
                }
            }
            now = ping.tick() => {
                if pinged.replace(now).is_some_and(|last| registry.pulse().last() < last) {
                    tracing::debug!("websocket silent");
                    return End::Lost;
                }
                if socket.send(Frame::Ping(bytes::Bytes::new())).await.is_err() {
                    return End::Lost;
                }
            }
        }
    }
}

/// Closes, and waits for the server to do the same: a server that still holds the old connection of an id would later
/// forget the new one instead.
async fn farewell(mut socket: Box<WebSocket>) {
    let whole = async {
        SinkExt::close(&mut socket).await.ok();
        while let Some(Ok(_)) = socket.next().await {}
    };
    // A server that does not answer has lost the connection already, or never will.
    let _ = timeout(FAREWELL, whole).await;
}
