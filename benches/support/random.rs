//! Random numbers that are the same in every run.

/// `SplitMix64` (Steele, Lea and Flood, 2014): good enough to draw traffic with.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from(mixed >> 32).unwrap_or_default()
    }

    /// A number from 0 up to, but not including, `bound`.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        u32::try_from((u64::from(self.next()) * u64::from(bound)) >> 32).unwrap_or_default()
    }

    pub(crate) fn is_one_of_100(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`.
    pub(crate) fn pick<T: Copy + Default>(&mut self, choices: &[T]) -> T {
        let place = self.below(u32::try_from(choices.len()).unwrap_or(u32::MAX));
        choices.get(place as usize).copied().unwrap_or_default()
    }
}

/// Numbers of which the first is drawn twice as often as the second and three times as often as the third.
pub(crate) struct Zipf {
    cumulated: Vec<f64>,
}

impl Zipf {
    /// Numbers from 0 up to, but not including, `count`.
    pub(crate) fn new(count: u32) -> Self {
        let cumulated = (1..=count).scan(0.0, |sum, rank| {
            *sum += 1.0 / f64::from(rank);
            Some(*sum)
        });
        Self {
            cumulated: cumulated.collect(),
        }
    }

    pub(crate) fn draw(&self, random: &mut Random) -> u32 {
        let share = f64::from(random.next()) / (f64::from(u32::MAX) + 1.0);
        let sought = share * self.cumulated.last().copied().unwrap_or_default();
        let place = self.cumulated.partition_point(|&sum| sum <= sought);
        u32::try_from(place).unwrap_or_default()
    }
}
