//! A network namespace: made, configured, entered and deleted.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::{Error, tool};

/// What the names of all our namespaces begin with.
pub(crate) const PREFIX: &str = "foctet-";

/// Where `ip netns` keeps the names.
const DIRECTORY: &str = "/run/netns";

/// How long processes in a namespace are given to die of SIGKILL, which only takes this long in the kernel's trouble.
const KILL_TIME: Duration = Duration::from_secs(5);

/// A network namespace of ours. It lives until [`delete`](Self::delete), whatever becomes of this value.
#[derive(Debug, Clone)]
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a namespace whose loopback is up.
    pub(crate) fn create(name: String) -> Result<Self, Error> {
        tool::ip(&format!("netns add {name}"))?;
        let namespace = Self { name };
        namespace.ip("link set lo up")?;
        // IPv6 addresses are ours to give, and there is nobody to ask whether they are taken. They shall survive an
        // interface being down, as IPv4 addresses do. These are settings of a kernel with IPv6.
        for (key, value) in
            [("accept_dad", "0"), ("accept_ra", "0"), ("addr_gen_mode", "1"), ("keep_addr_on_down", "1")]
        {
            let _ = namespace.set(&format!("net/ipv6/conf/default/{key}"), value);
            let _ = namespace.set(&format!("net/ipv6/conf/all/{key}"), value);
        }
        Ok(namespace)
    }

    /// The namespace of this name, which was made earlier.
    pub(crate) fn existing(name: &str) -> Result<Self, Error> {
        if !Path::new(DIRECTORY).join(name).exists() {
            return Err(Error::Missing(format!("namespace {name}")));
        }
        Ok(Self { name: name.to_owned() })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn path(&self) -> PathBuf {
        Path::new(DIRECTORY).join(&self.name)
    }

    /// Runs commands of `ip`, one a line, in the namespace.
    pub(crate) fn ip(&self, lines: &str) -> Result<(), Error> {
        let mut command = Command::new("ip");
        command.args(["-n", &self.name, "-batch", "-"]);
        tool::run(command, Some(lines)).map(drop)
    }

    /// Loads rules of `nft` in the namespace, all or none.
    pub(crate) fn nft(&self, rules: &str) -> Result<(), Error> {
        let mut command = self.command("nft");
        command.args(["-f", "-"]);
        tool::run(command, Some(rules)).map(drop)
    }

    /// Runs `tc` with these arguments in the namespace.
    pub(crate) fn tc(&self, arguments: &str) -> Result<(), Error> {
        let mut command = Command::new("tc");
        command.args(["-n", &self.name]).args(arguments.split_whitespace());
        tool::run(command, None).map(drop)
    }

    /// Sets a variable of the kernel, named by its path below `/proc/sys`, in the namespace.
    pub(crate) fn set(&self, key: &str, value: &str) -> Result<(), Error> {
        let what = format!("setting {key} to {value} in {}", self.name);
        // The net part of /proc/sys is that of the thread which opens it.
        self.within(|| fs::write(Path::new("/proc/sys").join(key), value))?.map_err(Error::io(what))
    }

    /// A command that runs `program` in the namespace; its process id is that of the program.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Runs `work` on a thread of its own within the namespace, and gives what it returns. Sockets that it makes stay
    /// in the namespace wherever they are used; so do the threads that it starts.
    pub(crate) fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Error> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.enter()?;
                Ok(work())
            });
            match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Moves the thread that calls into the namespace, for good.
    pub(crate) fn enter(&self) -> Result<(), Error> {
        let what = || format!("entering {}", self.name);
        let file = File::open(self.path()).map_err(Error::io(what()))?;
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|errno| Error::io(what())(errno.into()))
    }

    /// The processes in the namespace. They are ours, or were started by what is ours.
    fn processes(&self) -> Vec<Pid> {
        let listed = tool::ip(&format!("netns pids {}", self.name)).unwrap_or_default();
        // A thread of this process may be in there; that does not make this process one of those to end.
        let own = rustix::process::getpid();
        listed
            .lines()
            .filter_map(|line| line.trim().parse().ok().and_then(Pid::from_raw))
            .filter(|&pid| pid != own)
            .collect()
    }

    /// Ends the processes in the namespace and deletes it.
    pub(crate) fn delete(&self) -> Result<(), Error> {
        let started = Instant::now();
        loop {
            let processes = self.processes();
            if processes.is_empty() || started.elapsed() > KILL_TIME {
                break;
            }
            for pid in processes {
                // One that ended meanwhile is what we want.
                let _ = rustix::process::kill_process(pid, Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        tool::ip(&format!("netns del {}", self.name)).map(drop)
    }
}

/// The names of all namespaces of ours, sorted.
pub(crate) fn all() -> Vec<String> {
    let Ok(entries) = fs::read_dir(DIRECTORY) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(PREFIX))
        .collect();
    names.sort();
    names
}

/// What the names of the namespaces of a new network of this process begin with.
pub(crate) fn unique_prefix() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}{}-{count}-", std::process::id())
}

/// Deletes the namespaces that processes left behind which are no more: a test that was killed has no time to tidy up.
/// Gives the names of those deleted.
pub fn sweep() -> Vec<String> {
    let dead = |name: &String| {
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        pid.and_then(|pid| pid.parse::<u32>().ok())
            .is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
    };
    let mut swept: Vec<String> = all().into_iter().filter(dead).collect();
    // Another process may be sweeping too.
    swept.retain(|name| Namespace::existing(name).is_ok_and(|namespace| namespace.delete().is_ok()));
    swept
}

/// Whether a namespace can be made, with the interfaces and rules in it that networks are made of.
pub(crate) fn try_out() -> Result<(), Error> {
    let namespace = Namespace::create(format!("{}try", unique_prefix()))?;
    let tried = namespace
        .ip("link add lan0 type bridge\nlink add wan0 type veth peer name wan1\nlink set wan0 up")
        .and_then(|()| {
            namespace.nft(
                "table ip nat {\n chain post {\n type nat hook postrouting priority srcnat;\n masquerade\n }\n}\n\
                 table netdev cut {\n chain in {\n type filter hook ingress device wan0 priority 0;\n drop\n }\n}\n",
            )
        })
        .and_then(|()| namespace.tc("qdisc add dev wan0 root tbf rate 20mbit burst 32kb latency 50ms"));
    namespace.delete()?;
    tried
}
