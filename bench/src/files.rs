//! The program beside others: one large file, one of a byte, and many small ones.

use std::path::Path;

use crate::goal;
use crate::options::Options;
use crate::page::Section;
use crate::results::{Figures, Metric, Results};
use crate::samples::Samples;
use crate::{machine, table};

mod goals;
use goals::{BYTE_GOALS, FILE_GOALS, TREE_GOALS};

pub(crate) mod floor;

mod process;

mod source;
use source::Scratch;

mod ssh;

mod tools;
use tools::Tools;

pub(crate) mod used;

mod way;
use way::{Job, Way};

/// The sections of the page.
pub(crate) const FILE_SECTION: &str = "file";
pub(crate) const TREE_SECTION: &str = "tree";

/// How often a byte is sent in each round, of which the median counts.
const BYTE_RUNS: u32 = 5;

const SECONDS: Metric = "s";
const RATE: Metric = "MiB/s";
const FSYNC: Metric = "fsync after it, s";
const SYNCED_SECONDS: Metric = "s, synced";
const SYNCED_RATE: Metric = "MiB/s, synced";
const MILLISECONDS: Metric = "ms";
const COLD_MILLISECONDS: Metric = "ms with the first one's start";
const FIRST_CPU: Metric = "CPU s, sending or only side";
const SECOND_CPU: Metric = "CPU s, receiving side";
const FIRST_PEAK: Metric = "peak MiB, sending or only side";
const SECOND_PEAK: Metric = "peak MiB, receiving side";

const FILE_COLUMNS: [Metric; 9] =
    [SECONDS, RATE, FSYNC, SYNCED_RATE, FIRST_CPU, SECOND_CPU, FIRST_PEAK, SECOND_PEAK, SYNCED_SECONDS];
const TREE_COLUMNS: [Metric; 7] =
    [SECONDS, FSYNC, SYNCED_SECONDS, FIRST_CPU, SECOND_CPU, FIRST_PEAK, SECOND_PEAK];
const BYTE_COLUMNS: [Metric; 2] = [MILLISECONDS, COLD_MILLISECONDS];

/// One large file, then one of a byte. Gives the section.
pub(crate) fn run_file(options: &Options) -> anyhow::Result<Section> {
    let scratch = Scratch::new(options.files.dir.as_deref())?;
    let tools = Tools::prepare(scratch.path(), options.files.foctet.as_deref())?;
    let settings = machine::settings(&PACKAGES);
    let bytes = options.files.file_bytes;
    let (large, byte) = (scratch.path().join("large"), scratch.path().join("byte"));
    source::file(&large, bytes)?;
    source::file(&byte, 1)?;
    let run = Run { options, scratch: &scratch, tools: &tools };
    let mut results = Results::default();
    let mut byte_results = Results::default();
    let ways = run.ways(&Way::FILE, &mut results);
    let byte_ways = run.ways(&Way::BYTE, &mut byte_results);
    for round in 1..=options.rounds {
        for &way in &ways {
            eprintln!("file, round {round} of {}: {}", options.rounds, way.name());
            let figures = or_nothing(run.large(way, &large, bytes, round));
            results.add(way.name(), &way.metrics(&FILE_COLUMNS), round, &figures);
        }
        for &way in &byte_ways {
            eprintln!("byte, round {round} of {}: {}", options.rounds, way.name());
            let figures = or_nothing(run.byte(way, &byte, round));
            byte_results.add(way.name(), way.byte_metrics(), round, &figures);
        }
    }
    let text = format!(
        "{settings}{}\n{}\n### One file of {} MiB\n\n{}\n### A file of one byte, between two processes that are started for it\n\n{}\n{}",
        run.about()?,
        goal::table(&FILE_GOALS, &results),
        bytes >> 20,
        table::table(&results, "way", &Way::names(&Way::FILE, options), &FILE_COLUMNS),
        goal::table(&BYTE_GOALS, &byte_results),
        table::table(&byte_results, "way", &Way::names(&Way::BYTE, options), &BYTE_COLUMNS),
    );
    Ok(Section { text, failed: results.has_failures() || byte_results.has_failures() })
}

/// Many small files. Gives the section.
pub(crate) fn run_tree(options: &Options) -> anyhow::Result<Section> {
    let scratch = Scratch::new(options.files.dir.as_deref())?;
    let tools = Tools::prepare(scratch.path(), options.files.foctet.as_deref())?;
    let settings = machine::settings(&PACKAGES);
    let tree = scratch.path().join("tree");
    source::tree(&tree, options.files.files)?;
    let run = Run { options, scratch: &scratch, tools: &tools };
    let mut results = Results::default();
    let ways = run.ways(&Way::TREE, &mut results);
    for round in 1..=options.rounds {
        for &way in &ways {
            eprintln!("tree, round {round} of {}: {}", options.rounds, way.name());
            let figures = or_nothing(run.tree(way, &tree, round));
            results.add(way.name(), &way.metrics(&TREE_COLUMNS), round, &figures);
        }
    }
    let text = format!(
        "{settings}{}\n{}\n### {} files of 4 KiB, a hundred to a directory\n\n{}",
        run.about()?,
        goal::table(&TREE_GOALS, &results),
        options.files.files,
        table::table(&results, "way", &Way::names(&Way::TREE, options), &TREE_COLUMNS),
    );
    Ok(Section { text, failed: results.has_failures() })
}

/// The packages worth naming.
const PACKAGES: [&str; 4] = ["tokio", "tokio-rustls", "aws-lc-rs", "blake3"];

