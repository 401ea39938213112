//! The CPU time of this process.

use std::time::Duration;

/// What all threads of this process have used since it began, in user and in system mode; none where the operating
/// system does not tell.
#[cfg(unix)]
pub(super) fn cpu_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).ok()
}

#[cfg(not(unix))]
pub(super) fn cpu_time() -> Option<Duration> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    #[test]
    fn work_uses_cpu_time() {
        let before = super::cpu_time().unwrap();
        assert_ne!(blake3::hash(&[0; 1 << 16]).as_bytes(), &[0; 32]);
        assert!(super::cpu_time().unwrap() > before);
    }
}
