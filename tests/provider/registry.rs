//! Image references and what registries say of them.

use beansprout::emulator::{Fault, Kind};
use beansprout::model::ImageAnswer;
use beansprout::provider::{Registry, RegistryHome};

use super::Rig;

fn home() -> RegistryHome {
    RegistryHome { account: None, region: "eu-central-1".to_owned() }
}

fn push(rig: &Rig, tag: &str) -> String {
    rig.emulator.with(|world| {
        let now = world.now();
        world.registry.seed_image("shop-web", tag, now)
    })
}

#[tokio::test(start_paused = true)]
async fn tags_become_digests_in_one_call_per_repository() {
    let rig = Rig::new().await;
    let digest = push(&rig, "login-41");
    let registry = Registry::new(rig.clients.clone(), home());
    let account = rig.emulator.with(|world| world.account.clone());
    let uri = format!("{account}.dkr.ecr.eu-central-1.amazonaws.com/shop-web");
    let references = [
        "shop-web:login-41".to_owned(),
        format!("shop-web@{digest}"),
        "shop-web:not-there".to_owned(),
        "no-such-repository:1".to_owned(),
        "nginx.example.com/nginx:1.27".to_owned(),
        "shop-web".to_owned(),
    ];
    let answers = registry.resolve(&references).await;
    assert_eq!(answers.len(), references.len());
    let found = |reference: &str| match &answers[reference] {
        ImageAnswer::Found { digest, pinned } => (digest.as_str().to_owned(), pinned.clone()),
        other => panic!("{reference}: {other:?}"),
    };
    assert_eq!(found(&references[0]), (digest.clone(), format!("{uri}@{digest}")));
    assert_eq!(found(&references[1]), found(&references[0]));
    for absent in [&references[2], &references[3], &references[5]] {
        assert!(matches!(answers[absent], ImageAnswer::Absent { .. }), "{absent}: {:?}", answers[absent]);
    }
    let ImageAnswer::Unasked { written } = &answers[&references[4]] else { panic!("asked") };
    assert_eq!(written, &references[4]);
    assert_eq!(rig.calls("BatchGetImage").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_images_are_one_call() {
    let rig = Rig::new().await;
    let references: Vec<_> = (0..150)
        .map(|number| {
            push(&rig, &format!("t{number}"));
            format!("shop-web:t{number}")
        })
        .collect();
    let registry = Registry::new(rig.clients.clone(), home());
    let answers = registry.resolve(&references).await;
    assert!(answers.values().all(|answer| matches!(answer, ImageAnswer::Found { .. })));
    assert_eq!((answers.len(), rig.calls("BatchGetImage").len()), (150, 2));
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_not_absence() {
    let rig = Rig::new().await;
    push(&rig, "login-41");
    let registry = Registry::new(rig.clients.clone(), home());
    for kind in [Kind::Throttle, Kind::Unavailable, Kind::Denied, Kind::Refused, Kind::Garbled] {
        rig.emulator.faults(vec![Fault::on("BatchGetImage", kind)]);
        let answers = registry.resolve(&["shop-web:login-41".to_owned()]).await;
        assert!(matches!(answers["shop-web:login-41"], ImageAnswer::Gap(_)), "{kind:?}: {answers:?}");
    }
}
