//! The commands of the program.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use clap::{Args, Parser, Subcommand};
use testbed::link::{Ends, Shape, run_until_killed};
use testbed::topology::Topology;
use testbed::{Error, Ipv6, Nat, Out, RouterOptions, Testbed, Uplink, probe};

use crate::measure;

/// Networks of namespaces to test on. They need root.
#[derive(Parser)]
#[command(name = "testbed")]
struct Program {
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Build a network that stays until it is taken down
    Up(Up),
    /// Take a network down, and kill what runs in it
    Down {
        /// The network
        name: String,
    },
    /// List the networks and who is in them
    List,
    /// Run a command on a host or router of a network
    Exec {
        /// The network
        name: String,
        /// The host or router
        host: String,
        /// The command and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Find out by packets how NATs behave, each in a network of its own
    ProbeNat {
        /// Which; all if none is told
        nats: Vec<Nat>,
    },
    /// Measure how fast the link in userspace is, and how much it adds to a round trip
    MeasureLink {
        /// For how many seconds each
        #[arg(long, default_value_t = 3)]
        seconds: u32,
    },
    /// Delete what processes left behind that are no more
    Sweep,
    /// Run a link between two namespaces
    #[command(hide = true)]
    Link {
        /// NAMESPACE/DEVICE to make at the near end
        near: String,
        /// NAMESPACE/DEVICE to make at the far end
        far: String,
        /// What is done to packets from the near end to the far one
        up: Shape,
        /// And to those from the far end
        down: Shape,
    },
}

#[derive(Args)]
struct Up {
    /// What to call it
    name: String,
    /// Who is where: direct, homes, public, carrier, same-home, two-subnets
    #[arg(long, default_value_t = Topology::Homes)]
    topology: Topology,
    /// The NAT before alice: full-cone, address-restricted, port-restricted, port-restricted-remapped, symmetric, hairpin
    #[arg(long, value_name = "NAT", default_value_t = Nat::PortRestricted)]
    left: Nat,
    /// The NAT before bob
    #[arg(long, value_name = "NAT", default_value_t = Nat::PortRestricted)]
    right: Nat,
    /// A link in userspace on alice's side, as delay=20ms,jitter=1ms,rate=20mbit,queue=65536,loss=0.01,burst=3,seed=7
    #[arg(long, value_name = "SHAPE")]
    left_link: Option<Shape>,
    /// A link in userspace on bob's side
    #[arg(long, value_name = "SHAPE")]
    right_link: Option<Shape>,
    /// What alice's router lets out: all, no-udp-out, no-udp, only-tcp-443
    #[arg(long, value_name = "WHAT", default_value = "all", value_parser = parse_out)]
    left_out: Out,
    /// What bob's router lets out
    #[arg(long, value_name = "WHAT", default_value = "all", value_parser = parse_out)]
    right_out: Out,
    /// Whether there is IPv6: off, on, broken
    #[arg(long, default_value = "off", value_parser = parse_ipv6)]
    ipv6: Ipv6,
    /// UDP mappings live for 5 s without an answer and 8 s after one
    #[arg(long)]
    short_lifetimes: bool,
}

fn parse_out(text: &str) -> Result<Out, String> {
    match text {
        "all" => Ok(Out::All),
        "no-udp-out" => Ok(Out::NoUdpOut),
        "no-udp" => Ok(Out::NoUdp),
        "only-tcp-443" => Ok(Out::OnlyTcp443),
        _ => Err("it is none of all, no-udp-out, no-udp, only-tcp-443".to_owned()),
    }
}

fn parse_ipv6(text: &str) -> Result<Ipv6, String> {
    match text {
        "off" => Ok(Ipv6::Off),
        "on" => Ok(Ipv6::On),
        "broken" => Ok(Ipv6::Broken),
        _ => Err("it is none of off, on, broken".to_owned()),
    }
}

/// Runs the program.
pub(crate) fn run() -> ExitCode {
    match act(Program::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("testbed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn act(action: Action) -> Result<(), Error> {
    match action {
        Action::Up(up) => build(&up),
        Action::Down { name } => testbed::take_down(&name),
        Action::List => {
            for (name, spaces) in testbed::existing() {
                let prefix = format!("foctet-{name}-");
                let hosts: Vec<&str> =
                    spaces.iter().filter_map(|space| space.strip_prefix(&prefix)).collect();
                println!("{name}: {}", hosts.join(" "));
            }
            Ok(())
        }
        Action::Exec { name, host, command } => {
            // It takes the place of this process, so that its status, its terminal and its signals are its own.
            let mut exec = Command::new("ip");
            let source = exec.args(["netns", "exec", &format!("foctet-{name}-{host}")]).args(command).exec();
            Err(Error::Run { program: "ip".to_owned(), source })
        }
        Action::ProbeNat { nats } => probe_nats(if nats.is_empty() { &Nat::ALL } else { &nats }),
        Action::MeasureLink { seconds } => measure::run(seconds),
        Action::Sweep => {
            testbed::sweep().iter().for_each(|name| println!("{name}"));
            Ok(())
        }
        Action::Link { near, far, up, down } => {
            let end = |text: &str| {
                let (namespace, device) = text.split_once('/').unwrap_or((text, "link"));
                (namespace.to_owned(), device.to_owned())
            };
            let ends = Ends { near: end(&near), far: end(&far) };
            run_until_killed(&ends, [up, down], || println!("ready"))
        }
    }
}

fn build(up: &Up) -> Result<(), Error> {
    let program = std::env::current_exe()
        .map_err(|source| Error::Io { what: "finding this program".to_owned(), source })?;
    let mut bed = Testbed::named(&up.name, program)?;
    let options = |nat, link: Option<Shape>, out| {
        let uplink = Uplink::default().ipv6(up.ipv6);
        let uplink = link.map_or(uplink, |shape| uplink.link(shape));
        let options = RouterOptions::nat(nat).uplink(uplink).out(out);
        if up.short_lifetimes { options.short_lifetimes() } else { options }
    };
    let left = options(up.left, up.left_link, up.left_out);
    let right = options(up.right, up.right_link, up.right_out);
    up.topology.build(&mut bed, &left, &right)?;
    for node in bed.nodes() {
        let address = |address: Option<String>| address.unwrap_or_else(|| "-".to_owned());
        println!(
            "{:<8} {:<16} {:<20} {}",
            node.name(),
            address(node.ipv4().map(|ipv4| ipv4.to_string())),
            address(node.ipv6().map(|ipv6| ipv6.to_string())),
            node.nat().map(|nat| nat.to_string()).unwrap_or_default()
        );
    }
    println!(
        "testbed exec {} alice -- COMMAND runs something there, testbed down {} ends it all",
        up.name, up.name
    );
    bed.keep();
    Ok(())
}

fn probe_nats(nats: &[Nat]) -> Result<(), Error> {
    println!("{:<26}{:<26}{:<26}{:<12}hairpin", "nat", "mapping", "filtering", "keeps port");
    for nat in nats {
        let mut bed = Testbed::new("probe")?;
        let first = bed.public_host("first", &Uplink::default())?;
        let second = bed.public_host("second", &Uplink::default())?;
        let router = bed.router("router", &RouterOptions::nat(*nat))?;
        let host = bed.host("host", &router)?;
        let other = bed.host("other", &router)?;
        let probe::Behaviour { mapping, filtering, keeps_port } = probe::behaviour(&host, [&first, &second])?;
        let hairpin = probe::hairpins(&host, &other, &first)?;
        println!(
            "{nat:<26}{:<26}{:<26}{keeps_port:<12}{hairpin}",
            format!("{mapping:?}"),
            format!("{filtering:?}")
        );
    }
    Ok(())
}
