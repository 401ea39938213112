use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};

/// How many finished streams are noted before the delivered ones among them are looked for, so that each
/// costs the same however many there are.
const FIRST_SWEEP: usize = 64;

/// The streams of one QUIC connection that were finished and perhaps not yet delivered.
///
/// noq does not tell when a connection has nothing left to deliver, only when a stream has.
#[derive(Default)]
pub(crate) struct Finishing {
    streams: Mutex<Streams>,
}

#[derive(Default)]
struct Streams {
    waiting: Vec<Pin<Box<noq::Stopped>>>,
    sweep_at: usize,
}

impl Finishing {
    /// Notes a stream that is about to be finished.
    pub(crate) fn add(&self, delivered: noq::Stopped) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.waiting.push(Box::pin(delivered));
        if streams.waiting.len() >= streams.sweep_at.max(FIRST_SWEEP) {
            // Delivered streams drop out; nobody waits here, so no waker is needed.
            let mut cx = Context::from_waker(Waker::noop());
            streams.waiting.retain_mut(|stream| stream.as_mut().poll(&mut cx).is_pending());
            streams.sweep_at = streams.waiting.len().saturating_mul(2);
        }
    }

    /// Waits until everything noted so far is delivered, or can no longer be.
    pub(crate) async fn delivered(&self) {
        let waiting = {
            let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut streams.waiting)
        };
        for stream in waiting {
            stream.await.ok();
        }
    }
}
