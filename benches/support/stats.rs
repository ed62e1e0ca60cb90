//! Statistics of the results.

/// Median of `values`.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (left, right) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    f64::midpoint(at(left), at(right))
}

/// Durations in microseconds, sorted.
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    pub(crate) fn new(mut micros: Vec<u32>) -> Self {
        micros.sort_unstable();
        Self(micros)
    }

    /// Quantile in thousandths, in milliseconds.
    pub(crate) fn per_mille_ms(&self, per_mille: usize) -> f64 {
        let place = (self.0.len() * per_mille / 1000).min(self.0.len().saturating_sub(1));
        self.0
            .get(place)
            .map_or(f64::NAN, |&micros| f64::from(micros) / 1000.0)
    }
}
