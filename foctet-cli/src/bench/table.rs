//! Tables for people.

/// Rows of cells, the first of each a name.
#[derive(Debug, Default)]
pub(super) struct Table(Vec<Vec<String>>);

impl Table {
    /// Begins with the names of the columns.
    pub(super) fn new(columns: &[&str]) -> Self {
        let mut table = Self::default();
        let head = std::iter::once(String::new()).chain(columns.iter().map(|column| (*column).to_owned()));
        table.0.push(head.collect());
        table
    }

    /// Adds a row.
    pub(super) fn row(&mut self, name: &str, cells: impl IntoIterator<Item = String>) {
        self.0.push(std::iter::once(name.to_owned()).chain(cells).collect());
    }

    /// In lines, the columns below each other.
    pub(super) fn render(&self) -> String {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.0
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.0 {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let mut table = Table::new(&["TCP", "QUIC"]);
        table.row("one stream", ["9.12".to_owned(), "2.1".to_owned()]);
        table.row("8", ["10".to_owned()]);
        assert_eq!(table.render(), "            TCP   QUIC\none stream  9.12  2.1\n8           10\n");
    }
}
