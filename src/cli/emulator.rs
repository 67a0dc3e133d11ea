//! `sprout emulator`: the built-in cloud on a socket, for any SDK or tool.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::ExitStatus;
use super::signals::until_signal;
use crate::clock::{Clock, Entropy};
use crate::emulator::{Emulator, Fault, Settings};

/// Serve a built-in AWS: Elastic Beanstalk, ECR, S3, DynamoDB and STS, for any SDK or tool
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EmulatorArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4600")]
    listen: SocketAddr,
    /// File in which the world is kept; without it nothing outlives the process
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// From CreateEnvironment to Ready
    #[arg(long, value_name = "TIME", default_value = "8s", value_parser = read_time)]
    launch: Duration,
    /// How long a deployment or a change of settings takes
    #[arg(long, value_name = "TIME", default_value = "4s", value_parser = read_time)]
    update: Duration,
    /// From TerminateEnvironment to Terminated
    #[arg(long, value_name = "TIME", default_value = "4s", value_parser = read_time)]
    terminate: Duration,
    /// How long making, changing or deleting a table takes
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = read_time)]
    table: Duration,
    /// How long an item of a table is still there after its time to live
    #[arg(long, value_name = "TIME", default_value = "48h", value_parser = read_time)]
    ttl_lag: Duration,
    /// Calls per second and burst beyond which it throttles, such as 2/15; `none` throttles nobody
    #[arg(long, value_name = "RATE", default_value = "none", value_parser = read_rate)]
    rate: Rate,
    /// List of faults as JSON or YAML; docs/emulator.md explains them
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Unix socket that takes commands: faults, speed, quotas, what a key may see
    #[arg(long, value_name = "SOCKET")]
    control: Option<PathBuf>,
    /// Number from which all that is drawn follows; by default another one each time
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// World seconds per second
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = read_speed)]
    speed: f64,
    /// Region that names and ARNs carry
    #[arg(long, value_name = "REGION", default_value = "eu-central-1", env = "AWS_REGION")]
    region: String,
    /// Image that the registry shall hold from the start; may be given several times
    #[arg(long = "seed-image", value_name = "REPOSITORY:TAG", value_parser = read_image)]
    images: Vec<(String, String)>,
}

/// Calls per second and burst; none throttles nobody.
type Rate = Option<(f64, u32)>;

/// Serves until a signal ends it, after which the world is in its file.
pub(crate) async fn run(args: EmulatorArgs) -> anyhow::Result<ExitStatus> {
    let faults = args.faults.as_deref().map(read_faults).transpose()?.unwrap_or_default();
    let listener = TcpListener::bind(args.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", args.listen))?;
    let address = listener.local_addr().context("the listening socket has no address")?;
    let emulator = open(&args, address)?;
    emulator.with(|world| {
        let now = world.now();
        for (repository, tag) in &args.images {
            // In a kept world it may be there: pushing it again would be another image.
            if world.registry.resolve(repository, tag).is_none() {
                world.registry.seed_image(repository, tag, now);
            }
        }
    });
    emulator.faults(faults);
    // Whoever reads the line may be gone; that ends nothing here.
    let _ = writeln!(std::io::stdout(), "listening on http://{address}");
    match until_signal(|stop| serve(&emulator, listener, args.control.as_deref(), stop)).await? {
        Some(served) => served.map(|()| ExitStatus::Done),
        None => Ok(ExitStatus::Outside),
    }
}

fn open(args: &EmulatorArgs, address: SocketAddr) -> anyhow::Result<Emulator> {
    let settings = Settings {
        seed: args.seed.unwrap_or_else(|| Entropy::system().number()),
        start: Clock::system().now(),
        region: args.region.clone(),
        launch: args.launch,
        update: args.update,
        terminate: args.terminate,
        table: args.table,
        ttl_lag: args.ttl_lag,
        speed: args.speed,
        rate: args.rate,
        host: Some(address),
        ..Settings::default()
    };
    Ok(match &args.state {
        Some(state) => Emulator::open(settings, state)?,
        None => Emulator::new(settings),
    })
}

async fn serve(
    emulator: &Emulator,
    listener: TcpListener,
    control: Option<&Path>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    // Whichever ends first, for whatever reason, ends the other.
    let guard = stop.clone().drop_guard();
    let commands = async {
        let served = match control {
            Some(socket) => {
                let served = emulator.serve_control(socket, stop.clone()).await;
                served.with_context(|| format!("the control socket {} cannot be served", socket.display()))
            }
            None => {
                stop.cancelled().await;
                Ok(())
            }
        };
        drop(guard);
        served
    };
    let calls = async {
        let served = emulator.serve(listener, stop.clone()).await;
        stop.cancel();
        served.context("the emulator's state cannot be written")
    };
    let (calls, commands) = tokio::join!(calls, commands);
    calls.and(commands)
}

fn read_faults(path: &Path) -> anyhow::Result<Vec<Fault>> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the faults {shown}"))?;
    // JSON is YAML.
    serde_yaml::from_str(&text).with_context(|| format!("{shown} is no list of faults"))
}

pub(super) fn read_time(text: &str) -> Result<Duration, String> {
    let time: Option<SignedDuration> = text.parse().ok();
    time.and_then(|time| Duration::try_from(time).ok())
        .ok_or_else(|| "write a time with its unit, such as 8s, 500ms or 4m".to_owned())
}

fn read_rate(text: &str) -> Result<Rate, String> {
    if text == "none" {
        return Ok(None);
    }
    text.split_once('/')
        .and_then(|(rate, burst)| Some((rate.parse().ok()?, burst.parse().ok()?)))
        .filter(|(rate, _): &(f64, u32)| rate.is_finite() && *rate > 0.0)
        .map(Some)
        .ok_or_else(|| "write calls per second and burst, such as 2/15, or none".to_owned())
}

fn read_speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed: &f64| speed.is_finite() && *speed >= 0.0);
    speed.ok_or_else(|| "write a factor such as 60; 1 is natural speed".to_owned())
}

fn read_image(text: &str) -> Result<(String, String), String> {
    let parts = text.rsplit_once(':').filter(|(repository, tag)| !repository.is_empty() && !tag.is_empty());
    parts
        .map(|(repository, tag)| (repository.to_owned(), tag.to_owned()))
        .ok_or_else(|| "write repository and tag, such as shop-web:login-41".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_their_unit() {
        assert_eq!(read_time("8s"), Ok(Duration::from_secs(8)));
        assert_eq!(read_time("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(read_time("500ms"), Ok(Duration::from_millis(500)));
        for wrong in ["8", "-8s", "soon", ""] {
            assert!(read_time(wrong).unwrap_err().contains("such as 8s"), "{wrong}");
        }
    }

    #[test]
    fn rates_are_calls_per_second_and_burst() {
        assert_eq!(read_rate("2/15"), Ok(Some((2.0, 15))));
        assert_eq!(read_rate("none"), Ok(None));
        for wrong in ["2", "2/", "/15", "0/1", "-1/5", "fast"] {
            assert!(read_rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn images_are_repository_and_tag() {
        assert_eq!(read_image("team/web:login-41"), Ok(("team/web".to_owned(), "login-41".to_owned())));
        for wrong in ["web", "web:", ":41"] {
            assert!(read_image(wrong).is_err(), "{wrong}");
        }
    }
}
