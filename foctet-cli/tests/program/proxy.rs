//! A TCP proxy between two programs, which can be cut.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use foctet_core::{NodeAddr, Ticket, TransportAddr};

/// Passes connections on to one address, until dropped.
pub(crate) struct Proxy {
    addr: SocketAddr,
    state: Arc<State>,
    accepting: Option<JoinHandle<()>>,
}

struct State {
    to: SocketAddr,
    open: AtomicBool,
    ended: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
    /// Bytes passed on from the far side.
    brought: AtomicU64,
}

impl Proxy {
    /// A proxy to where this ticket leads by TCP, and the ticket that leads to the proxy alone.
    pub(crate) fn before(ticket: &str) -> (Self, String) {
        let ticket: Ticket = ticket.parse().unwrap();
        let tcp = ticket.addr().tcp().next();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let state = Arc::new(State {
            to: tcp.expect("a TCP address"),
            open: AtomicBool::new(true),
            ended: AtomicBool::new(false),
            connections: Mutex::default(),
            brought: AtomicU64::new(0),
        });
        let accepting = {
            let state = Arc::clone(&state);
            Some(std::thread::spawn(move || accept(&listener, &state)))
        };
        let through = NodeAddr::new(ticket.addr().id()).with_addr(TransportAddr::Tcp(addr));
        let through = Ticket::new(through, ticket.secret().clone()).to_string();
        (Self { addr, state, accepting }, through)
    }

    /// Cuts every connection, and accepts none until [`mend`](Self::mend).
    pub(crate) fn cut(&self) {
        self.state.open.store(false, Ordering::SeqCst);
        for stream in self.state.connections.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Passes connections on again.
    pub(crate) fn mend(&self) {
        self.state.open.store(true, Ordering::SeqCst);
    }

    /// Bytes that the far side has sent through it.
    pub(crate) fn brought(&self) -> u64 {
        self.state.brought.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        self.cut();
        let _ = TcpStream::connect(self.addr);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    for near in listener.incoming() {
        if state.ended.load(Ordering::SeqCst) {
            return;
        }
        let Ok(near) = near else { return };
        // Who comes while it is cut is turned away.
        let mut connections = state.connections.lock().unwrap();
        if !state.open.load(Ordering::SeqCst) {
            continue;
        }
        let Ok(far) = TcpStream::connect(state.to) else { continue };
        connections.extend([near.try_clone().unwrap(), far.try_clone().unwrap()]);
        let (near_again, far_again) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        std::thread::spawn(move || pass(near_again, far_again, |_| ()));
        let state = Arc::clone(state);
        std::thread::spawn(move || {
            pass(far, near, |len| {
                state.brought.fetch_add(len as u64, Ordering::SeqCst);
            });
        });
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, passed: impl Fn(usize)) {
    let mut buffer = vec![0; 65_536];
    loop {
        match io::Read::read(&mut from, &mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(len) => {
                if io::Write::write_all(&mut to, &buffer[..len]).is_err() {
                    break;
                }
                passed(len);
            }
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
