//! The link between two namespaces: a TUN device in each, and what comes out of one goes through a [`Queue`] into the
//! other.

use std::io::ErrorKind;
use std::num::NonZeroU64;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;
use tappers::{Interface, Tun};

use super::{Fate, Queue, Shape};
use crate::Error;
use crate::namespace::Namespace;

/// How many packets are taken from one device before the other has its turn and what is due goes out.
const BATCH: usize = 64;

/// The most that a read gives: a device hands out packets of its MTU, which is 1500 here; this holds any packet of IP.
const LARGEST_PACKET: usize = 65_536;

/// How late the kernel may wake us, in nanoseconds, to save power; 50,000 if we do not say.
const TIMER_SLACK: NonZeroU64 = NonZeroU64::MIN;

/// How nice its thread is, from -20 to 19: it goes before the programs that it carries the packets of, or a busy machine
/// would add to the delay. It needs little time itself.
const NICENESS: i32 = -15;

/// Between which devices in which namespaces a link is. It makes the devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends {
    /// The namespace and the device's name at the near end: that of a host or router.
    pub near: (String, String),
    /// The namespace and the device's name at the far end: that towards the internet.
    pub far: (String, String),
}

/// A link that is run by a thread of this process until this value is dropped. Then its devices are gone.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    /// Wakes the thread.
    wake: OwnedFd,
    stop: AtomicBool,
    reshape: Mutex<Option<[Shape; 2]>>,
    /// By direction: packets passed on, lost by chance, and refused for want of room.
    passed: [AtomicU64; 2],
    lost: [AtomicU64; 2],
    full: [AtomicU64; 2],
}

impl Shared {
    fn new() -> Result<Arc<Self>, Error> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|errno| Error::io("making an eventfd")(errno.into()))?;
        let zeros = || [AtomicU64::new(0), AtomicU64::new(0)];
        Ok(Arc::new(Self {
            wake,
            stop: AtomicBool::new(false),
            reshape: Mutex::new(None),
            passed: zeros(),
            lost: zeros(),
            full: zeros(),
        }))
    }

    fn wake(&self) {
        // It fails only if the thread has been woken 2^64 times without noticing.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }
}

