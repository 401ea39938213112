//! A host or a router in a network.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal};

use crate::namespace::Namespace;
use crate::{Error, Nat, Ports, RouterOptions, tool};

/// A host or a router. It is a handle: clones are the same node, and after the [`Testbed`](crate::Testbed) is dropped,
/// everything fails.
#[derive(Debug, Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    space: Namespace,
    router: Option<RouterOptions>,
    /// Where the way to the internet goes on: the router behind which this is.
    parent: Option<Node>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    ports: Vec<Port>,
    /// Which of them carries the default route.
    active: usize,
    /// How often a router was told to use other ports.
    rebindings: u16,
    /// The range of ports that the NAT maps to.
    range: Option<Ports>,
    /// The addresses of a router in its inside networks.
    inside: Option<[Ipv4Addr; 2]>,
}

/// An interface towards the internet, and what is at its other end.
#[derive(Debug, Clone)]
pub(crate) struct Port {
    pub(crate) device: String,
    pub(crate) far: Namespace,
    pub(crate) far_device: String,
    /// The address, its prefix length and the gateway.
    pub(crate) ipv4: Option<(Ipv4Addr, u8, Ipv4Addr)>,
    pub(crate) ipv6: Option<(Ipv6Addr, u8)>,
    /// The link-local address of this end.
    pub(crate) link_local: Ipv6Addr,
    /// The prefix of 64 bits for the first inside network of a router.
    pub(crate) prefix: Option<Ipv6Addr>,
}

/// The link-local address of whatever is the next towards the internet.
pub(crate) const GATEWAY: &str = "fe80::1";

impl Port {
    /// Brings it up with its addresses and, if it is the `active` one, the default routes. It may be up already.
    pub(crate) fn bring_up(&self, space: &Namespace, active: bool) -> Result<(), Error> {
        let device = &self.device;
        let mut lines = format!("link set {device} up\n");
        if let Some((address, length, gateway)) = self.ipv4 {
            let _ = writeln!(lines, "addr replace {address}/{length} dev {device}");
            if active {
                let _ = writeln!(lines, "route replace default via {gateway} dev {device} onlink");
            }
        }
        if let Some((address, length)) = self.ipv6 {
            let _ = writeln!(lines, "addr replace {}/64 dev {device} nodad", self.link_local);
            let _ = writeln!(lines, "addr replace {address}/{length} dev {device} nodad");
            if active {
                let _ = writeln!(lines, "route replace ::/0 via {GATEWAY} dev {device}");
            }
        }
        space.ip(&lines)
    }
}

