use std::collections::HashSet;
use std::path::{Path, PathBuf};

use foctet_core::relay::router::Standing;
use foctet_core::{NodeId, NodeIdError, RelayToken};

/// Nodes in one list at most: 64 MiB of text.
const MAX_LISTED: usize = 1 << 20;

/// NodeIds out of a file: one a line, `#` begins a comment, empty lines do not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeList {
    nodes: HashSet<NodeId>,
}

/// Why there is no list of nodes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A line is no NodeId.
    #[error("{}, line {line}: {source}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: NodeIdError,
    },
    /// There are too many lines.
    #[error("{} lists more than {MAX_LISTED} nodes", path.display())]
    TooMany {
        /// The file.
        path: PathBuf,
    },
}

impl NodeList {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`AccessError`].
    pub fn read(path: &Path) -> Result<Self, AccessError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| AccessError::Read { path: path.to_owned(), source })?;
        let mut nodes = HashSet::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.split_once('#').map_or(line, |(before, _)| before).trim();
            if line.is_empty() {
                continue;
            }
            if nodes.len() >= MAX_LISTED {
                return Err(AccessError::TooMany { path: path.to_owned() });
            }
            let node = line.parse().map_err(|source| AccessError::Line {
                path: path.to_owned(),
                line: number + 1,
                source,
            })?;
            nodes.insert(node);
        }
        Ok(Self { nodes })
    }

    /// Whether a node is on it.
    pub fn contains(&self, node: NodeId) -> bool {
        self.nodes.contains(&node)
    }
}

impl FromIterator<NodeId> for NodeList {
    fn from_iter<T: IntoIterator<Item = NodeId>>(nodes: T) -> Self {
        Self { nodes: nodes.into_iter().collect() }
    }
}

/// Who is let in, and as what.
#[derive(Debug, Default)]
pub(crate) struct Access {
    pub(crate) allow: Option<NodeList>,
    pub(crate) deny: NodeList,
    pub(crate) tokens: Vec<RelayToken>,
    pub(crate) guests: bool,
}

impl Access {
    /// What a node is here; `None`: it may not come in.
    ///
    /// Whoever is denied stays out. Where nothing is asked for, everybody is a member; else whoever is listed or has a
    /// token is, and others are guests, if there are guests.
    pub(crate) fn standing(&self, node: NodeId, token: Option<&RelayToken>) -> Option<Standing> {
        if self.deny.contains(node) {
            return None;
        }
        let open = self.allow.is_none() && self.tokens.is_empty();
        let listed = self.allow.as_ref().is_some_and(|allow| allow.contains(node));
        if open || listed || token.is_some_and(|token| self.knows(token)) {
            return Some(Standing::Member);
        }
        // A token that is wrong is a mistake, or an attempt.
        (self.guests && token.is_none()).then_some(Standing::Guest)
    }

    /// Compares with every token, each in time that does not tell how much of it agrees.
    fn knows(&self, token: &RelayToken) -> bool {
        self.tokens.iter().fold(false, |known, right| known | same(right.as_str(), token.as_str()))
    }
}

fn same(one: &str, other: &str) -> bool {
    let differs = one.bytes().zip(other.bytes()).fold(0, |differs, (one, other)| differs | (one ^ other));
    one.len() == other.len() && std::hint::black_box(differs) == 0
}

#[cfg(test)]
mod tests {
    use foctet_core::SecretKey;

    use super::*;

    fn node(n: u8) -> NodeId {
        SecretKey::from_bytes([n; 32]).node_id()
    }

    fn token(text: &str) -> RelayToken {
        RelayToken::new(text).unwrap()
    }

    #[test]
    fn a_relay_is_open_unless_something_is_asked_for() {
        let mut access = Access { guests: true, ..Access::default() };
        assert_eq!(access.standing(node(1), None), Some(Standing::Member));
        access.deny = [node(1)].into_iter().collect();
        assert_eq!(access.standing(node(1), None), None);
        access.allow = Some([node(1), node(2)].into_iter().collect());
        assert_eq!(access.standing(node(1), None), None, "whoever is denied stays out");
        assert_eq!(access.standing(node(2), None), Some(Standing::Member));
        assert_eq!(access.standing(node(3), None), Some(Standing::Guest));
        access.tokens = vec![token("a"), token("secret")];
        assert_eq!(access.standing(node(3), Some(&token("secret"))), Some(Standing::Member));
        assert_eq!(access.standing(node(3), Some(&token("secre"))), None);
        access.guests = false;
        assert_eq!(access.standing(node(3), None), None);
    }

    #[test]
    fn a_list_is_read_or_the_line_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, format!("# us\n\n{} # home\n  {}\n", node(1), node(2))).unwrap();
        assert_eq!(NodeList::read(file.path()).unwrap(), [node(1), node(2)].into_iter().collect());
        std::fs::write(&file, format!("{}\nabc\n", node(1))).unwrap();
        assert!(matches!(NodeList::read(file.path()), Err(AccessError::Line { line: 2, .. })));
        assert!(matches!(NodeList::read(Path::new("/nonexistent")), Err(AccessError::Read { .. })));
    }
}
