//! The built-in cloud: Elastic Beanstalk, ECR, S3, DynamoDB and STS as the SDK sees them.
//!
//! One pure, synchronous [`World`], moved by calls and by time, stands behind two fronts: a socket server that
//! unmodified SDKs and tools work against, and an HTTP client for the SDK that never leaves the process. Both go
//! through one door, [`Emulator::handle`]. Its rules cite headings of `docs/beanstalk.md`.

mod beanstalk;
mod blobs;
mod bundles;
pub mod calls;
mod connector;
mod control;
mod distribution;
pub mod dynamodb;
pub mod ecr;
pub mod environment;
pub mod fault;
pub mod holdings;
mod lifecycle;
pub mod options;
pub mod pages;
mod pairs;
mod requests;
pub mod s3;
mod server;
pub mod settings;
mod shared;
mod state;
mod storage;
mod sts;
mod throttle;
mod time;
mod visits;
mod wire;
pub mod world;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};

pub use calls::{Call, Outcome};
pub use fault::{Fault, Kind};
pub use settings::{Readings, Settings};
pub use state::StateError;
pub use world::World;

use blobs::Blobs;
use requests::{Answer, Ask, Fate};
use time::WorldClock;

/// A connection that carries no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Nobody listens: the call was not applied.
    #[error("connection refused")]
    Refused,
    /// The connection went away after the call was applied.
    #[error("connection closed before the answer")]
    Lost,
}

/// A handle to a world; clones lead to the same one.
#[derive(Clone)]
pub struct Emulator {
    inner: Arc<Inner>,
}

struct Inner {
    /// Never held across an await.
    inside: Arc<Mutex<Inside>>,
    /// The S3 protocol in front of the world's objects.
    s3: s3::Service,
    /// Where the world is kept between runs.
    state: Option<PathBuf>,
}

struct Inside {
    world: World,
    clock: WorldClock,
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Emulator").field("state", &self.inner.state).finish_non_exhaustive()
    }
}

impl Emulator {
    /// A new world that nothing outlives; its images lie in memory, and take 256 MiB at most.
    pub fn new(settings: Settings) -> Self {
        let clock = WorldClock::new(settings.start, settings.speed);
        Self::around(World::new(settings), clock, None)
    }

    /// A world whose file [`Emulator::serve`] keeps current: the one that the file holds, else a new one. What images
    /// consist of lies beside it, in a folder whose name is the file's and `.d`. A kept world
    /// keeps its account, and its time goes on from where it stood or from `settings.start`, whichever is later.
    ///
    /// # Errors
    /// The file is there and cannot be read, or holds something else.
    pub fn open(settings: Settings, state: &Path) -> Result<Self, StateError> {
        let mut world = match state::load(state)? {
            Some(mut world) => {
                world.settle_in(settings);
                world
            }
            None => World::new(settings),
        };
        let mut contents = state.as_os_str().to_owned();
        contents.push(".d");
        world.registry.keep_in(Blobs::on_disk(contents.into()));
        let clock = WorldClock::new(world.now(), world.settings.speed);
        Ok(Self::around(world, clock, Some(state.to_owned())))
    }

    fn around(world: World, clock: WorldClock, state: Option<PathBuf>) -> Self {
        let objects = world.objects.clone();
        let inside = Arc::new(Mutex::new(Inside { world, clock }));
        let watched = inside.clone();
        let s3 = s3::service(objects, move || lock(&watched).world.now());
        Self { inner: Arc::new(Inner { inside, s3, state }) }
    }

    /// The world, after whatever was due until now has happened.
    fn lock(&self) -> MutexGuard<'_, Inside> {
        lock(&self.inner.inside)
    }

    /// Looks at the world from above, or changes it, after time has moved it.
    pub fn with<R>(&self, look: impl FnOnce(&mut World) -> R) -> R {
        let mut inside = self.lock();
        let result = look(&mut inside.world);
        inside.world.revision += 1;
        result
    }

    /// World time.
    pub fn now(&self) -> Timestamp {
        self.lock().world.now()
    }

    /// Lets world time jump ahead; it never jumps back.
    pub fn jump(&self, ahead: SignedDuration) {
        self.lock().clock.jump(ahead);
        drop(self.lock());
    }

    /// World seconds per second of tokio's clock, from now on.
    pub fn set_speed(&self, speed: f64) {
        self.lock().clock.set_speed(speed);
    }

    /// Every call so far, oldest first (the last 200,000).
    pub fn calls(&self) -> Vec<Call> {
        self.calls_since(0)
    }

    /// The calls after a number.
    pub fn calls_since(&self, seq: u64) -> Vec<Call> {
        self.lock().world.log.since(seq).cloned().collect()
    }

    /// Replaces the faults; their times count from now.
    pub fn faults(&self, faults: Vec<Fault>) {
        let mut inside = self.lock();
        let now = inside.world.now();
        inside.world.faults.set(faults, now);
    }

    /// How often each kind of fault struck each operation.
    pub fn fault_hits(&self) -> Vec<(String, Kind, u64)> {
        let inside = self.lock();
        let hits = inside.world.faults.hits().iter();
        hits.map(|((operation, kind), hits)| (operation.clone(), *kind, *hits)).collect()
    }

    /// The one door of both fronts.
    ///
    /// # Errors
    /// A fault broke the connection. A fault that keeps silent makes this future pend for ever.
    pub async fn handle(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Broken> {
        if distribution::is_spoken_by(&request) {
            let answer = self.distribute(request.map(distribution::whole)).await?;
            let (head, body) = answer.into_parts();
            let bytes = body.collect().await.map_err(|_| Broken::Lost)?.to_bytes();
            return Ok(Response::from_parts(head, bytes));
        }
        let Some((key, service)) = requests::signer(request.headers()) else {
            return Ok(self.visit(&request));
        };
        if service == "s3" {
            return self.handle_s3(&key, request).await;
        }
        let (head, body) = request.into_parts();
        let ask = Ask::read(&service, &key, &head.headers, &body);
        let (fate, pause) = {
            let mut inside = self.lock();
            let fate = inside.world.meet(&ask);
            let pause = inside.clock.real(fate.after);
            (fate, pause)
        };
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        deliver(fate).await
    }
}

fn lock(inside: &Mutex<Inside>) -> MutexGuard<'_, Inside> {
    let mut inside = inside.lock().unwrap_or_else(PoisonError::into_inner);
    let now = inside.clock.now();
    inside.world.advance(now);
    inside
}

async fn deliver(fate: Fate) -> Result<Response<Bytes>, Broken> {
    match fate.answer {
        Answer::Given(response) => Ok(response),
        Answer::Cut(response) => Ok(response.map(|body| body.slice(..body.len() / 2))),
        Answer::Broken(Kind::Lost) => Err(Broken::Lost),
        Answer::Broken(_) => Err(Broken::Refused),
        Answer::Silence => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
