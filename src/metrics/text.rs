//! The metrics in the text format of Prometheus, version 0.0.4.

use std::fmt::Write;

use super::{ALL, Kind, Metric, Metrics, Samples};
use crate::histogram::{BOUNDS_US, Counted};

impl Metrics {
    /// All metrics, each with its meaning. Reads files, so it may block.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for metric in ALL {
            self.write(&mut text, metric).ok(); // Writing to a text does not fail.
        }
        text
    }

    fn write(&self, text: &mut String, metric: &Metric) -> std::fmt::Result {
        let (name, help) = (metric.name, metric.help);
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
        match self.samples(metric) {
            Samples::Numbers(labels, samples) => {
                for (values, number) in samples {
                    let labels = labels_text(labels, &values, None);
                    writeln!(text, "{name}{labels} {number}")?;
                }
            }
            Samples::Histograms(labels, samples) => {
                for (values, counted) in samples {
                    histogram(text, name, labels, &values, &counted)?;
                }
            }
        }
        Ok(())
    }
}

fn histogram(
    text: &mut String,
    name: &str,
    labels: &[&str],
    values: &[String],
    counted: &Counted,
) -> std::fmt::Result {
    let bounds = BOUNDS_US.into_iter().map(seconds);
    let mut count = 0;
    for (bound, within) in bounds.chain(["+Inf".to_owned()]).zip(counted.buckets) {
        count += within;
        let labels = labels_text(labels, values, Some(&bound));
        writeln!(text, "{name}_bucket{labels} {count}")?;
    }
    let labels = labels_text(labels, values, None);
    let sum = seconds(counted.sum_us);
    writeln!(
        text,
        "{name}_sum{labels} {sum}\n{name}_count{labels} {count}"
    )
}

/// Microseconds as seconds, without rounding.
fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn labels_text(names: &[&str], values: &[String], bound: Option<&str>) -> String {
    let given = names.iter().copied().zip(values.iter().map(String::as_str));
    let given = given.chain(bound.map(|bound| ("le", bound)));
    let labels: Vec<_> = given
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
        .collect();
    if labels.is_empty() {
        return String::new();
    }
    format!("{{{}}}", labels.join(","))
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_as_many_digits_as_they_need() {
        for (us, expected) in [
            (0, "0"),
            (100, "0.0001"),
            (1_000_000, "1"),
            (10_000_000, "10"),
            (12_345_678, "12.345678"),
        ] {
            assert_eq!(seconds(us), expected);
        }
    }

    #[test]
    fn a_histogram_counts_upwards_and_labels_are_escaped() {
        let mut counted = Counted::default();
        (counted.buckets[0], counted.buckets[15]) = (2, 1);
        counted.sum_us = 5;
        let mut text = String::new();
        histogram(
            &mut text,
            "x_seconds",
            &["a"],
            &["q\"\\\n".to_owned()],
            &counted,
        )
        .unwrap();
        let first = text.lines().next().unwrap();
        assert_eq!(first, r#"x_seconds_bucket{a="q\"\\\n",le="0.0001"} 2"#);
        let last: Vec<_> = text.lines().rev().take(3).collect();
        assert_eq!(
            last,
            [
                r#"x_seconds_count{a="q\"\\\n"} 3"#,
                r#"x_seconds_sum{a="q\"\\\n"} 0.000005"#,
                r#"x_seconds_bucket{a="q\"\\\n",le="+Inf"} 3"#
            ]
        );
    }
}