/// Says why there is nothing.
fn or_nothing(run: anyhow::Result<Figures>) -> Figures {
    run.unwrap_or_else(|error| {
        eprintln!("  failed: {error:#}");
        Figures::new()
    })
}

/// What all measurements of a part share.
struct Run<'a> {
    options: &'a Options,
    scratch: &'a Scratch,
    tools: &'a Tools,
}

impl Run<'_> {
    /// Those of `ways` that can run here; why the others cannot goes into the results.
    fn ways(&self, ways: &[Way], results: &mut Results) -> Vec<Way> {
        let mut able = Vec::new();
        for &way in ways.iter().filter(|way| self.options.takes(way.name())) {
            match self.tools.missing(way) {
                Some(why) => results.skip(way.name(), why),
                None => able.push(way),
            }
        }
        able
    }

    fn large(&self, way: Way, source: &Path, bytes: u64, round: u32) -> anyhow::Result<Figures> {
        let directory = self.scratch.directory(&format!("large-{round}-{}", way.file_name()))?;
        let mut figures = self.measured(way, source, &directory)?;
        let rate = |seconds: f64| bytes as f64 / f64::from(1 << 20) / seconds;
        let find =
            |figures: &Figures, of| figures.iter().find(|(metric, _)| *metric == of).map(|(_, value)| *value);
        if let Some(seconds) = find(&figures, SECONDS).filter(|_| !way.syncs()) {
            figures.push((RATE, rate(seconds)));
        }
        if let Some(seconds) = find(&figures, SYNCED_SECONDS) {
            figures.push((SYNCED_RATE, rate(seconds)));
        }
        // One large file is no strain on the file system, and ten of them would fill some disks.
        std::fs::remove_dir_all(&directory)?;
        Ok(figures)
    }

    fn tree(&self, way: Way, source: &Path, round: u32) -> anyhow::Result<Figures> {
        let directory = self.scratch.directory(&format!("tree-{round}-{}", way.file_name()))?;
        self.measured(way, source, &directory)
    }

    /// One transfer into `directory`, compared, and how long what it left unwritten takes to be synced.
    fn measured(&self, way: Way, source: &Path, directory: &Path) -> anyhow::Result<Figures> {
        // What the last one left unwritten is not this one's to wait for.
        source::sync(directory)?;
        let job = Job::new(source, directory, self.scratch.path(), true)?;
        let taken = way.run(&job, self.tools)?;
        let start = std::time::Instant::now();
        source::sync(directory)?;
        let fsync = start.elapsed().as_secs_f64();
        source::compare(source, &job.arrival())?;
        let mut figures = vec![(SECONDS, taken.seconds)];
        if way.syncs() {
            figures.push((SYNCED_SECONDS, taken.seconds));
        } else {
            let fsync = taken.syncs.unwrap_or(fsync);
            figures.extend([(FSYNC, fsync), (SYNCED_SECONDS, taken.seconds + fsync)]);
        }
        for (used, cpu, peak) in
            [(taken.first, FIRST_CPU, FIRST_PEAK), (taken.second, SECOND_CPU, SECOND_PEAK)]
        {
            figures.extend(used.into_iter().flat_map(|used| [(cpu, used.cpu), (peak, used.peak)]));
        }
        Ok(figures)
    }

    fn byte(&self, way: Way, source: &Path, round: u32) -> anyhow::Result<Figures> {
        let (mut transfers, mut colds) = (Samples::default(), Samples::default());
        for run in 0..BYTE_RUNS {
            let directory = self.scratch.directory(&format!("byte-{round}-{run}-{}", way.file_name()))?;
            let job = Job::new(source, &directory, self.scratch.path(), false)?;
            let taken = way.run(&job, self.tools)?;
            source::compare(source, &job.arrival())?;
            transfers.add(taken.seconds * 1e3);
            if let Some(start) = taken.start {
                colds.add((start + taken.seconds) * 1e3);
            }
        }
        let figures = [(MILLISECONDS, transfers), (COLD_MILLISECONDS, colds)];
        Ok(figures.into_iter().filter_map(|(metric, of)| Some((metric, of.quantile(0.5)?))).collect())
    }

    /// What a reader has to know.
    fn about(&self) -> anyhow::Result<String> {
        Ok(format!(
            "- programs: {}\n\
             - file system: {}; {} rounds, ways interleaved, each into a fresh directory after a sync; what arrived is compared byte by byte\n\
             - time runs from the start of the second of two processes, when the first is ready, until both have ended; where the \
             receiving side is a server (scp, rsync), until the client has ended. CPU time and memory are those of a side's largest \
             process and its descendants\n\
             - only foctet syncs what it received, which its CPU time contains; of the others the sync of the file system was timed \
             after it. Of a large file that overlaps with the rest: \"data not synced\" is foctet with libeatmydata, which makes fsync \
             of a file do nothing; what else it syncs, it still syncs. Of small ones it comes last: \"s\" of foctet tcp is \
             less the time of its calls of fsync and syncfs, which is that of a second transfer, under strace; \"s\" of foctet quic contains it\n\
             - foctet and `floor` verify by BLAKE3 what arrived, the others do not; cp, the rsync daemon and tar over nc encrypt \
             nothing. `floor` is tokio-rustls and BLAKE3, file to file, on one connection, both sides with Ed25519 certificates, \
             X25519MLKEM768, TLS13_AES_128_GCM_SHA256; foctet negotiates the same, on one connection; socat likewise but for \
             X25519, in blocks of 64 KiB; scp and rsync over ssh with the ciphers that they choose. All over loopback\n\
             - not run: sendme, croc\n",
            self.tools.versions(),
            source::filesystem(self.scratch.path())?,
            self.options.rounds,
        ))
    }
}
