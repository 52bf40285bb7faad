//! Intake as a Lambda function: webhooks by the gateway, and receipts that come back by the queue.

use aws_lambda_events::event::sqs::SqsEvent;
use bytes::Bytes;
use intake::Intake;
use lambda_http::request::LambdaRequest;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use runtime::{Clock, Configs, Environment, Ids, telemetry};
use serde_json::Value;

/// How many events of one request are settled at once.
const ABREAST: usize = 10;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::in_lambda();
    let environment = Environment::read()?;
    let (store, secrets) = (environment.store(), environment.secrets());
    let configs = Configs::new(store.clone());
    let parts = (Clock::system(), Ids::random());
    let told = (secrets, environment.outside());
    let intake = Intake::new(store, configs, told, parts, ABREAST);
    run(service_fn(|event: LambdaEvent<Value>| async { answer(&intake, event.payload).await }))
        .await
}

async fn answer(intake: &Intake, event: Value) -> Result<Value, Error> {
    if event.get("Records").is_some() {
        let batch: SqsEvent = serde_json::from_value(event)?;
        return Ok(serde_json::to_value(intake.drain(batch).await)?);
    }
    let request: lambda_http::Request = serde_json::from_value::<LambdaRequest>(event)?.into();
    let answer = intake.handle(request.map(|body| Bytes::copy_from_slice(&body))).await;
    let (parts, body) = answer.into_parts();
    let text = String::from_utf8_lossy(&body);
    let headers: serde_json::Map<String, Value> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    Ok(serde_json::json!({ "statusCode": parts.status.as_u16(), "headers": headers, "body": text }))
}
