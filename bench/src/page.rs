//! The page that the benchmarks write: a section each, between markers, so that each can be made anew by itself.

use std::fmt::Write as _;
use std::path::Path;

/// What stands above the sections.
const HEAD: &str = "\
# Performance

foctet beside its peers. Every figure here was written by the programs in `bench/`, none by hand; each section says when, where, with which
settings and with which command it was made. Compare within a section, never between two: machines drift.

A figure is the median of the rounds, with the lowest and the highest beside it. A ratio is that of two figures of the same round, and its median
decides whether a goal is met.
";

/// The sections that there can be, in their order, with their titles.
const SECTIONS: [(&str, &str); 7] = [
    ("library", "The library over loopback"),
    ("veth", "The library across a veth pair"),
    ("mux", "The multiplexer alone, in memory"),
    ("file", "The program: one large file, and one of a byte"),
    ("tree", "The program: many small files"),
    ("link", "Across a long link"),
    ("relay", "Through a relay"),
];

/// What a part has to say.
pub(crate) struct Section {
    pub(crate) text: String,
    /// Whether anything failed that should have been measured.
    pub(crate) failed: bool,
}

/// Puts a section into the page, in the place of the one that is there or at its own. The page is made if there is none.
pub(crate) fn write(page: &Path, name: &str, content: &str) -> anyhow::Result<()> {
    let old = match std::fs::read_to_string(page) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error.into()),
    };
    Ok(std::fs::write(page, with_section(&old, name, content)?)?)
}

/// A section as it stands in the page, without its markers.
pub(crate) fn section(name: &str, content: &str) -> anyhow::Result<String> {
    let known = SECTIONS.iter().find(|(known, _)| *known == name);
    let (_, title) = known.ok_or_else(|| anyhow::anyhow!("the page has no section {name:?}"))?;
    Ok(format!("## {title}\n\n{}", content.trim()))
}

fn with_section(old: &str, name: &str, content: &str) -> anyhow::Result<String> {
    let new = section(name, content)?;
    let mut text = HEAD.to_owned();
    for (section, _) in SECTIONS {
        let body = if section == name { Some(new.as_str()) } else { find(old, section) };
        if let Some(body) = body {
            let (begin, end) = markers(section);
            let _ = write!(text, "\n{begin}\n{body}\n{end}\n");
        }
    }
    Ok(text)
}

fn find<'a>(text: &'a str, section: &str) -> Option<&'a str> {
    let (begin, end) = markers(section);
    let (_, rest) = text.split_once(&begin)?;
    Some(rest.split_once(&end)?.0.trim())
}

fn markers(section: &str) -> (String, String) {
    (format!("<!-- begin {section} -->"), format!("<!-- end {section} -->"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_takes_its_place_and_leaves_the_others() -> anyhow::Result<()> {
        let page = with_section("", "mux", "old")?;
        let page = with_section(&page, "library", "first")?;
        let page = with_section(&page, "mux", "new")?;
        assert!(page.starts_with("# Performance\n"));
        assert_eq!(find(&page, "library"), Some("## The library over loopback\n\nfirst"));
        assert_eq!(find(&page, "mux"), Some("## The multiplexer alone, in memory\n\nnew"));
        assert!(page.find("first") < page.find("new"));
        assert!(!page.contains("old"));
        assert_eq!(with_section(&page, "mux", "new")?, page);
        assert!(with_section("", "no such", "").is_err());
        Ok(())
    }
}
