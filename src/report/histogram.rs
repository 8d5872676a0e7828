//! How often sizes occur, in memory that does not grow with their number.

/// Ranges from each power of two to the next. Sizes below that many have a range each.
const PARTS: u64 = 8;
const LOG: u32 = PARTS.trailing_zeros();
/// The ranges of all sizes.
const RANGES: usize = ((64 - LOG as usize) + 1) * PARTS as usize;
/// The most bars of a chart.
const BARS: usize = 40;

/// Counts of sizes: each power of two is divided in eight ranges, so that a size is known to within
/// an eighth.
#[derive(Debug, Clone, Default)]
pub(super) struct Histogram {
    /// Empty until the first size comes.
    counts: Vec<u64>,
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
}

/// A bar of a chart: how many sizes are from `from` to before `below`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bar {
    pub from: f64,
    pub below: f64,
    pub count: u64,
}

impl Histogram {
    pub fn add(&mut self, size: u64) {
        if self.counts.is_empty() {
            self.counts = vec![0; RANGES];
        }
        self.min = if self.count == 0 { size } else { self.min.min(size) };
        self.max = self.max.max(size);
        self.counts[range_of(size)] += 1;
        self.count += 1;
        self.sum += u128::from(size);
    }

    pub fn merge(&mut self, other: &Histogram) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = other.clone();
            return;
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        (self.min, self.max) = (self.min.min(other.min), self.max.max(other.max));
        self.count += other.count;
        self.sum += other.sum;
    }

    /// How many sizes there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The least and the greatest one, if there are any.
    pub fn range(&self) -> Option<(u64, u64)> {
        (self.count > 0).then_some((self.min, self.max))
    }

    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// The ranges of the chart: from the smallest size to the greatest one, each from a power of two
    /// to the next or, if they are few, an even part of that.
    pub fn bars(&self) -> Vec<Bar> {
        let Some((min, max)) = self.range() else { return Vec::new() };
        let width = |parts: usize| range_of(max) / parts - range_of(min) / parts + 1;
        let parts = [1, 2, 4].into_iter().find(|&parts| width(parts) <= BARS);
        let parts = parts.unwrap_or(PARTS as usize);
        let first = range_of(min) / parts;
        let bar = |number: usize| {
            let ranges = number * parts..(number + 1) * parts;
            Bar {
                from: start_of(ranges.start),
                below: start_of(ranges.end),
                count: self.counts[ranges].iter().sum(),
            }
        };
        (first..first + width(parts)).map(bar).collect()
    }
}

/// The number of the range of a size.
fn range_of(size: u64) -> usize {
    if size < PARTS {
        return size as usize;
    }
    let log = size.ilog2() - LOG;
    let part = (size >> log) - PARTS;
    (u64::from(log + 1) * PARTS + part) as usize
}

/// The least size of a range.
fn start_of(range: usize) -> f64 {
    let (octave, part) = (range / PARTS as usize, range % PARTS as usize);
    match octave.checked_sub(1) {
        None => part as f64,
        Some(log) => (PARTS as usize + part) as f64 * 2_f64.powi(log as i32),
    }
}

/// Counts numbers in even ranges from the least one to the greatest one. If all are integers, so are
/// the borders.
pub(super) fn even_bars(numbers: &[(f64, u64)], most: usize) -> Vec<Bar> {
    let least = numbers.iter().map(|(number, _)| *number).fold(f64::INFINITY, f64::min);
    let greatest = numbers.iter().map(|(number, _)| *number).fold(f64::NEG_INFINITY, f64::max);
    if !least.is_finite() || !greatest.is_finite() {
        return Vec::new();
    }
    let are_integers = numbers.iter().all(|(number, _)| number.fract() == 0.0);
    // Halves, because the difference may be more than the greatest number.
    let half = greatest / 2.0 - least / 2.0;
    let (width, bars) = if are_integers && half < 1e15 {
        let width = ((half * 2.0 + 1.0) / most as f64).ceil().max(1.0);
        (width, ((half * 2.0 + 1.0) / width).ceil() as usize)
    } else if half > 0.0 {
        (half / most as f64 * 2.0, most)
    } else {
        (1.0, 1)
    };
    let mut counts = vec![0; bars.max(1)];
    for (number, count) in numbers {
        let place = (number / 2.0 - least / 2.0) / width * 2.0;
        counts[(place as usize).min(bars - 1)] += count;
    }
    let border = |place: usize| least + width * place as f64;
    let bar = |(place, count)| Bar { from: border(place), below: border(place + 1), count };
    counts.into_iter().enumerate().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_all_sizes() {
        assert_eq!((range_of(u64::MAX), RANGES), (RANGES - 1, 496));
        for range in 0..RANGES {
            let start = start_of(range);
            assert_eq!(range_of(start as u64), range);
            if range > 0 {
                assert_eq!(range_of(start as u64 - 1), range - 1);
            }
        }
    }

    #[test]
    fn bars_have_all_sizes() {
        let of = |sizes: &[u64]| {
            let mut histogram = Histogram::default();
            sizes.iter().for_each(|&size| histogram.add(size));
            histogram
        };
        assert_eq!(of(&[]).bars(), []);
        assert_eq!(of(&[5, 5]).bars(), [Bar { from: 5.0, below: 6.0, count: 2 }]);
        let near = of(&[1000, 1024, 1100, 1500]);
        let counts: Vec<_> = near.bars().iter().map(|bar| bar.count).collect();
        assert_eq!(counts, [1, 2, 0, 0, 1]);
        assert_eq!((near.range(), near.mean()), (Some((1000, 1500)), Some(1156.0)));
        let far = of(&[0, 1, 7, 1 << 20, u64::MAX]);
        let bars = far.bars();
        assert!(bars.len() > 32 && bars.len() <= 64 + 1, "{}", bars.len());
        assert_eq!(bars.iter().map(|bar| bar.count).sum::<u64>(), 5);
        assert!(bars.windows(2).all(|pair| pair[0].below == pair[1].from));

        let mut merged = of(&[3]);
        merged.merge(&of(&[]));
        merged.merge(&near);
        assert_eq!((merged.count(), merged.range()), (5, Some((3, 1500))));
        let mut merged = of(&[]);
        merged.merge(&near);
        assert_eq!(merged.bars(), near.bars());
    }

    #[test]
    fn even_bars_have_all_numbers() {
        assert_eq!(even_bars(&[], 4), []);
        assert_eq!(even_bars(&[(7.0, 3)], 4), [Bar { from: 7.0, below: 8.0, count: 3 }]);
        let digits: Vec<_> = (0..10).map(|digit| (f64::from(digit), 1)).collect();
        assert_eq!(even_bars(&digits, 20).len(), 10);
        let counts = |bars: &[Bar]| bars.iter().map(|bar| bar.count).collect::<Vec<_>>();
        assert_eq!(counts(&even_bars(&digits, 4)), [3, 3, 3, 1]);
        assert_eq!(counts(&even_bars(&[(0.25, 1), (0.5, 1), (1.0, 3)], 2)), [2, 3]);
        let wide = even_bars(&[(f64::MIN, 1), (0.0, 1), (f64::MAX, 1)], 3);
        assert_eq!(wide.iter().map(|bar| bar.count).sum::<u64>(), 3);
        assert_eq!(even_bars(&[(f64::NAN, 1), (f64::INFINITY, 1)], 3), []);
    }
}
