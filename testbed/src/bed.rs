//! A network made of namespaces.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::process::Child;

use crate::link::{Ends, Running, Shape};
use crate::namespace::{self, Namespace, PREFIX};
use crate::node::{GATEWAY, Port};
use crate::{Error, Ipv6, Node, RouterOptions, Uplink};

mod inside;
mod link_program;

mod named;
pub use named::{existing, take_down};

/// The address of the internet itself, the gateway of all who are on it.
const INTERNET: Ipv4Addr = Ipv4Addr::new(198, 18, 255, 254);

/// How many hosts, and how many routers, the internet takes: what a byte counts.
const MAX_ON_INTERNET: u8 = 250;

/// The link-local address of those directly on the internet. Each has its own link to it.
const ON_INTERNET: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);

/// Which of a router's inside networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subnet {
    /// `lan0`.
    #[default]
    First,
    /// `lan1`.
    Second,
}

/// A network of namespaces: the public internet, and what was added to it. All of it is gone when this is dropped, and
/// the processes in it are killed; what a killed process leaves behind, the next one deletes ([`sweep`](crate::sweep)).
///
/// The internet forwards and does nothing else: it answers nobody, and to addresses that do not exist, packets vanish.
#[derive(Debug)]
pub struct Testbed {
    prefix: String,
    internet: Namespace,
    nodes: Vec<Node>,
    links: Vec<(String, Running)>,
    link_program: Option<PathBuf>,
    link_processes: Vec<Child>,
    hosts: u8,
    routers: u8,
    /// How many addresses routers took in the place of their first.
    readdressed: u8,
    devices: u32,
    /// By router and subnet, how many are in it.
    inside: Vec<(String, Subnet, u8)>,
    keep: bool,
}

impl Testbed {
    /// An internet with nobody on it. `label` is to be recognised in the names of the namespaces.
    pub fn new(label: &str) -> Result<Self, Error> {
        Self::available()?;
        namespace::sweep();
        check_name(label)?;
        Self::with_prefix(format!("{}{label}-", namespace::unique_prefix()))
    }

    /// An internet that outlives this process: [`keep`](Self::keep) it, and take it down by its name later.
    ///
    /// `program` is the program of this crate; it runs the links in userspace.
    pub fn named(name: &str, program: PathBuf) -> Result<Self, Error> {
        Self::available()?;
        check_name(name)?;
        // If one name goes on where another ends, it cannot be told whose namespaces are whose.
        let dashed = format!("{name}-");
        let overlaps = |other: &str| {
            let other = format!("{other}-");
            other.starts_with(&dashed) || dashed.starts_with(&other)
        };
        if let Some((other, _)) = existing().into_iter().find(|(other, _)| overlaps(other)) {
            return Err(Error::Exists(format!("network {other}")));
        }
        let mut bed = Self::with_prefix(format!("{PREFIX}{name}-"))?;
        bed.link_program = Some(program);
        Ok(bed)
    }

    fn with_prefix(prefix: String) -> Result<Self, Error> {
        let internet = Namespace::create(format!("{prefix}internet"))?;
        let bed = Self {
            prefix,
            internet,
            nodes: Vec::new(),
            links: Vec::new(),
            link_program: None,
            link_processes: Vec::new(),
            hosts: 0,
            routers: 0,
            readdressed: 0,
            devices: 0,
            inside: Vec::new(),
            keep: false,
        };
        inside::forward(&bed.internet)?;
        bed.internet.ip("route add blackhole default\nroute add blackhole ::/0")?;
        Ok(bed)
    }

    pub(crate) fn internet(&self) -> &Namespace {
        &self.internet
    }

    /// Lets the network stay when this value is dropped.
    pub fn keep(mut self) {
        self.keep = true;
    }

    /// The hosts and routers, in the order in which they were added.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The host or router of this name.
    pub fn node(&self, name: &str) -> Result<&Node, Error> {
        self.nodes.iter().find(|node| node.name() == name).ok_or_else(|| Error::Missing(name.to_owned()))
    }

    /// The link in userspace of the host or router of this name, if a thread of this process runs it.
    pub fn link(&self, name: &str) -> Option<&Running> {
        self.links.iter().find(|(of, _)| of == name).map(|(_, link)| link)
    }

