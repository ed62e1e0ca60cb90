//! Captures of airodump-ng, each of which it writes into several files that tell the same.

use std::collections::HashMap;

use super::account::FileAccount;
use super::form::Form;

/// The capture that a file is of, and the rank of the file among those of the capture: rank 0 tells most.
fn capture_of(name: &str, form: Option<Form>) -> Option<(String, u8)> {
    let (ending, rank) = match form? {
        Form::AirodumpLogcsv => (".log.csv", 0),
        Form::Netxml => (".kismet.netxml", 1),
        Form::KismetCsv => (".kismet.csv", 2),
        Form::AirodumpCsv => (".csv", 3),
        _ => return None,
    };
    let name = name.to_ascii_lowercase();
    Some((name.strip_suffix(ending)?.to_owned(), rank))
}

/// The order in which to read files, as their places: the best file of a capture comes before the others of it. All other
/// files keep their places.
pub(super) fn reading_order<'f>(
    files: impl Iterator<Item = (&'f str, Option<Form>)>,
) -> Vec<usize> {
    let mut order = Vec::new();
    let mut captures: HashMap<String, Vec<(u8, usize)>> = HashMap::new();
    for (place, (name, form)) in files.enumerate() {
        order.push(place);
        if let Some((capture, rank)) = capture_of(name, form) {
            captures.entry(capture).or_default().push((rank, place));
        }
    }
    for files in captures.into_values() {
        let places: Vec<usize> = files.iter().map(|(_, place)| *place).collect();
        let mut ranked = files;
        ranked.sort_unstable();
        for (place, (_, file)) in places.into_iter().zip(ranked) {
            if let Some(place) = order.get_mut(place) {
                *place = file;
            }
        }
    }
    order
}

/// The captures of which a file has been read.
#[derive(Debug, Default)]
pub(super) struct Captures(HashMap<String, (u8, String)>);

impl Captures {
    /// Notes a file that has been read. One without rows is no reason to leave out another.
    pub(super) fn add(&mut self, account: &FileAccount) {
        if !account.is_read() || account.taken + account.duplicates == 0 {
            return;
        }
        if let Some((capture, rank)) = capture_of(&account.name, account.form) {
            let file = || (rank, account.name.clone());
            self.0.entry(capture).or_insert_with(file);
        }
    }

    /// The name of a file of the same capture that tells more.
    pub(super) fn better_than(&self, name: &str, form: Option<Form>) -> Option<&str> {
        let (capture, rank) = capture_of(name, form)?;
        let (best, file) = self.0.get(&capture)?;
        (*best < rank).then_some(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_capture_have_its_name_and_an_order() {
        let capture = |name, form| capture_of(name, Some(form));
        let of = |rank| Some(("home-01".to_owned(), rank));
        assert_eq!(capture("home-01.log.csv", Form::AirodumpLogcsv), of(0));
        assert_eq!(capture("Home-01.kismet.netxml", Form::Netxml), of(1));
        assert_eq!(capture("home-01.kismet.csv", Form::KismetCsv), of(2));
        assert_eq!(capture("home-01.CSV", Form::AirodumpCsv), of(3));
        // Kismet itself names its files otherwise, and the content counts, not the name.
        assert_eq!(capture("Kismet-2013.netxml", Form::Netxml), None);
        assert_eq!(capture("home-01.csv", Form::WigleCsv), None);
        assert_eq!(capture_of("home-01.csv", None), None);
    }

    #[test]
    fn the_best_file_of_a_capture_is_read_first_and_others_keep_their_places() {
        let files = [
            ("a.csv", Some(Form::AirodumpCsv)),
            ("track.gpx", Some(Form::Gpx)),
            ("a.log.csv", Some(Form::AirodumpLogcsv)),
            ("b.csv", Some(Form::AirodumpCsv)),
            ("a.kismet.csv", Some(Form::KismetCsv)),
        ];
        assert_eq!(reading_order(files.into_iter()), [2, 1, 4, 3, 0]);
    }
}