impl Node {
    pub(crate) fn new(
        name: &str,
        space: Namespace,
        router: Option<RouterOptions>,
        parent: Option<Self>,
    ) -> Self {
        let range = router.and_then(|options| options.nat.initial_ports());
        let state = Mutex::new(State { ports: Vec::new(), active: 0, rebindings: 0, range, inside: None });
        Self { inner: Arc::new(Inner { name: name.to_owned(), space, router, parent, state }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn space(&self) -> &Namespace {
        &self.inner.space
    }

    pub(crate) fn parent(&self) -> Option<&Self> {
        self.inner.parent.as_ref()
    }

    pub(crate) fn router_options(&self) -> Result<&RouterOptions, Error> {
        self.inner.router.as_ref().ok_or_else(|| self.unsuited("it is no router"))
    }

    pub(crate) fn unsuited(&self, why: &'static str) -> Error {
        Error::Unsuited { node: self.inner.name.clone(), why }
    }

    /// Adds an interface towards the internet and brings it up. The first one carries the default route.
    pub(crate) fn add_port(&self, port: Port) -> Result<(), Error> {
        let mut state = self.state();
        port.bring_up(&self.inner.space, state.ports.len() == state.active)?;
        state.ports.push(port);
        Ok(())
    }

    pub(crate) fn port_count(&self) -> usize {
        self.state().ports.len()
    }

    pub(crate) fn ports(&self) -> Vec<Port> {
        self.state().ports.clone()
    }

    /// The interface that carries the default route.
    pub(crate) fn port(&self) -> Result<Port, Error> {
        let state = self.state();
        state.ports.get(state.active).cloned().ok_or_else(|| self.unsuited("it has no uplink"))
    }

    /// What it is called in its network.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The name of its namespace, as `ip netns` lists it.
    pub fn namespace(&self) -> &str {
        self.inner.space.name()
    }

    /// Its IPv4 address on the uplink in use; for a router this is its outside.
    pub fn ipv4(&self) -> Option<Ipv4Addr> {
        Some(self.port().ok()?.ipv4?.0)
    }

    /// Its IPv6 address on the uplink in use.
    pub fn ipv6(&self) -> Option<Ipv6Addr> {
        Some(self.port().ok()?.ipv6?.0)
    }

    /// Its IPv4 address, as an argument of a command. Empty if it has none.
    pub fn ipv4_text(&self) -> String {
        self.ipv4().map(|address| address.to_string()).unwrap_or_default()
    }

    /// A command that runs `program` on this node. The process id of its child is that of the program. What still runs
    /// when the network is torn down is killed.
    ///
    /// For tokio, it is `tokio::process::Command::from(node.command(..))`.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.inner.space.command(program)
    }

    /// Runs a program on this node to its end, and gives what it printed.
    pub fn run<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<String, Error> {
        let mut command = self.command(program);
        command.args(arguments);
        tool::run(command, None)
    }

    /// Runs `work` on a thread of its own that is on this node, and gives what it returns. Sockets made in there stay on
    /// this node wherever they are used, and so do threads started in there: a runtime made in there is on this node.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Error> {
        self.inner.space.within(work)
    }

    /// Loads rules of nftables on this node, in tables of your own.
    pub fn nft(&self, rules: &str) -> Result<(), Error> {
        self.inner.space.nft(rules)
    }

    /// Goes over to another uplink, counted from 0 in the order in which they were added: the one in use goes down,
    /// addresses included, and the other has the default route.
    pub fn use_uplink(&self, index: usize) -> Result<(), Error> {
        let mut state = self.state();
        let Some(port) = state.ports.get(index) else { return Err(self.unsuited("it has no such uplink")) };
        port.bring_up(&self.inner.space, true)?;
        for (other, port) in state.ports.iter().enumerate() {
            if other != index {
                let device = &port.device;
                self.inner.space.ip(&format!("addr flush dev {device}\nlink set {device} down"))?;
            }
        }
        state.active = index;
        Ok(())
    }

    /// Makes a router forget all mappings of IPv4 and map to other ports from now on, as if it had been restarted. The
    /// NATs that need the port to be kept cannot do that: [`Testbed::readdress`](crate::Testbed::readdress) makes them forget.
    pub fn rebind(&self) -> Result<Ports, Error> {
        let nat = self.router_options()?.nat;
        if !nat.takes_ports() {
            return Err(self.unsuited("its NAT keeps ports, so only another address changes a mapping"));
        }
        let mut state = self.state();
        // Below what Linux gives to sockets that ask for no port, 32768 and on, so that no port is kept by chance.
        let first = 10_000 + state.rebindings % 5 * 4_000;
        let ports = Ports { first, last: first + 3_999 };
        state.rebindings += 1;
        state.range = Some(ports);
        drop(state);
        self.load_nat()?;
        // The kernel forgets what was masqueraded to an interface that goes down.
        self.unplug()?;
        self.plug()?;
        Ok(ports)
    }

    /// Loads the rules of a router's NAT for the address and the ports that it now has.
    pub(crate) fn load_nat(&self) -> Result<(), Error> {
        let options = self.router_options()?;
        if let Some(outside) = self.ipv4() {
            let range = self.state().range;
            let lifetime = options.udp_lifetimes.map(|(_, lifetime)| lifetime);
            self.inner.space.nft(&options.nat.rules(outside, range, lifetime))?;
        }
        Ok(())
    }

    /// The NAT of a router.
    pub fn nat(&self) -> Option<Nat> {
        self.inner.router.map(|options| options.nat)
    }

    /// The IPv4 addresses of a router in its two inside networks.
    pub fn inside(&self) -> Option<[Ipv4Addr; 2]> {
        self.state().inside
    }

    pub(crate) fn set_inside(&self, inside: [Ipv4Addr; 2]) {
        self.state().inside = Some(inside);
    }

    /// Gives the uplink in use another IPv4 address in the place of the one that it has.
    pub(crate) fn replace_ipv4(&self, new: Ipv4Addr) -> Result<Option<Ipv4Addr>, Error> {
        let mut state = self.state();
        let active = state.active;
        let Some(port) = state.ports.get_mut(active) else { return Ok(None) };
        let Some((old, length, gateway)) = port.ipv4 else { return Ok(None) };
        self.inner.space.ip(&format!("addr del {old}/{length} dev {}", port.device))?;
        port.ipv4 = Some((new, length, gateway));
        port.bring_up(&self.inner.space, true)?;
        Ok(Some(old))
    }
}

/// A program that runs on a node. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts `command`, which may come from [`Node::command`].
    pub fn start(mut command: Command) -> Result<Self, Error> {
        let child = command.spawn().map_err(|source| Error::Run {
            program: command.get_program().to_string_lossy().into_owned(),
            source,
        })?;
        Ok(Self { child })
    }

    /// The process, to read what it prints and to wait for it.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Stops it where it is (SIGSTOP), as a machine that sleeps.
    pub fn pause(&self) -> Result<(), Error> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) -> Result<(), Error> {
        self.signal(Signal::CONT)
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) -> Result<(), Error> {
        self.signal(Signal::TERM)
    }

    /// Ends it at once (SIGKILL) and waits until it is gone.
    pub fn kill(&mut self) -> Result<ExitStatus, Error> {
        self.child.kill().and_then(|()| self.child.wait()).map_err(Error::io("killing a process"))
    }

    fn signal(&self, signal: Signal) -> Result<(), Error> {
        // The child has not been waited for, or its status is known and there is nothing to signal.
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        pid.ok_or(rustix::io::Errno::SRCH)
            .and_then(|pid| rustix::process::kill_process(pid, signal))
            .map_err(|errno| Error::io("signalling a process")(errno.into()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
