//! The same over a real socket, as the product does it in `sprout dev`.

use std::sync::Arc;

use beansprout::aws::{Budget, CallError, Clients, Connection, OpenGate, Origin};
use beansprout::clock::{Clock, Entropy};
use beansprout::emulator::{Emulator, Settings};
use beansprout::model::{PutBundle, RefusalClass};
use beansprout::provider::{Beanstalk, Bundles};
use tokio_util::sync::CancellationToken;

use super::{roomy, shop};

async fn connect(endpoint: String) -> Clients {
    let connection = Connection {
        origin: Origin::Fixed {
            endpoint,
            region: "eu-central-1".to_owned(),
            access_key: "AKIDTEST".to_owned(),
        },
        gate: Arc::new(OpenGate),
        budget: Budget::new(roomy(), Entropy::seeded(1)),
        clock: Clock::system(),
    };
    Clients::connect(connection).await.expect("clients")
}

#[tokio::test]
async fn a_plain_endpoint_is_asked_directly() {
    let emulator = Emulator::new(Settings::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let shutdown = CancellationToken::new();
    let server = tokio::spawn({
        let (emulator, shutdown) = (emulator.clone(), shutdown.clone());
        async move { emulator.serve(listener, shutdown).await }
    });

    let clients = connect(endpoint.clone()).await;
    assert_eq!(clients.endpoint.as_ref(), Some(&endpoint));
    let beanstalk = Beanstalk::new(clients.clone());
    beanstalk.create_application(&shop(), "for tests").await.unwrap();
    assert!(beanstalk.application_exists(&shop()).await.unwrap());
    assert!(beanstalk.listing().await.unwrap().date.is_some());
    let bucket = beanstalk.storage_location().await.unwrap();
    let bundles = Bundles::new(clients.clone(), Some(clients.caller().await.unwrap().value.account));
    let mut put = PutBundle { bucket, key: "sprout/a.zip".to_owned(), bytes: b"abc".to_vec() };
    bundles.put(&put).await.unwrap();
    bundles.put(&put).await.expect("the same bytes once more");
    put.bytes = b"abd".to_vec();
    assert!(bundles.put(&put).await.unwrap_err().is(RefusalClass::Invalid));
    bundles.delete(&put.bucket, &put.key).await.unwrap();
    assert!(!bundles.exists(&put.bucket, &put.key).await.unwrap());

    shutdown.cancel();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn nobody_at_the_endpoint_means_not_sent() {
    // Bound and given back: nobody listens there.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let beanstalk = Beanstalk::new(connect(endpoint).await);
    let error = beanstalk.storage_location().await.unwrap_err();
    assert!(matches!(&error, CallError::NotSent { why } if why.contains("refused")), "{error}");
}
