//! The sweep as a Lambda function: parts, then run.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use runtime::{Clock, Configs, Environment, Ids, telemetry};
use sweep::Sweep;

/// How many handoffs one sweep works on at once.
const ABREAST: usize = 16;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::in_lambda();
    let environment = Environment::read()?;
    let (store, clock) = (environment.store(), Clock::system());
    let configs = Configs::new(store.clone());
    let sweep =
        Sweep::new(store, configs, clock.clone(), Ids::random(), environment.bus(), ABREAST);
    run(service_fn(|event: LambdaEvent<EventBridgeEvent>| {
        let scheduled = event.payload.time.unwrap_or_else(|| clock.now());
        let sweep = &sweep;
        async move { Box::pin(sweep.handle(scheduled)).await.map(|_| ()).map_err(Error::from) }
    }))
    .await
}
