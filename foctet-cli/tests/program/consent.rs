//! Nothing is written without a yes. Questions are asked at a terminal alone: here, one made by the kernel.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tempfile::tempdir;

use crate::content::{file, names};
use crate::process::{PATIENCE, Process, foctet};

/// The user's side of a terminal.
struct Terminal {
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    /// A terminal of 100 columns, with `command` at it.
    fn with(command: &mut Command) -> Self {
        let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&user).unwrap();
        unlockpt(&user).unwrap();
        let size = Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&user, size).unwrap();
        let name = ptsname(&user, Vec::new()).unwrap().into_string().unwrap();
        let program = || Stdio::from(File::options().read(true).write(true).open(&name).unwrap());
        command.stdin(program()).stderr(program()).stdout(program());
        let user = File::from(user);
        let mut reader = user.try_clone().unwrap();
        let (tx, screen) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The read fails once the program has closed its side.
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                if tx.send(buffer[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { keyboard: user, screen, seen: String::new() }
    }

    /// Waits until `text` is on the screen.
    #[track_caller]
    fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.seen.contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left.max(Duration::from_millis(1))) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("no {text:?} in {:?}", self.seen),
            }
        }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }
}

/// A sender of `name` with this many bytes, and its ticket.
fn sender(name: &str, length: usize) -> (tempfile::TempDir, Process, String) {
    let source = tempdir().unwrap();
    let path = source.path().join(name);
    file(&path, length, 0);
    let (sender, ticket) = Process::send([&path]);
    (source, sender, ticket)
}

#[test]
fn without_a_terminal_and_without_yes_the_answer_is_no_and_the_hint_says_why() {
    let (_source, sender, ticket) = sender("f", 10);
    let target = tempdir().unwrap();
    let mut command = foctet(["receive", &ticket, "--json", "-o"]);
    command.arg(target.path());
    let outcome = Process::start(command).finish();
    outcome.assert_failed(3, "consent-needed");
    assert!(outcome.event("error")["hint"].as_str().unwrap().contains("-y"));
    assert_eq!(outcome.event("manifest")["entries"][0]["path"], "f");
    assert!(names(target.path()).is_empty());
    sender.finish().assert_failed(3, "declined");
}

#[test]
fn enter_at_the_question_receives() {
    let (_source, sender, ticket) = sender("holiday.mkv", 3_000_000);
    let target = tempdir().unwrap();
    let mut command = foctet(["receive", &ticket]);
    let mut terminal = Terminal::with(command.current_dir(target.path()));
    let receiver = Process::start(command);
    terminal.wait_for("Receive into the current directory? [Y/n]");
    assert!(terminal.seen.contains("holiday.mkv  3.0 MB  (new; "), "{}", terminal.seen);
    assert!(names(target.path()).is_empty(), "nothing touches the disk before consent");
    terminal.press("\n");
    terminal.wait_for("Done: 3.0 MB in ");
    assert_eq!(receiver.finish().code, Some(0));
    sender.finish().assert_success();
    assert_eq!(names(target.path()), ["holiday.mkv"]);
}

#[test]
fn no_at_the_question_declines() {
    let (_source, sender, ticket) = sender("f", 10);
    let target = tempdir().unwrap();
    let mut command = foctet(["receive", &ticket]);
    let mut terminal = Terminal::with(command.current_dir(target.path()));
    let receiver = Process::start(command);
    terminal.wait_for("[Y/n]");
    terminal.press("n\n");
    terminal.wait_for("nothing was written");
    assert_eq!(receiver.finish().code, Some(3));
    assert!(names(target.path()).is_empty());
    sender.finish().assert_failed(3, "declined");
}

#[test]
fn ctrl_c_at_the_question_ends_the_receiver_and_not_the_sender() {
    let (_source, mut sender, ticket) = sender("f", 10);
    let target = tempdir().unwrap();
    let mut command = foctet(["receive", &ticket]);
    let mut terminal = Terminal::with(command.current_dir(target.path()));
    let receiver = Process::start(command);
    terminal.wait_for("[Y/n]");
    receiver.signal(Signal::INT);
    terminal.wait_for("stopped");
    assert_eq!(receiver.finish().code, Some(130));
    assert!(names(target.path()).is_empty());
    assert!(sender.is_running());
    Process::receive(&ticket, target.path(), &[]).finish().assert_success();
    sender.finish().assert_success();
}

#[test]
fn at_a_terminal_a_conflict_is_asked_about() {
    let (_source, sender, ticket) = sender("f", 10);
    let target = tempdir().unwrap();
    std::fs::write(target.path().join("f"), b"old").unwrap();
    let mut command = foctet(["receive", &ticket]);
    let mut terminal = Terminal::with(command.current_dir(target.path()));
    let receiver = Process::start(command);
    terminal.wait_for("(exists; ");
    terminal.wait_for("[Y/n]");
    terminal.press("y\n");
    terminal.wait_for("f exists here: cancel, skip, rename or overwrite?");
    terminal.press("r\n");
    terminal.wait_for("Done: ");
    assert_eq!(receiver.finish().code, Some(0));
    sender.finish().assert_success();
    assert_eq!(names(target.path()).len(), 2);
    assert_eq!(std::fs::read(target.path().join("f")).unwrap(), b"old");
}

#[test]
fn the_bar_fits_the_terminal_and_obeys() {
    for (args, expected) in [(&[][..], true), (&["--no-progress"], false), (&["-q"], false)] {
        let (_source, sender, ticket) = sender("holiday.mkv", 20_000_000);
        let target = tempdir().unwrap();
        let mut command = foctet(["receive", &ticket, "-y"]);
        let mut terminal = Terminal::with(command.args(args).current_dir(target.path()));
        let receiver = Process::start(command);
        assert_eq!(receiver.finish().code, Some(0));
        sender.finish().assert_success();
        while let Ok(bytes) = terminal.screen.recv_timeout(PATIENCE) {
            terminal.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        assert_eq!(terminal.seen.contains("/20 MB"), expected, "{:?}", terminal.seen);
        for line in terminal.seen.split(['\r', '\n']) {
            assert!(line.trim_start_matches("\u{1b}[K").chars().count() < 100, "{line:?}");
        }
    }
}
