//! One connection: read a request, let a fault have its way, answer, again.

use std::sync::Arc;

use tokio::net::TcpStream;

use super::Core;
use super::http::{ReadError, Request, Response, Wire, split_target};
use crate::api::route;
use crate::fault::{Fault, Reply, Script};
use crate::journal::{Answer, Entry};
use crate::pages;

/// What is to be done on the wire once a request has been handled.
enum Delivery {
    Whole(Response),
    Cut(Response),
    Nothing,
}

pub(crate) async fn serve(stream: TcpStream, core: Arc<Core>) {
    let mut wire = Wire::new(stream);
    loop {
        let (method, target) = match wire.request_line().await {
            Ok(line) => line,
            Err(error) => return refuse(wire, error).await,
        };
        let (path, _) = split_target(&target);
        let is_api = path.starts_with("/v1/");
        let fault = if is_api {
            let operation = route::route(&method, path).map(|route| route.operation);
            core.faults.take(&method, path, operation)
        } else {
            Fault::Pass
        };
        if matches!(fault, Fault::ResetBeforeReading) {
            core.journal.record_unread(&method, &target);
            return wire.reset();
        }
        let request = match wire.request().await {
            Ok(request) => request,
            Err(error) => return refuse(wire, error).await,
        };
        if !is_api {
            let page = pages::answer(&mut core.api(), &request);
            match wire.answer(&request, &page).await {
                Ok(true) => continue,
                _ => return,
            }
        }
        let entry = core.journal.record(&request);
        match handle(&core, entry, &request, fault).await {
            Delivery::Nothing => return core.journal.answered(entry, Answer::Lost),
            Delivery::Cut(response) => {
                core.journal.answered(entry, Answer::Cut(response.status));
                // Whoever has gone away in between loses the whole answer instead of a half.
                let _ = wire.cut(&response).await;
                return;
            }
            Delivery::Whole(response) => {
                if !deliver(&core, &mut wire, entry, &request, &response).await {
                    return;
                }
            }
        }
    }
}

async fn deliver(
    core: &Core,
    wire: &mut Wire,
    entry: Entry,
    request: &Request,
    response: &Response,
) -> bool {
    core.journal
        .answered(entry, Answer::Status(response.status));
    wire.answer(request, response).await.unwrap_or(false)
}

async fn refuse(mut wire: Wire, error: ReadError) {
    if let ReadError::Refused(status) = error {
        // The connection ends either way.
        let _ = wire.refuse(status).await;
    }
}

async fn handle(core: &Core, entry: Entry, request: &Request, fault: Fault) -> Delivery {
    match fault {
        Fault::Pass => Delivery::Whole(core.api().answer(request)),
        Fault::LoseAnswer => {
            core.api().answer(request);
            Delivery::Nothing
        }
        Fault::CutBody => Delivery::Cut(core.api().answer(request)),
        Fault::Stall => {
            let begun = core.api().begin(request);
            match begun {
                Err(response) => Delivery::Whole(*response),
                Ok(ticket) => {
                    core.stalls.hold().await;
                    Delivery::Whole(core.api().finish(&ticket, request))
                }
            }
        }
        Fault::StallAnswer => {
            let response = core.api().answer(request);
            core.stalls.hold().await;
            Delivery::Whole(response)
        }
        Fault::Late => match core.late.hold(request, entry).await {
            Some(response) => Delivery::Whole(response),
            None => Delivery::Nothing,
        },
        Fault::Answer(Reply(Script::Declined(error))) => {
            Delivery::Whole(core.api().answer_with(request, error))
        }
        Fault::Answer(reply) => Delivery::Whole(scripted(core, request, reply)),
        Fault::CommitThenAnswer(reply) => {
            core.api().answer(request);
            Delivery::Whole(scripted(core, request, reply))
        }
        Fault::Garbage => {
            let mut response = core.api().answer(request);
            response.body = b"{\"id\": \"pay_, this is not JSON".to_vec();
            Delivery::Whole(response)
        }
        Fault::Alter(change) => {
            let mut response = core.api().answer(request);
            response.body = change.apply(&response.body);
            Delivery::Whole(response)
        }
        // Handled before the request was read.
        Fault::ResetBeforeReading => Delivery::Nothing,
    }
}

fn scripted(core: &Core, request: &Request, reply: Reply) -> Response {
    match reply.0 {
        Script::Error(error) | Script::Declined(error) => {
            core.api().envelope(request).error(&error)
        }
        Script::Html(status) => Response::new(
            status,
            "text/html",
            format!(
                "<html><head><title>{status}</title></head>\
                 <body><h1>{status}</h1><p>The proxy got no answer.</p></body></html>\n"
            )
            .into_bytes(),
        ),
        Script::Raw {
            status,
            headers,
            body,
        } => Response::bare(status, headers, body),
    }
}
