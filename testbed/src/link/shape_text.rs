//! Shapes as text: `delay=20ms,rate=20mbit,loss=0.01`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::Shape;

/// The units of time with their nanoseconds, and of rate with their bits a second. The first that divides is written;
/// the longest that fits is read.
const TIMES: [(&str, u64); 4] = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];
const RATES: [(&str, u64); 4] = [("gbit", 1_000_000_000), ("mbit", 1_000_000), ("kbit", 1_000), ("bit", 1)];

impl fmt::Display for Shape {
    /// Only what is not as in the default; `none` if nothing is.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = Self::default();
        let mut parts = Vec::new();
        let mut part = |key: &str, is_default: bool, value: String| {
            if !is_default {
                parts.push(format!("{key}={value}"));
            }
        };
        let time = |time: Duration| with_unit(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), &TIMES);
        part("delay", self.delay == default.delay, time(self.delay));
        part("jitter", self.jitter == default.jitter, time(self.jitter));
        part("rate", self.rate.is_none(), with_unit(self.rate.unwrap_or_default(), &RATES));
        part("queue", self.queue.is_none(), self.queue.unwrap_or_default().to_string());
        part("loss", self.loss == default.loss, self.loss.to_string());
        part("burst", self.burst == default.burst, self.burst.to_string());
        part("seed", self.seed == default.seed, self.seed.to_string());
        formatter.write_str(if parts.is_empty() { "none".to_owned() } else { parts.join(",") }.as_str())
    }
}

fn with_unit(number: u64, units: &[(&str, u64)]) -> String {
    let unit = units.iter().find(|(_, size)| number.is_multiple_of(*size));
    unit.map_or_else(|| number.to_string(), |(unit, size)| format!("{}{unit}", number / size))
}

/// A text that is no shape of a link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is none of delay=20ms, jitter=1ms, rate=20mbit, queue=BYTES, loss=0.01, burst=PACKETS, seed=NUMBER, none"
)]
pub struct ParseShapeError(String);

impl FromStr for Shape {
    type Err = ParseShapeError;

    fn from_str(text: &str) -> Result<Self, ParseShapeError> {
        let mut shape = Self::default();
        for part in text.split(',').filter(|part| *part != "none") {
            let fail = || ParseShapeError(part.to_owned());
            let (key, value) = part.split_once('=').ok_or_else(fail)?;
            let time = || of_unit(value, &TIMES).map(Duration::from_nanos).ok_or_else(fail);
            let real = || value.parse::<f64>().ok().filter(|real| real.is_finite() && *real >= 0.0);
            match key {
                "delay" => shape.delay = time()?,
                "jitter" => shape.jitter = time()?,
                "rate" => {
                    let rate = of_unit(value, &RATES).filter(|rate| *rate > 0);
                    shape.rate = Some(rate.ok_or_else(fail)?);
                }
                "queue" => shape.queue = Some(value.parse().map_err(|_| fail())?),
                "loss" => shape.loss = real().filter(|loss| *loss <= 1.0).ok_or_else(fail)?,
                "burst" => shape.burst = real().ok_or_else(fail)?,
                "seed" => shape.seed = value.parse().map_err(|_| fail())?,
                _ => return Err(fail()),
            }
        }
        Ok(shape)
    }
}

fn of_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let size = units.iter().find(|(unit, _)| *unit == &text[number.len()..])?.1;
    number.parse::<u64>().ok()?.checked_mul(size)
}
