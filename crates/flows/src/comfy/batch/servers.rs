//! The servers of a batch as one.

use comfy_client::{Client, Fleet, FleetEvent};
use report::{Event, Failure, FailureKind, Sink};
use settings::Settings;

use super::Order;
use crate::connect::{self, Door};

/// The servers that the settings mean. One that can't be reached is left out, unless it is the last. With them the client of the first.
pub(super) async fn connect((each, door): (Vec<Settings>, Door), order: &Order<'_>) -> Result<(Fleet, Client), Failure> {
    let mut builder = Fleet::builder();
    let (mut first, mut lost) = (None, None);
    for settings in &each {
        let by_service = each.iter().all(|other| other.service.value != settings.service.value || std::ptr::eq(other, settings));
        match connect::client(settings, order.world, &door).await {
            Ok(client) => {
                let name = if each.len() > 1 && by_service { settings.service.value.clone() } else { client.url().to_owned() };
                first.get_or_insert_with(|| client.clone());
                builder = builder.server(&name, client, order.concurrency.get());
            }
            Err(failure) if each.len() == 1 => return Err(failure),
            Err(failure) => {
                order.sink.send(Event::Note(format!("`{}` is left out: {failure}", settings.shown_url())));
                lost.get_or_insert(failure);
            }
        }
    }
    let none = || Failure::new(FailureKind::Unexpected, "there is no server to send anything to");
    let first = first.ok_or_else(|| lost.unwrap_or_else(none))?;
    let sink = order.sink.clone();
    let fleet = builder.observe(move |event| tell(&sink, event)).build().map_err(|error| connect::failure(&error))?;
    Ok((fleet, first))
}

fn tell(sink: &Sink, event: FleetEvent) {
    let words = match event {
        FleetEvent::Rerouted { item, backend, why } => format!("`{item}` goes to a server again, after `{backend}`: {why}"),
        FleetEvent::Opened { backend, pause, why } => {
            let why = why.map_or_else(|| "it takes prompts, and runs or keeps none".to_owned(), |why| why.to_string());
            format!("`{backend}` gets no prompts for {} s: {why}", pause.as_secs())
        }
        FleetEvent::Probing { backend } => format!("`{backend}` answers again, and gets one prompt"),
        FleetEvent::Closed { backend } => format!("`{backend}` gets prompts as before"),
        _ => return,
    };
    sink.send(Event::Note(words));
}
