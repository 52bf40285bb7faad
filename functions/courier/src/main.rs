//! The courier as a Lambda function: parts, then run.

use courier::Courier;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use runtime::{Clock, Configs, Environment, Ids, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::in_lambda();
    let environment = Environment::read()?;
    let store = environment.store();
    let known = (Configs::new(store.clone()), environment.secrets());
    let outward = (environment.outside(), environment.topic());
    let courier = Courier::new(store, known, outward, (Clock::system(), Ids::random()));
    run(service_fn(|event: LambdaEvent<_>| async {
        Ok::<_, Error>(courier.handle(event.payload).await)
    }))
    .await
}
