//! The transfer switch: it sits on the best source that is good, and is open while it goes from one to the next.

/// Good is within these shares of nominal (the steady band of the ITIC curve).
const GOOD: std::ops::RangeInclusive<f64> = 0.9..=1.1;
/// Below this share of nominal a source is lost, and sensed so after [`SENSE_LOST_MS`].
const LOST_SHARE: f64 = 0.7;
/// How long a loss is watched before the switch opens, in ms (typical of an ATS or STS controller).
const SENSE_LOST_MS: u64 = 5;
/// How long a shallower sag is watched, in ms: most are over by then.
const SENSE_SAG_MS: u64 = 100;

/// What the switch is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The preferred utility.
    UtilityA,
    /// The other utility.
    UtilityB,
    /// The generator.
    Generator,
    /// Nothing: it is on its way, or there is nothing good.
    Open,
}

const SOURCES: [Source; 3] = [Source::UtilityA, Source::UtilityB, Source::Generator];

/// The switch of one feed.
#[derive(Clone, Debug)]
pub struct TransferSwitch {
    transfer_ms: u64,
    retransfer_ms: u64,
    source: Source,
    /// Where it is going, and when it arrives.
    going: Option<(Source, u64)>,
    /// Since when its source is bad.
    bad_since_ms: Option<u64>,
    /// Since when each source is good.
    good_since_ms: [Option<u64>; 3],
}

impl TransferSwitch {
    /// A switch on utility A.
    pub fn new(transfer_ms: u64, retransfer_ms: u64) -> Self {
        Self {
            transfer_ms,
            retransfer_ms,
            source: Source::UtilityA,
            going: None,
            bad_since_ms: None,
            good_since_ms: [Some(0), Some(0), None],
        }
    }

    /// What it is on.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Whether it is on a good utility A, with nothing under way.
    pub fn is_settled(&self, utility_shares: [f64; 2]) -> bool {
        self.source == Source::UtilityA && self.going.is_none() && GOOD.contains(&utility_shares[0])
    }

    /// Whether any utility is good.
    pub fn has_good_utility(&self, utility_shares: [f64; 2]) -> bool {
        utility_shares.iter().any(|share| GOOD.contains(share))
    }

    /// One step to `now_ms` with what every source gives, as shares of nominal.
    pub fn step(&mut self, now_ms: u64, shares: [f64; 3]) {
        for (since_ms, share) in self.good_since_ms.iter_mut().zip(shares) {
            *since_ms = if GOOD.contains(&share) { since_ms.or(Some(now_ms)) } else { None };
        }
        if let Some((source, at_ms)) = self.going {
            if now_ms >= at_ms {
                self.going = None;
                self.source = source;
            }
            return;
        }
        match self.wanted(now_ms, shares) {
            Some(source) if source != self.source => {
                // From a source that is dead already, sensing has used up the time; the way is open in any case.
                self.source = Source::Open;
                self.going = Some((source, now_ms + self.transfer_ms));
                self.bad_since_ms = None;
            }
            _ => {}
        }
    }

    /// Where it should be.
    fn wanted(&mut self, now_ms: u64, shares: [f64; 3]) -> Option<Source> {
        let best = || SOURCES.into_iter().zip(shares).find(|(_, share)| GOOD.contains(share)).map(|(source, _)| source);
        let Some(place) = SOURCES.iter().position(|source| *source == self.source) else { return best() };
        if self.is_bad_for_too_long(now_ms, shares[place]) {
            return best().or(Some(Source::Open)).filter(|source| *source != Source::Open);
        }
        let better = SOURCES[..place].iter().zip(self.good_since_ms);
        let steady = |since_ms: u64| now_ms.saturating_sub(since_ms) >= self.retransfer_ms;
        let back = better.into_iter().find(|(_, since_ms)| since_ms.is_some_and(steady));
        Some(back.map_or(self.source, |(source, _)| *source))
    }

    fn is_bad_for_too_long(&mut self, now_ms: u64, share: f64) -> bool {
        if GOOD.contains(&share) {
            self.bad_since_ms = None;
            return false;
        }
        let since_ms = *self.bad_since_ms.get_or_insert(now_ms);
        let patience_ms = if share < LOST_SHARE { SENSE_LOST_MS } else { SENSE_SAG_MS };
        now_ms - since_ms >= patience_ms
    }
}
