//! Questions at the terminal.

use std::io;

use tokio::sync::oneshot;

use crate::report::Terminal;

/// The longest answer or ticket read from stdin, in bytes: a line of a person's or a ticket's size, not a file.
const MAX_LINE: usize = 64 * 1024;

/// Asks until one of `answers` (by its first letter or in full) or just Enter, which means the first, is given.
///
/// Returns the index of the answer; none when stdin ends.
///
/// # Cancel safety
/// The question stays on the screen, and the next line of stdin is lost.
pub(crate) async fn choose(terminal: &Terminal, question: &str, answers: &[&str]) -> Option<usize> {
    loop {
        terminal.ask(question);
        let line = read_line().await.ok().flatten()?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            return Some(0);
        }
        if let Some(chosen) = answers.iter().position(|answer| matches(answer, &line)) {
            return Some(chosen);
        }
    }
}

/// Reads one line of stdin without its end; none at the end of the file.
///
/// It is read on a thread of its own, which an end of the program does not wait for.
///
/// # Errors
/// When stdin cannot be read, or the line is longer than any answer.
///
/// # Cancel safety
/// The line that was being read is lost.
pub(crate) async fn read_line() -> io::Result<Option<String>> {
    let (tx, rx) = oneshot::channel();
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let _ = tx.send(read_line_from(&mut io::stdin().lock()));
    })?;
    rx.await.unwrap_or(Ok(None))
}

fn read_line_from(input: &mut impl io::BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    io::BufRead::read_until(&mut io::Read::take(input, MAX_LINE as u64 + 1), b'\n', &mut line)?;
    if line.len() > MAX_LINE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the line is too long"));
    }
    if line.is_empty() {
        return Ok(None);
    }
    String::from_utf8(line)
        .map(|line| Some(line.trim_end_matches(['\n', '\r']).to_owned()))
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the line is not text"))
}

fn matches(answer: &str, line: &str) -> bool {
    answer == line || (line.len() == 1 && answer.starts_with(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_read_and_no_more() {
        let mut input: &[u8] = b"foctet1abc\r\nrest";
        assert_eq!(read_line_from(&mut input).unwrap().as_deref(), Some("foctet1abc"));
        assert_eq!(input, b"rest");
        assert_eq!(read_line_from(&mut input).unwrap().as_deref(), Some("rest"));
        assert_eq!(read_line_from(&mut input).unwrap(), None);
    }

    #[test]
    fn endless_and_binary_lines_are_refused() {
        assert!(read_line_from(&mut vec![b'x'; MAX_LINE + 10].as_slice()).is_err());
        assert!(read_line_from(&mut [0xff, b'\n'].as_slice()).is_err());
    }

    #[test]
    fn answers_are_known_by_their_first_letter() {
        assert!(matches("skip", "s") && matches("skip", "skip"));
        assert!(!matches("skip", "sk") && !matches("skip", "") && !matches("yes", "n"));
    }
}