    /// Adds a host directly on the internet: the first has the address 198.18.0.2, the next 198.18.0.3.
    pub fn public_host(&mut self, name: &str, uplink: &Uplink) -> Result<Node, Error> {
        let number = next(&mut self.hosts, "host on the internet")?;
        let node = self.add(name, None, None)?;
        let host = u16::from(number) + 1;
        let ipv4 = Ipv4Addr::new(198, 18, 0, number + 1);
        let ipv6 = Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, host);
        self.attach_to_internet(&node, "eth0", uplink, ipv4, ipv6, None)?;
        Ok(node)
    }

    /// Adds a router on the internet: the first has the address 198.18.1.1, the next 198.18.1.2. Inside, the first has
    /// 192.168.1.0/24 and 192.168.129.0/24.
    pub fn router(&mut self, name: &str, options: &RouterOptions) -> Result<Node, Error> {
        let number = next(&mut self.routers, "router")?;
        let node = self.add(name, Some(*options), None)?;
        let wide = u16::from(number);
        let ipv4 = Ipv4Addr::new(198, 18, 1, number);
        let ipv6 = Ipv6Addr::new(0x2001, 2, 0, 1, 0, 0, 0, wide);
        let prefix = Ipv6Addr::new(0x2001, 2, 0, 0x1000 + wide, 0, 0, 0, 0);
        self.attach_to_internet(&node, "wan0", &options.uplink, ipv4, ipv6, Some(prefix))?;
        inside::configure_router(&node, number)?;
        Ok(node)
    }

    /// Adds a router behind another one, which by that becomes that of a carrier.
    pub fn router_behind(
        &mut self,
        name: &str,
        carrier: &Node,
        options: &RouterOptions,
    ) -> Result<Node, Error> {
        carrier.router_options()?;
        if options.uplink.link.is_some() {
            return Err(carrier.unsuited("links in userspace are those of uplinks to the internet only"));
        }
        let number = next(&mut self.routers, "router")?;
        let node = self.add(name, Some(*options), Some(carrier.clone()))?;
        let prefix = Ipv6Addr::new(0x2001, 2, 0, 0x1000 + u16::from(number), 0, 0, 0, 0);
        self.attach_inside(&node, "wan0", carrier, Subnet::First, &options.uplink, Some(prefix))?;
        node.set_line(&options.uplink)?;
        inside::configure_router(&node, number)?;
        Ok(node)
    }

    /// Adds a host behind a router: the first has 192.168.x.10. It has those IP versions that the router has.
    pub fn host(&mut self, name: &str, router: &Node) -> Result<Node, Error> {
        self.host_on(name, router, Subnet::First)
    }

    /// Adds a host in one of the inside networks of a router.
    pub fn host_on(&mut self, name: &str, router: &Node, subnet: Subnet) -> Result<Node, Error> {
        let uplink = router.router_options()?.uplink;
        let node = self.add(name, None, Some(router.clone()))?;
        self.attach_inside(&node, "eth0", router, subnet, &uplink, None)?;
        Ok(node)
    }

    /// Gives a host another uplink, behind `router`, for [`Node::use_uplink`].
    pub fn add_uplink(&mut self, host: &Node, router: &Node) -> Result<(), Error> {
        let uplink = router.router_options()?.uplink;
        let device = format!("eth{}", host.port_count());
        self.attach_inside(host, &device, router, Subnet::First, &uplink, None)
    }

    /// Gives a router on the internet another outside address, so that all its mappings are void. Gives that address.
    pub fn readdress(&mut self, router: &Node) -> Result<Ipv4Addr, Error> {
        router.router_options()?;
        if router.parent().is_some() {
            return Err(router.unsuited("its address is one of a carrier"));
        }
        let number = next(&mut self.readdressed, "address of a router")?;
        let new = Ipv4Addr::new(198, 18, 2, number);
        let port = router.port()?;
        // From here on, what is on the way to the old address is lost.
        self.internet.ip(&format!("route add {new}/32 dev {}", port.far_device))?;
        if let Some(old) = router.replace_ipv4(new)? {
            self.internet.ip(&format!("route del {old}/32"))?;
        }
        router.load_nat()?;
        // As in a rebinding: mappings are forgotten at the latest when the interface goes down.
        router.unplug()?;
        router.plug()?;
        Ok(new)
    }

    fn add(
        &mut self,
        name: &str,
        router: Option<RouterOptions>,
        parent: Option<Node>,
    ) -> Result<Node, Error> {
        check_name(name)?;
        if name == "internet" || self.node(name).is_ok() {
            return Err(Error::Exists(name.to_owned()));
        }
        let space = Namespace::create(format!("{}{name}", self.prefix))?;
        let node = Node::new(name, space, router, parent);
        self.nodes.push(node.clone());
        Ok(node)
    }

    fn next_device(&mut self) -> String {
        self.devices += 1;
        format!("to{}", self.devices)
    }

    fn attach_to_internet(
        &mut self,
        node: &Node,
        device: &str,
        uplink: &Uplink,
        ipv4: Ipv4Addr,
        ipv6: Ipv6Addr,
        prefix: Option<Ipv6Addr>,
    ) -> Result<(), Error> {
        let far_device = self.next_device();
        let space = node.space();
        match uplink.link {
            Some(shapes) => self.start_link(node, device, &far_device, shapes)?,
            None => {
                let internet = self.internet.name();
                space.ip(&format!("link add {device} type veth peer name {far_device} netns {internet}"))?;
            }
        }
        // An interface whose other end is down has no routes of IPv6.
        self.internet.ip(&format!("link set {far_device} up"))?;
        let mut lines = String::new();
        if uplink.ipv4 {
            let _ = writeln!(lines, "addr add {INTERNET}/32 dev {far_device}");
            let _ = writeln!(lines, "route add {ipv4}/32 dev {far_device}");
        }
        let has_ipv6 = uplink.ipv6 != Ipv6::Off;
        if has_ipv6 {
            let _ = writeln!(lines, "addr add {GATEWAY}/64 dev {far_device} nodad");
            let _ = writeln!(lines, "route add {ipv6}/128 via {ON_INTERNET} dev {far_device}");
            for prefix in prefix.into_iter().flat_map(|prefix| [prefix, inside::second_prefix(prefix)]) {
                let _ = writeln!(lines, "route add {prefix}/64 via {ON_INTERNET} dev {far_device}");
            }
        }
        node.add_port(Port {
            device: device.to_owned(),
            far: self.internet.clone(),
            far_device: far_device.clone(),
            ipv4: uplink.ipv4.then_some((ipv4, 32, INTERNET)),
            ipv6: has_ipv6.then_some((ipv6, 128)),
            link_local: ON_INTERNET,
            prefix: prefix.filter(|_| has_ipv6),
        })?;
        self.internet.ip(&lines)?;
        node.set_line(uplink)?;
        if uplink.ipv6 == Ipv6::Broken {
            self.internet.nft(&format!(
                "table inet broken_{far_device} {{
  chain forward {{
    type filter hook forward priority -20; policy accept;
    iifname \"{far_device}\" meta nfproto ipv6 drop
    oifname \"{far_device}\" meta nfproto ipv6 drop
  }}
}}
"
            ))?;
        }
        Ok(())
    }

    fn start_link(
        &mut self,
        node: &Node,
        device: &str,
        far_device: &str,
        shapes: [Shape; 2],
    ) -> Result<(), Error> {
        let ends = Ends {
            near: (node.namespace().to_owned(), device.to_owned()),
            far: (self.internet.name().to_owned(), far_device.to_owned()),
        };
        match &self.link_program {
            None => {
                self.links.push((node.name().to_owned(), Running::start(ends, shapes)?));
            }
            Some(program) => self.link_processes.push(link_program::start(program, &ends, shapes)?),
        }
        // The queue is the link's; those of the kernel before it shall not be what drops.
        node.space().ip(&format!("link set {device} txqueuelen 10000"))?;
        self.internet.ip(&format!("link set {far_device} txqueuelen 10000"))
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        // Threads are in the namespaces until they end; the devices go with them.
        self.links.clear();
        // What cannot be deleted now is swept by the next one.
        for node in &self.nodes {
            let _ = node.space().delete();
        }
        let _ = self.internet.delete();
        for process in &mut self.link_processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let fits = (1..=32).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if fits { Ok(()) } else { Err(Error::Name(name.to_owned())) }
}

fn next(count: &mut u8, what: &'static str) -> Result<u8, Error> {
    if *count >= MAX_ON_INTERNET {
        return Err(Error::Full(what));
    }
    *count += 1;
    Ok(*count)
}
