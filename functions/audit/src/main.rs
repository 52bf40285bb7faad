//! The audit as a Lambda function: parts, then run.

use audit::Audit;
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use runtime::{Clock, Configs, Environment, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::in_lambda();
    let environment = Environment::read()?;
    let (store, clock, topic) = (environment.store(), Clock::system(), environment.topic());
    let audit = Audit::new(store.clone(), Configs::new(store), clock.clone());
    run(service_fn(|event: LambdaEvent<EventBridgeEvent>| {
        let scheduled = event.payload.time.unwrap_or_else(|| clock.now());
        let (audit, topic) = (&audit, &topic);
        async move {
            Box::pin(audit.nightly(scheduled, topic)).await.map(|_| ()).map_err(Error::from)
        }
    }))
    .await
}
