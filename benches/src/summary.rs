//! What the rounds of one contender come to.

use serde::Serialize;

use crate::{
    contender::{Contender, Role},
    measure::Sample,
};

/// One row of the results.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// Name of the scenario.
    pub(crate) scenario: &'static str,
    /// Name of the contender.
    pub(crate) contender: &'static str,
    /// What the next three figures count.
    pub(crate) unit: &'static str,
    /// Median of the rounds; bytes where the unit says so.
    pub(crate) median_per_s: f64,
    /// Least of the rounds.
    pub(crate) min: f64,
    /// Greatest of the rounds.
    pub(crate) max: f64,
    /// Median over the median of the base; none where no base took part.
    pub(crate) ratio_to_raw: Option<f64>,
    /// Median CPU time of the process for each event, in nanoseconds.
    pub(crate) cpu_ns: Option<f64>,
    /// Median latency over all rounds, in nanoseconds.
    pub(crate) p50_ns: Option<u64>,
    /// Latency that 99 of 100 calls stay below, over all rounds, in nanoseconds.
    pub(crate) p99_ns: Option<u64>,
    /// Whether this is a base of the ratios.
    #[serde(skip)]
    pub(crate) is_base: bool,
}

impl Summary {
    /// Sums up the samples of one contender, of which there is at least one.
    pub(crate) fn of(contender: &Contender, samples: &[Sample]) -> Self {
        let values = sorted(samples.iter().map(|sample| sample.value));
        let cpu = sorted(samples.iter().filter_map(|sample| sample.cpu_nanoseconds));
        let mut latencies: Vec<u64> =
            samples.iter().flat_map(|sample| sample.latencies.iter().copied()).collect();
        latencies.sort_unstable();
        Self {
            scenario: contender.scenario.name(),
            contender: contender.name,
            unit: contender.scenario.unit().name(),
            median_per_s: median(&values).unwrap_or(f64::NAN),
            min: values.first().copied().unwrap_or(f64::NAN),
            max: values.last().copied().unwrap_or(f64::NAN),
            ratio_to_raw: None,
            cpu_ns: median(&cpu),
            p50_ns: percentile(&latencies, 50),
            p99_ns: percentile(&latencies, 99),
            is_base: contender.role == Role::Base,
        }
    }

    /// Fills in the ratios to the base of one scenario: the greatest median among its bases.
    pub(crate) fn with_ratios(mut summaries: Vec<Self>) -> Vec<Self> {
        let base = summaries
            .iter()
            .filter(|summary| summary.is_base)
            .map(|summary| summary.median_per_s)
            .max_by(f64::total_cmp);
        for summary in &mut summaries {
            summary.ratio_to_raw = base.map(|base| summary.median_per_s / base);
        }
        summaries
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len().is_multiple_of(2) {
        Some((sorted[sorted.len() / 2 - 1] + upper) / 2.0)
    } else {
        Some(upper)
    }
}

fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    sorted.get(sorted.len() * percent / 100).copied()
}

#[cfg(test)]
mod tests {
    use super::{Summary, median, percentile};
    use crate::{contender::Contender, measure::Sample, scenario::Scenario};

    fn sample(value: f64) -> Sample {
        Sample { value, cpu_nanoseconds: Some(1.0), latencies: vec![1, 2, 3] }
    }

    #[test]
    fn ratios_are_to_the_fastest_base() {
        let contender = |name| Contender::new(Scenario::Tell, name, |_| sample(0.0));
        let summaries = Summary::with_ratios(vec![
            Summary::of(&contender("slow base").base(), &[sample(1.0)]),
            Summary::of(&contender("fast base").base(), &[sample(2.0)]),
            Summary::of(&contender("faster"), &[sample(4.0)]),
        ]);
        let ratios: Vec<_> = summaries.iter().map(|summary| summary.ratio_to_raw).collect();
        assert_eq!(ratios, [Some(0.5), Some(1.0), Some(2.0)]);
    }

    #[test]
    fn without_a_base_there_is_no_ratio() {
        let contender = Contender::new(Scenario::Table, "alone", |_| sample(0.0));
        let summaries = Summary::with_ratios(vec![Summary::of(&contender, &[sample(1.0)])]);
        assert_eq!(summaries[0].ratio_to_raw, None);
    }

    #[test]
    fn medians_and_percentiles() {
        assert_eq!(median(&[1.0, 2.0, 4.0]), Some(2.0));
        assert_eq!(median(&[1.0, 2.0, 4.0, 8.0]), Some(3.0));
        assert_eq!(median(&[]), None);
        assert_eq!(percentile(&[10, 20, 30, 40], 50), Some(30));
        assert_eq!(percentile(&[], 99), None);
    }
}
