use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::error::DiskError;

/// How many bytes of a file may gather before the system is asked to write them: large enough for the disk to work in
/// long strokes, small enough that little is left to wait for at the end.
pub(super) const WRITE_BACK_EVERY: u64 = 32 << 20;
/// Files that may wait to be made durable. Each is an open handle.
const WAITING: usize = 16;

/// Makes files durable on a thread of its own, while the next ones arrive.
pub(super) struct Flusher {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<Result<(), DiskError>>>,
}

enum Job {
    /// Its result counts: the system tells of a failed write once, to whoever asks first.
    WriteBack(File, PathBuf),
    Finish(File, PathBuf),
}

impl Flusher {
    pub(super) fn start() -> Self {
        let (jobs, work) = sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("foctet-flush".into()).spawn(move || run(&work));
        // Without a thread the files are flushed where they are handed over.
        match thread {
            Ok(thread) => Self { jobs: Some(jobs), thread: Some(thread) },
            Err(_) => Self { jobs: None, thread: None },
        }
    }

    /// Starts writing a file back, unless there is other work to do.
    pub(super) fn write_back(&self, file: &File, path: PathBuf) {
        if let (Some(jobs), Ok(file)) = (&self.jobs, file.try_clone()) {
            jobs.try_send(Job::WriteBack(file, path)).ok();
        }
    }

    /// Makes a complete file durable, sooner or later.
    pub(super) fn finish(&mut self, file: File, path: PathBuf) -> Result<(), DiskError> {
        let job = Job::Finish(file, path);
        match &self.jobs {
            Some(jobs) => match jobs.send(job) {
                Ok(()) => Ok(()),
                // The thread has ended, so something has failed.
                Err(_) => self.join(),
            },
            None => work_on(job),
        }
    }

    /// Waits until every file handed over is durable.
    pub(super) fn join(&mut self) -> Result<(), DiskError> {
        self.jobs = None;
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }
}

fn run(work: &Receiver<Job>) -> Result<(), DiskError> {
    work.iter().try_for_each(work_on)
}

fn work_on(job: Job) -> Result<(), DiskError> {
    let (synced, path) = match job {
        Job::WriteBack(file, path) => (file.sync_data(), path),
        Job::Finish(file, path) => (file.sync_all(), path),
    };
    synced.map_err(|error| DiskError::new("write", path, &error))
}
