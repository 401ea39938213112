use std::time::Duration;

/// How often the measured scenarios run: once as tests, or as `FOCTET_FIGURES` says.
pub(crate) fn runs() -> usize {
    std::env::var("FOCTET_FIGURES").ok().and_then(|runs| runs.parse().ok()).unwrap_or(1)
}

/// Whether figures are wanted, and so whole measurements.
pub(crate) fn measured() -> bool {
    std::env::var_os("FOCTET_FIGURES").is_some()
}

/// Median and worst, in seconds, `-` for none.
pub(crate) fn median_and_worst(samples: &[Duration]) -> String {
    let mut samples = samples.to_vec();
    samples.sort();
    match (samples.get(samples.len() / 2), samples.last()) {
        (Some(median), Some(worst)) => format!("{:.2}/{:.2}", median.as_secs_f64(), worst.as_secs_f64()),
        _ => "-".to_owned(),
    }
}
