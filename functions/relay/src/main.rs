//! The relay as a Lambda function: parts, then run.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use relay::Relay;
use runtime::{Clock, Configs, Environment, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::in_lambda();
    let environment = Environment::read()?;
    let store = environment.store();
    let configs = Configs::new(store.clone());
    let outward = (environment.bus(), environment.topic());
    let relay = Relay::new(store, configs, outward, Clock::system());
    run(service_fn(|event: LambdaEvent<_>| async {
        Ok::<_, Error>(relay.handle(event.payload).await)
    }))
    .await
}
