//! Networks by their names.

use crate::Error;
use crate::namespace::{self, Namespace, PREFIX};

/// Takes down the network of this name, which [`Testbed::named`](crate::Testbed::named) made. Processes in it are killed.
pub fn take_down(name: &str) -> Result<(), Error> {
    let spaces = named(name);
    if spaces.is_empty() {
        return Err(Error::Missing(format!("network {name}")));
    }
    spaces.iter().try_for_each(|space| Namespace::existing(space)?.delete())
}

/// All networks that there are, with the names of their namespaces: those that [`Testbed::named`](crate::Testbed::named) made, and those of
/// running tests, whose names are numbers and a label.
pub fn existing() -> Vec<(String, Vec<String>)> {
    let internets = namespace::all();
    let names = internets.iter().filter_map(|space| space.strip_prefix(PREFIX)?.strip_suffix("-internet"));
    names.map(|name| (name.to_owned(), named(name))).collect()
}

/// The namespaces of the network of this name: those that begin with it, if one of them is its internet.
fn named(name: &str) -> Vec<String> {
    let prefix = format!("{PREFIX}{name}-");
    let all = namespace::all();
    if !all.contains(&format!("{prefix}internet")) {
        return Vec::new();
    }
    all.into_iter().filter(|space| space.starts_with(&prefix)).collect()
}
