//! How fast the link in userspace is when it is not to slow anything down, and how much it adds to a round trip.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use testbed::link::Shape;
use testbed::probe::bind;
use testbed::{Error, Node, Testbed, Uplink};

/// How many round trips are measured.
const ROUND_TRIPS: usize = 2000;

/// With a delay, so many, or it would take minutes.
const DELAYED_ROUND_TRIPS: usize = 100;

/// Measures and prints.
pub(crate) fn run(seconds: u32) -> Result<(), Error> {
    let time = Duration::from_secs(seconds.into());
    let delayed = Shape { delay: Duration::from_millis(10), ..Shape::default() };
    println!(
        "{:<44}{:>14}{:>14}{:>12}{:>12}{:>12}",
        "uplink of one of two hosts on the internet",
        "up Mbit/s",
        "down Mbit/s",
        "rtt p50",
        "rtt p99",
        "rtt max"
    );
    for (name, uplink, count) in [
        ("veth only", Uplink::default(), ROUND_TRIPS),
        ("link without limits", Uplink::default().link(Shape::default()), ROUND_TRIPS),
        ("link with a delay of 10 ms each way", Uplink::default().link(delayed), DELAYED_ROUND_TRIPS),
    ] {
        let mut bed = Testbed::new("measure")?;
        let one = bed.public_host("one", &uplink)?;
        let other = bed.public_host("other", &Uplink::default())?;
        let mut trips = round_trips(&one, &other, count)?;
        trips.sort();
        let at = |share: f64| {
            let index = (trips.len() as f64 * share) as usize;
            trips.get(index.min(trips.len().saturating_sub(1))).copied().unwrap_or_default()
        };
        println!(
            "{name:<44}{:>14.0}{:>14.0}{:>12.1?}{:>12.1?}{:>12.1?}",
            throughput(&one, &other, time)?,
            throughput(&other, &one, time)?,
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
    Ok(())
}

fn round_trips(one: &Node, other: &Node, count: usize) -> Result<Vec<Duration>, Error> {
    let (here, there) = (bind(one)?, bind(other)?);
    let measured = || -> std::io::Result<Vec<Duration>> {
        here.connect(there.local_addr()?)?;
        there.connect(here.local_addr()?)?;
        let mut buffer = [0; 64];
        (0..count)
            .map(|_| {
                let started = Instant::now();
                here.send(&buffer)?;
                there.recv(&mut buffer)?;
                there.send(&[0; 64])?;
                here.recv(&mut buffer)?;
                Ok(started.elapsed())
            })
            .collect()
    };
    measured().map_err(|source| Error::Io { what: "measuring round trips".to_owned(), source })
}

/// Megabits a second of payload over one TCP connection.
fn throughput(from: &Node, to: &Node, time: Duration) -> Result<f64, Error> {
    let failed = |source| Error::Io { what: "measuring throughput".to_owned(), source };
    let address = to.ipv4().unwrap_or(std::net::Ipv4Addr::UNSPECIFIED);
    let listener = to.within(|| TcpListener::bind((address, 0)))?.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let mut sender = from.within(|| TcpStream::connect(address))?.map_err(failed)?;
    let (mut receiver, _) = listener.accept().map_err(failed)?;
    let started = Instant::now();
    let (received, took) = std::thread::scope(|scope| {
        scope.spawn(move || {
            let block = vec![0; 128 * 1024];
            while started.elapsed() < time && sender.write_all(&block).is_ok() {}
            let _ = sender.shutdown(Shutdown::Write);
        });
        let mut buffer = vec![0; 128 * 1024];
        let mut received = 0_usize;
        while let Ok(size) = receiver.read(&mut buffer) {
            if size == 0 {
                break;
            }
            received = received.saturating_add(size);
        }
        (received, started.elapsed())
    });
    Ok(received as f64 * 8.0 / 1e6 / took.as_secs_f64())
}
