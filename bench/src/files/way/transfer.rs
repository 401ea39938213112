//! How each of them is taken.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;

use super::{Job, Syncing, Taken, Way};
use crate::files::process::{Running, free_port};
use crate::files::tools::Tools;

impl Way {
    /// One transfer.
    pub(in crate::files) fn run(self, job: &Job<'_>, tools: &Tools) -> anyhow::Result<Taken> {
        match self {
            Self::Cp => cp(job),
            Self::Scp => scp(job, tools),
            Self::RsyncSsh => rsync_ssh(job, tools),
            Self::RsyncDaemon => rsync_daemon(job),
            Self::TarNc => tar_nc(job),
            Self::Socat => socat(job, tools),
            Self::Floor => floor(job),
            Self::Foctet { transport, syncing } => foctet(job, tools, transport, syncing),
        }
    }
}

fn command(program: impl AsRef<OsStr>, arguments: &[&OsStr]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

fn cp(job: &Job<'_>) -> anyhow::Result<Taken> {
    let begin = Instant::now();
    let used =
        job.start(&command("cp", &["-r".as_ref(), job.from.as_ref(), job.into.as_ref()]), "cp")?.done()?;
    Ok(Taken { seconds: begin.elapsed().as_secs_f64(), start: None, first: used, second: None, syncs: None })
}

/// From a client to a server that runs.
fn to_server(job: &Job<'_>, server: Running, client: &Command) -> anyhow::Result<Taken> {
    let begin = Instant::now();
    let first = job.start(client, "client")?.done()?;
    let seconds = begin.elapsed().as_secs_f64();
    Ok(Taken { seconds, start: None, first, second: server.stop()?, syncs: None })
}

fn scp(job: &Job<'_>, tools: &Tools) -> anyhow::Result<Taken> {
    let ssh = tools.ssh()?;
    let (server, port) = ssh.serve(&job.work, job.measured)?;
    let mut client = command("scp", &["-q".as_ref(), "-r".as_ref()]);
    client.args(ssh.options()).arg("-P").arg(port.to_string()).arg(job.from);
    client.arg(format!("{}@127.0.0.1:{}/", ssh.user(), job.into.display()));
    to_server(job, server, &client)
}

fn rsync_ssh(job: &Job<'_>, tools: &Tools) -> anyhow::Result<Taken> {
    let ssh = tools.ssh()?;
    let (server, port) = ssh.serve(&job.work, job.measured)?;
    let mut client = Command::new("rsync");
    client.args(["-rlt", "--whole-file", "-e", &format!("ssh {} -p {port}", ssh.options().join(" "))]);
    client.arg(job.from).arg(format!("{}@127.0.0.1:{}/", ssh.user(), job.into.display()));
    to_server(job, server, &client)
}

fn rsync_daemon(job: &Job<'_>) -> anyhow::Result<Taken> {
    let port = free_port()?;
    let config = job.work.join("rsyncd.conf");
    let mut text = format!("use chroot = no\n[scratch]\npath = {}\nread only = no\n", job.scratch.display());
    if nix::unistd::geteuid().is_root() {
        // Otherwise it would be nobody.
        text += "uid = 0\ngid = 0\n";
    }
    std::fs::write(&config, text)?;
    let mut daemon = command("rsync", &["--daemon".as_ref(), "--no-detach".as_ref()]);
    daemon.args(["--address", "127.0.0.1", "--port", &port.to_string()]).arg("--config").arg(&config);
    let mut server = job.start(&daemon, "daemon")?;
    server.listens(port)?;
    let into = job.into.strip_prefix(job.scratch)?;
    let mut client = command("rsync", &["-rlt".as_ref(), "--whole-file".as_ref(), job.from.as_ref()]);
    client.arg(format!("rsync://127.0.0.1:{port}/scratch/{}/", into.display()));
    to_server(job, server, &client)
}

/// From a sender to a receiver that waits for it.
fn to_listener(job: &Job<'_>, receiver: &Command, sender: &Command, port: u16) -> anyhow::Result<Taken> {
    let begin = Instant::now();
    let mut receiver = job.start(receiver, "receiver")?;
    receiver.listens(port)?;
    let start = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let first = job.start(sender, "sender")?.done()?;
    let second = receiver.done()?;
    Ok(Taken { seconds: begin.elapsed().as_secs_f64(), start: Some(start), first, second, syncs: None })
}

fn tar_nc(job: &Job<'_>) -> anyhow::Result<Taken> {
    let port = free_port()?;
    let script = |script: &str, arguments: &[&OsStr]| {
        let mut shell = command("sh", &["-c".as_ref(), script.as_ref(), "sh".as_ref()]);
        shell.arg(port.to_string()).args(arguments);
        shell
    };
    let receiver = script(r#"nc -l 127.0.0.1 "$1" | tar -x -C "$2""#, &[job.into.as_ref()]);
    let parent = job.from.parent().context("a directory")?;
    let sender = script(r#"tar -c -C "$2" "$3" | nc -N 127.0.0.1 "$1""#, &[parent.as_ref(), job.name()]);
    to_listener(job, &receiver, &sender, port)
}

fn socat(job: &Job<'_>, tools: &Tools) -> anyhow::Result<Taken> {
    let port = free_port()?;
    let tls = tools.socat()?.display();
    let socat = |from: String, to: String| {
        let mut socat = command("socat", &["-u".as_ref(), "-b".as_ref(), "65536".as_ref()]);
        socat.args([from, to]).env("OPENSSL_CONF", format!("{tls}/openssl.conf"));
        socat
    };
    let options =
        |ours: &str, theirs: &str| format!("cert={tls}/{ours}.pem,cafile={tls}/{theirs}.crt,verify=1");
    let receiver = socat(
        format!("OPENSSL-LISTEN:{port},bind=127.0.0.1,{}", options("receiver", "sender")),
        format!("CREATE:{}", job.arrival().display()),
    );
    let sender = socat(
        format!("OPEN:{},rdonly", job.from.display()),
        format!("OPENSSL:127.0.0.1:{port},commonname=localhost,{}", options("sender", "receiver")),
    );
    to_listener(job, &receiver, &sender, port)
}

/// To a receiver from a sender that waits for it and says how it is reached.
fn from_sender(
    job: &Job<'_>,
    sender: &Command,
    ticket: impl FnMut(&str) -> Option<String>,
    receiver: impl FnOnce(&str) -> Command,
) -> anyhow::Result<Taken> {
    let begin = Instant::now();
    let (sender, ticket) = Running::start_and_find(sender, &job.work, "sender", job.measured, ticket)?;
    let start = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let second = job.start(&receiver(&ticket), "receiver")?.done()?;
    let first = sender.done()?;
    Ok(Taken { seconds: begin.elapsed().as_secs_f64(), start: Some(start), first, second, syncs: None })
}

fn floor(job: &Job<'_>) -> anyhow::Result<Taken> {
    let this = std::env::current_exe()?;
    let sender = command(&this, &["floor-send".as_ref(), job.from.as_ref()]);
    from_sender(
        job,
        &sender,
        |line| Some(line.trim().to_owned()),
        |card| command(&this, &["floor-receive".as_ref(), card.as_ref(), job.arrival().as_ref()]),
    )
}

fn foctet(job: &Job<'_>, tools: &Tools, transport: &str, syncing: Syncing) -> anyhow::Result<Taken> {
    let with_options = |foctet: &mut Command, what: &str| {
        foctet.arg(what);
        foctet.args(["--json", "--no-relay", "--no-lan", "--transport", transport, "--bind", "127.0.0.1:0"]);
    };
    let transfer = |mut receiver: Command, into: &Path| {
        let mut sender = Command::new(tools.foctet());
        with_options(&mut sender, "send");
        sender.arg(job.from);
        from_sender(job, &sender, ticket, |ticket| {
            with_options(&mut receiver, "receive");
            receiver.arg("-y").arg("-o").arg(into).arg(ticket);
            receiver
        })
    };
    let mut receiver = Command::new(tools.foctet());
    if syncing == Syncing::Void {
        receiver.env("LD_PRELOAD", "libeatmydata.so");
    }
    let mut taken = transfer(receiver, &job.into)?;
    if syncing == Syncing::TakenOff {
        // Traced, it takes longer; so its syncs are those of a second transfer.
        let (into, trace) = (job.work.join("traced"), job.work.join("syncs"));
        std::fs::create_dir(&into)?;
        let mut strace = Command::new("strace");
        strace.args(["-f", "--seccomp-bpf", "-qq", "-T", "-e", "trace=fsync,fdatasync,syncfs"]);
        strace.args(["-e", "signal=none", "-o"]).arg(&trace).arg(tools.foctet());
        transfer(strace, &into)?;
        let syncs = traced(&std::fs::read_to_string(&trace)?);
        taken.seconds -= syncs;
        taken.syncs = Some(syncs);
    }
    Ok(taken)
}

/// Seconds that the calls in a trace took, which stand at the end of each line.
fn traced(trace: &str) -> f64 {
    let seconds = |line: &str| line.rsplit_once('<')?.1.strip_suffix('>')?.parse::<f64>().ok();
    trace.lines().filter_map(seconds).sum()
}

/// The ticket in an event of the sender that has it.
fn ticket(line: &str) -> Option<String> {
    let (_, rest) = line.split_once(r#""ticket":""#)?;
    Some(rest.split_once('"')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ticket_is_found_in_its_event() {
        let line = r#"{"v":1,"event":"listening","ticket":"foctet:abc","code":null}"#;
        assert_eq!(ticket(line).as_deref(), Some("foctet:abc"));
        assert_eq!(ticket(r#"{"v":1,"event":"path"}"#), None);
    }

    #[test]
    fn the_time_of_syncs_is_that_at_the_end_of_the_lines() {
        let trace =
            "17 syncfs(9) = 0 <0.250>\n18 fsync(7 <unfinished ...>\n18 <... fsync resumed>) = 0 <0.5>\n";
        assert_eq!(traced(trace), 0.75);
    }
}
