//! The seam to the functions: what the local cloud calls where AWS would invoke a Lambda.
//!
//! Each function is a boxed async handler over the very event types it gets on AWS, so that it
//! cannot tell the two apart. A handler's error is a text: here, as there, the caller knows only
//! that the invocation failed. A panic is a failed invocation too, and never the end of the cloud.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use aws_lambda_events::event::dynamodb::{Event, TimeWindowEvent, TimeWindowEventResponse};
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use aws_lambda_events::event::streams::DynamoDbEventResponse;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;

use crate::problem::problem;

/// A function behind the gateway.
pub type HttpHandler =
    Arc<dyn Fn(http::Request<Bytes>) -> BoxFuture<'static, http::Response<Bytes>> + Send + Sync>;

/// A function that is fed by a queue, a stream or a schedule.
pub type Handler<In, Out> =
    Arc<dyn Fn(In) -> BoxFuture<'static, Result<Out, String>> + Send + Sync>;

/// Every function the local cloud runs.
#[derive(Clone)]
pub struct Functions {
    /// Answers `/hooks/…`.
    pub intake: HttpHandler,
    /// Answers every other path.
    pub desk: HttpHandler,
    /// Takes the queue `intake`: receipts that are to be put through again.
    pub intake_queue: Handler<SqsEvent, SqsBatchResponse>,
    /// Takes the queue `router`.
    pub router: Handler<SqsEvent, SqsBatchResponse>,
    /// Takes the queue `courier`.
    pub courier: Handler<SqsEvent, SqsBatchResponse>,
    /// Takes the table's stream.
    pub relay: Handler<Event, DynamoDbEventResponse>,
    /// Takes the table's stream in tumbling windows.
    pub metrics: Handler<TimeWindowEvent, TimeWindowEventResponse>,
    /// Runs on a schedule.
    pub sweep: Handler<EventBridgeEvent<Value>, ()>,
    /// Runs on a schedule.
    pub digest: Handler<EventBridgeEvent<Value>, ()>,
    /// Runs on a schedule.
    pub audit: Handler<EventBridgeEvent<Value>, ()>,
}

/// Boxes an async function as a function behind the gateway.
pub fn http_handler<Call, Answer>(call: Call) -> HttpHandler
where
    Call: Fn(http::Request<Bytes>) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = http::Response<Bytes>> + Send + 'static,
{
    Arc::new(move |request| call(request).boxed())
}

/// Boxes an async function as an event handler.
pub fn handler<In, Out, Failure, Call, Answer>(call: Call) -> Handler<In, Out>
where
    Out: 'static,
    Failure: ToString + 'static,
    Call: Fn(In) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<Out, Failure>> + Send + 'static,
{
    Arc::new(move |event| call(event).map(|out| out.map_err(|why| why.to_string())).boxed())
}

impl Functions {
    /// Answers one request as the gateway does; a panic answers 503.
    pub(crate) fn answer(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'static, http::Response<Bytes>> {
        let is_hook = request.uri().path().starts_with("/hooks/");
        let function = Arc::clone(if is_hook { &self.intake } else { &self.desk });
        let instance = request.uri().path().to_owned();
        async move {
            // The handler itself may panic before it returns its future.
            let call = AssertUnwindSafe(async move { function(request).await });
            call.catch_unwind().await.unwrap_or_else(|panic| {
                tracing::error!(reason = panic_text(panic.as_ref()), "a request panicked");
                let detail = "The request could not be handled. It is safe to send it again.";
                let mut answer = problem(503, "Service Unavailable", detail, &instance);
                let soon = http::HeaderValue::from_static("1");
                answer.headers_mut().insert(http::header::RETRY_AFTER, soon);
                answer
            })
        }
        .boxed()
    }
}

/// Calls an event handler; a panic is an error like any other.
pub(crate) async fn invoke<In, Out>(handler: Handler<In, Out>, event: In) -> Result<Out, String> {
    let call = AssertUnwindSafe(async move { handler(event).await });
    call.catch_unwind().await.unwrap_or_else(|panic| Err(panic_text(panic.as_ref())))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", text.unwrap_or("no message"))
}