impl Running {
    /// Makes the devices and starts the thread. What goes from near to far has the first shape. The devices have no
    /// addresses and are down yet.
    pub fn start(ends: Ends, shapes: [Shape; 2]) -> Result<Self, Error> {
        let shared = Shared::new()?;
        let (ready, is_ready): (SyncSender<Result<(), Error>>, Receiver<_>) = sync_channel(1);
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("link".to_owned())
            .spawn(move || match open(&ends) {
                Ok(devices) => {
                    let _ = ready.send(Ok(()));
                    carry(&devices, shapes, &of_thread);
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            })
            .map_err(Error::io("starting a thread"))?;
        is_ready.recv().unwrap_or_else(|_| Err(Error::Link("its thread ended".to_owned())))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Changes what the link does to packets that come from now on.
    pub fn reshape(&self, shapes: [Shape; 2]) {
        *self.shared.reshape.lock().unwrap_or_else(PoisonError::into_inner) = Some(shapes);
        self.shared.wake();
    }

    /// How many packets were passed on, lost by chance and dropped for want of room, towards the far end and from it.
    pub fn counts(&self) -> [[u64; 3]; 2] {
        let Shared { passed, lost, full, .. } = &*self.shared;
        [0, 1].map(|way: usize| [passed, lost, full].map(|count| count[way].load(Ordering::Relaxed)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.shared.wake();
        if let Some(thread) = self.thread.take() {
            // Its panic has been printed.
            let _ = thread.join();
        }
    }
}

/// Runs a link on this thread until the process ends. `ready` is called once the devices are there.
pub fn run_until_killed(ends: &Ends, shapes: [Shape; 2], ready: impl FnOnce()) -> Result<(), Error> {
    let devices = open(ends)?;
    ready();
    carry(&devices, shapes, &*Shared::new()?);
    Ok(())
}

/// Makes the devices at both ends. The thread that calls is in the far namespace afterwards.
fn open(ends: &Ends) -> Result<[Tun; 2], Error> {
    let open = |(namespace, device): &(String, String)| -> Result<Tun, Error> {
        Namespace::existing(namespace)?.enter()?;
        let fail = || Error::io(format!("making the TUN device {device} in {namespace}"));
        let mut tun = Interface::new(device).and_then(Tun::new_named).map_err(fail())?;
        tun.set_nonblocking(true).map_err(fail())?;
        Ok(tun)
    };
    Ok([open(&ends.near)?, open(&ends.far)?])
}

/// Carries packets until told to stop.
fn carry(devices: &[Tun; 2], shapes: [Shape; 2], shared: &Shared) {
    // Where it is refused, packets are late by up to the kernel's default.
    let _ = rustix::thread::set_current_timer_slack(Some(TIMER_SLACK));
    // On Linux, it is the thread that calls whose niceness this is.
    let _ = rustix::process::setpriority_process(None, NICENESS);
    let start = Instant::now();
    let mut queues = shapes.map(Queue::new);
    let mut buffer = vec![0; LARGEST_PACKET];
    while !shared.stop.load(Ordering::Relaxed) {
        let mut more = false;
        for (way, (device, queue)) in devices.iter().zip(&mut queues).enumerate() {
            more |= take(device, queue, &mut buffer, start, |fate| {
                let count = match fate {
                    Fate::Held => return,
                    Fate::Lost => &shared.lost,
                    Fate::Full => &shared.full,
                };
                count[way].fetch_add(1, Ordering::Relaxed);
            });
        }
        let now = start.elapsed();
        for (way, (queue, device)) in queues.iter_mut().zip(devices.iter().rev()).enumerate() {
            while let Some(packet) = queue.pop(now) {
                // A device that is down takes nothing: then it is lost, as on a cable that was pulled.
                let packet: Vec<u8> = packet;
                if device.send(&packet).is_ok() {
                    shared.passed[way].fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        if more {
            continue;
        }
        let next = queues.iter().filter_map(Queue::next_timeout).min();
        let timeout = next.map(|next| next.saturating_sub(start.elapsed()));
        if wait(devices, shared, timeout)
            && let Some(shapes) = shared.reshape.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            for (queue, shape) in queues.iter_mut().zip(shapes) {
                queue.reshape(shape);
            }
        }
    }
}

/// Takes packets from a device into a queue. Gives whether there may be more.
fn take(
    device: &Tun,
    queue: &mut Queue<Vec<u8>>,
    buffer: &mut [u8],
    start: Instant,
    mut fate: impl FnMut(Fate),
) -> bool {
    for _ in 0..BATCH {
        match device.recv(buffer) {
            Ok(size) => {
                let packet = buffer.get(..size).unwrap_or_default().to_vec();
                fate(queue.push(start.elapsed(), size, packet));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Nothing there, or the device is down.
            Err(_) => return false,
        }
    }
    true
}

/// Sleeps until a device has a packet, it is time, or somebody wakes us: then it is true.
fn wait(devices: &[Tun; 2], shared: &Shared, timeout: Option<Duration>) -> bool {
    let [near, far] = devices;
    let mut polled = [
        PollFd::from_borrowed_fd(near.as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(far.as_fd(), PollFlags::IN),
        PollFd::new(&shared.wake, PollFlags::IN),
    ];
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match poll(&mut polled, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        // A device that was deleted under us cannot be waited for; the one who deleted it will stop us.
        Err(_) => std::thread::sleep(Duration::from_millis(1)),
    }
    let woken = rustix::io::read(&shared.wake, &mut [0_u8; 8]).is_ok();
    if polled.iter().take(2).any(|fd| fd.revents().contains(PollFlags::ERR)) {
        // Likewise, and poll returns at once then.
        std::thread::sleep(Duration::from_millis(1));
    }
    woken
}
