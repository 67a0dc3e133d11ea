//! The socket, the control socket and the state file.

use tokio_util::sync::CancellationToken;

use super::*;
use crate::emulator::Fault;
use crate::emulator::Kind;

/// An SDK client that goes over a real socket.
fn remote(address: std::net::SocketAddr) -> Client {
    let config = aws_sdk_elasticbeanstalk::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("AKIDTEST", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(format!("http://{address}"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

#[tokio::test]
async fn the_same_world_answers_on_a_socket_and_is_kept_in_its_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("world.json");
    let emulator = Emulator::open(Settings::default(), &file).expect("a new world");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let shutdown = CancellationToken::new();
    let (server, token) = (emulator.clone(), shutdown.clone());
    let serving = tokio::spawn(async move { server.serve(listener, token).await });

    let aws = remote(address);
    aws.create_application().application_name("shop").send().await.expect("an application");
    emulator.faults(vec![Fault::on("DescribeApplications", Kind::Lost).once()]);
    let lost = aws.describe_applications().send().await;
    assert!(matches!(lost, Err(SdkError::DispatchFailure(_))), "{lost:?}");
    let listed = aws.describe_applications().send().await.expect("a listing");
    assert_eq!(listed.applications().len(), 1);
    emulator.jump(jiff::SignedDuration::from_hours(5));
    let (then, account) = emulator.with(|world| (world.now(), world.account.clone()));
    shutdown.cancel();
    serving.await.expect("no panic").expect("a written file");

    let settings = Settings { seed: 7, ..Settings::default() };
    let again = Emulator::open(settings, &file).expect("the kept world");
    again.with(|world| {
        assert!(world.applications.contains_key("shop"));
        assert_eq!(world.account, account);
        assert!(world.now() >= then, "time never runs backwards");
    });
    std::fs::write(&file, "{}").expect("written");
    assert!(Emulator::open(Settings::default(), &file).is_err());
}

#[tokio::test(start_paused = true)]
async fn what_runs_when_the_world_is_kept_goes_on_afterwards() {
    let rig = Rig::new().await;
    let id = rig.create("f-login").send().await.expect("made").environment_id.expect("an id");
    rig.later(100).await;
    let kept = rig.emulator.with(|world| serde_json::to_vec(world)).expect("JSON");
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("world.json");
    std::fs::write(&file, &kept).expect("written");
    let emulator = Emulator::open(Settings::default(), &file).expect("the kept world");
    let rig = Rig { aws: client(&emulator, "AKIDTEST"), emulator };
    assert_eq!(state(&rig.one(&id).await)[0], "Launching");
    rig.later(LAUNCH - 100).await;
    assert_eq!(state(&rig.one(&id).await)[0], "Ready");
}

#[tokio::test(start_paused = true)]
async fn the_control_socket_moves_the_world() {
    let rig = Rig::new().await;
    let control = |line: &str| {
        let reply = rig.emulator.control(line);
        assert!(reply.get("error").is_none(), "{line}: {reply}");
        reply
    };
    control("speed 60");
    let id = rig.create("f-login").send().await.expect("made").environment_id.expect("an id");
    assert_eq!(control("lapse")["in"], LAUNCH as f64);
    rig.later(5).await;
    assert_eq!(state(&rig.one(&id).await), ["Ready", "Green", "Ok"], "300 world seconds in five");
    control("health f-login Red");
    assert_eq!(state(&rig.one(&id).await), ["Ready", "Red", "Degraded"]);
    control("speed 1");
    let before = rig.emulator.now();
    control("clock +1h");
    assert_eq!(rig.emulator.now().duration_since(before).as_secs(), 3600);
    control("quota environments 1");
    assert_eq!(refusal(rig.create("f-other").send().await).0, "TooManyEnvironmentsException");
    control("see AKIDTEST other-");
    assert_eq!(rig.list().await.len(), 0);
    control("see AKIDTEST sho");
    assert_eq!(rig.list().await.len(), 1);
    control(r#"fault {"operation": "DescribeEnvironments", "kind": "empty", "count": 1}"#);
    assert_eq!((rig.list().await.len(), rig.list().await.len()), (0, 1));
    assert_eq!(control("hits")["hits"][0]["hits"], 1);
    let calls = control("calls");
    let last = calls["last"].as_u64().expect("a number");
    assert_eq!(calls["calls"].as_array().map(Vec::len), Some(last as usize));
    assert_eq!(control(&format!("calls since {last}"))["calls"].as_array().map(Vec::len), Some(0));
    let world = control("world");
    assert_eq!(world["environments"][&id]["name"], "f-login");
    assert_eq!(control("reading failed-launch grey")["readings"]["failed-launch"], "grey");
    assert_eq!(control("reading early_cname true")["readings"]["early-cname"], true);
    let wrong = rig.emulator.control("reading failed-launch pink");
    assert!(wrong["error"].as_str().is_some_and(|text| text.contains("terminated")), "{wrong}");
    assert!(rig.emulator.control("spede 1").get("error").is_some());
}

#[tokio::test]
async fn the_control_socket_is_a_socket() {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("control.sock");
    let emulator = Emulator::new(Settings::default());
    let shutdown = CancellationToken::new();
    let (token, at) = (shutdown.clone(), path.clone());
    let serving = tokio::spawn(async move { emulator.serve_control(&at, token).await });
    let mut stream = loop {
        match tokio::net::UnixStream::connect(&path).await {
            Ok(stream) => break BufReader::new(stream),
            Err(_) => tokio::task::yield_now().await,
        }
    };
    stream.write_all(b"speed 2\n{\"speed\": 3}\n").await.expect("written");
    let mut reply = String::new();
    for _ in 0..2 {
        stream.read_line(&mut reply).await.expect("a reply");
    }
    assert_eq!(reply, "{\"speed\":2.0}\n{\"speed\":3.0}\n");
    shutdown.cancel();
    serving.await.expect("no panic").expect("a clean end");
    assert!(!path.exists());
}

#[tokio::test(start_paused = true)]
async fn a_page_holds_no_more_than_it_was_asked_for() {
    let rig = Rig::new().await;
    rig.create("f-env").send().await.expect("made");
    rig.emulator.with(|world| {
        let (_, first) = world.environments.first_key_value().expect("one");
        let first = first.clone();
        for n in 0..10_000 {
            let id = format!("e-{n:010}");
            world
                .environments
                .insert(id.clone(), crate::emulator::environment::Environment { id, ..first.clone() });
        }
    });
    let request = || {
        http::Request::post("http://x/")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=A/20260105/eu-central-1/elasticbeanstalk/aws4_request",
            )
            .body(bytes::Bytes::from_static(b"Action=DescribeEnvironments&MaxRecords=1000"))
            .expect("a request")
    };
    let answer = rig.emulator.handle(request()).await.expect("an answer");
    let text = String::from_utf8_lossy(answer.body());
    assert_eq!(text.matches("<EnvironmentId>").count(), 1000);
    assert!(text.contains("<NextToken>"));
}
