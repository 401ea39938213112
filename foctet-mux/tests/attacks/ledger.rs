//! What a piece of code costs: heap at its peak, and time of the processor.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// The allocator counts for the whole process, and the test harness runs tests side by side.
static ALONE: Mutex<()> = Mutex::new(());

/// How far above its documented bound the measured heap may be: an allocator's rounding, and tables that double.
const TOLERANCE: f64 = 1.25;

/// The most time of a processor, for 10^6 hostile frames.
const CPU_FOR_A_MILLION: Duration = Duration::from_secs(1);

/// Whether figures are wanted, and so whole measurements and assertions on time.
pub(crate) fn measured() -> bool {
    std::env::var_os("FOCTET_FIGURES").is_some()
}

/// How many hostile frames an attack sends. In a debug build fewer show the same of memory.
pub(crate) fn frames() -> u64 {
    if measured() { 1_000_000 } else { 20_000 }
}

/// As long as this lives, no other test of this process runs.
pub(crate) struct Alone(#[expect(dead_code, reason = "it is held")] MutexGuard<'static, ()>);

/// Waits until no other test runs. Each begins with this, or the heap of one would count as that of another.
pub(crate) fn alone() -> Alone {
    // A test that failed before says nothing of this one.
    Alone(ALONE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A measurement under way.
pub(crate) struct Ledger {
    heap: usize,
    cpu: Option<Duration>,
}

/// What it came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// The most heap in use at once beyond what was in use at the start, in bytes.
    pub(crate) heap: usize,
    /// Time of the processor; `None` where the system does not tell.
    pub(crate) cpu: Option<Duration>,
}

impl Alone {
    /// Measures from now on.
    pub(crate) fn measure(&self) -> Ledger {
        HEAP.reset_peak_usage();
        Ledger { heap: HEAP.current_usage(), cpu: cpu() }
    }
}

impl Ledger {
    pub(crate) fn close(self) -> Cost {
        let heap = HEAP.peak_usage().saturating_sub(self.heap);
        Cost { heap, cpu: cpu().zip(self.cpu).map(|(now, then)| now.saturating_sub(then)) }
    }
}

impl Cost {
    /// Whether `frames` hostile frames stayed within the limits, and a line for the table.
    #[track_caller]
    pub(crate) fn check(self, name: &str, frames: u64, bound: usize, end: &dyn fmt::Display) {
        let for_a_million = self.cpu.map(|cpu| cpu.mul_f64(1e6 / frames.max(1) as f64));
        let cpu = for_a_million.map_or("-".to_owned(), |cpu| format!("{:.2} s", cpu.as_secs_f64()));
        self.check_heap(name, bound, &format_args!("{frames} frames, 10^6 in {cpu} | {end}"));
        if measured() {
            match for_a_million {
                Some(cpu) => assert!(cpu <= CPU_FOR_A_MILLION, "10^6 frames take {cpu:?}"),
                None => println!("SKIPPED: the time of the processor: this system does not tell it"),
            }
        }
    }

    /// The same where frames are so large that their bytes and not their number take time.
    #[track_caller]
    pub(crate) fn check_heap(self, name: &str, bound: usize, end: &dyn fmt::Display) {
        let (allowed, heap) = (bound.div_ceil(1024), self.heap.div_ceil(1024));
        println!("ATTACK {name} | bound {allowed} KiB | peak {heap} KiB | {end}");
        assert!(self.heap as f64 <= bound as f64 * TOLERANCE, "{heap} KiB where {allowed} are the bound");
    }
}

/// How long this thread has run: the first number, in nanoseconds, of what Linux tells.
fn cpu() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(stat.split_whitespace().next()?.parse().ok()?))
}
