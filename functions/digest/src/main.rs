//! The digest as a Lambda function: parts, then run.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use digest::{Digest, Wanted};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use runtime::{Clock, Configs, Environment, Ids, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::in_lambda();
    let environment = Environment::read()?;
    let (store, clock) = (environment.store(), Clock::system());
    let configs = Configs::new(store.clone());
    let digest = Digest::new(store, configs, environment.topic(), clock.clone(), Ids::random());
    run(service_fn(|event: LambdaEvent<EventBridgeEvent<Wanted>>| {
        let scheduled = event.payload.time.unwrap_or_else(|| clock.now());
        let digest = &digest;
        let wanted = event.payload.detail;
        async move { Box::pin(digest.handle(wanted, scheduled)).await.map_err(Error::from) }
    }))
    .await
}
