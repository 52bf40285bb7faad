//! Metrics as a Lambda function: parts, then run.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use metrics::Metrics;
use runtime::{Clock, Environment, Ids, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::in_lambda();
    let metrics = Metrics::new(Environment::read()?.store(), Clock::system(), Ids::random());
    run(service_fn(|event: LambdaEvent<_>| async {
        Ok::<_, Error>(metrics.handle(event.payload).await)
    }))
    .await
}
