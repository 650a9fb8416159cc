//! `INSERT` texts of many rows, few enough to stay prepared.
//!
//! A batch has any number of rows. One text per number would be parsed again and again; one row per statement costs a
//! trip to the database's thread or server each. So rows go out in powers of two, the largest first: 100 rows are
//! 64 + 32 + 4, and there are only ten texts per table, which stay prepared in the connection.

use std::sync::Arc;

/// As many rows as one statement takes. Times four columns, far below what either database can bind.
pub(crate) const MOST_ROWS: usize = 512;

/// The texts for one table.
pub(crate) struct ManyRows(Vec<Arc<str>>);

impl ManyRows {
    /// `head` before the rows, `tail` after; each row has `columns` values.
    pub(crate) fn new(head: &str, columns: usize, tail: &str) -> Self {
        let texts = (0..=MOST_ROWS.ilog2()).map(|power| {
            let rows: Vec<String> = (0..1_usize << power)
                .map(|row| {
                    let values: Vec<String> =
                        (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
                    format!("({})", values.join(","))
                })
                .collect();
            format!("{head} {} {tail}", rows.join(",")).into()
        });
        Self(texts.collect())
    }

    /// Cuts `rows` into pieces for which there is a text.
    pub(crate) fn cut<'a, T>(&'a self, mut rows: &'a [T]) -> impl Iterator<Item = (Arc<str>, &'a [T])> {
        std::iter::from_fn(move || {
            let power = rows.len().min(MOST_ROWS).checked_ilog2()?;
            let (piece, rest) = rows.split_at_checked(1 << power)?;
            rows = rest;
            let text = self.0.get(usize::try_from(power).ok()?)?;
            Some((Arc::clone(text), piece))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_rows_is_cut_into_pieces_that_have_a_text() {
        let texts = ManyRows::new("INSERT INTO t VALUES", 3, "ON CONFLICT DO NOTHING");
        for length in [0, 1, 2, 3, 100, 511, 512, 513, 1500] {
            let rows: Vec<usize> = (0..length).collect();
            let mut seen = Vec::new();
            for (text, piece) in texts.cut(&rows) {
                assert!(text.contains(&format!("${})", piece.len() * 3)), "{text}");
                assert!(!text.contains(&format!("${}", piece.len() * 3 + 1)), "{text}");
                seen.extend_from_slice(piece);
            }
            assert_eq!(seen, rows);
        }
    }

    #[test]
    fn the_text_of_two_rows_reads_as_expected() {
        let texts = ManyRows::new("INSERT INTO t VALUES", 2, "RETURNING a");
        let (text, _) = texts.cut(&[1, 2]).next().unwrap();
        assert_eq!(&*text, "INSERT INTO t VALUES ($1,$2),($3,$4) RETURNING a");
    }
}
