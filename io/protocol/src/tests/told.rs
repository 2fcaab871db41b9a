//! What people are told: every refusal says what was refused, and nothing that is shown holds a key.

use std::collections::BTreeSet;
use std::fmt::Display;

use ridethrough_core::device::DeviceId;
use ridethrough_core::site::KesmId;

use super::support::*;
use crate::controller::{LeadRefused, SubmitRefused};
use crate::{
    EpochsClash, KeyEpoch, KeyringError, Malformed, NotSaid, PageRefused, Refusal, StoreFailed, UnknownReplica,
};

/// Each has words of its own.
fn check<T: Display>(all: &[T]) {
    let words: BTreeSet<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(words.len(), all.len(), "{words:?}");
    assert!(words.iter().all(|words| words.len() > 5), "{words:?}");
}

#[test]
fn every_refusal_has_its_own_words() {
    let device = DeviceId::Kesm(KesmId(77));
    check(&[
        SubmitRefused::UnknownDevice(device),
        SubmitRefused::NotLeading,
        SubmitRefused::NotFollowing,
        SubmitRefused::Fence,
        SubmitRefused::WrongKind,
        SubmitRefused::ValidityOutOfRange,
        SubmitRefused::Overtaken { by: 6 },
    ]);
    check(&[LeadRefused::StaleTerm { highest: 4 }, LeadRefused::LeaseOutOfRange]);
    check(&[NotSaid::UnknownReplica(R1), NotSaid::NoSession(R1), NotSaid::Version, NotSaid::NoOutlets]);
    check(&[PageRefused::First, PageRefused::Count]);
    check(&[StoreFailed]);
    let clash = EpochsClash(KeyEpoch::FIRST);
    check(&[clash]);
    check(&[
        KeyringError::Empty,
        KeyringError::TooMany,
        KeyringError::Line { line: 2 },
        KeyringError::Epoch { line: 2 },
        KeyringError::Secret { line: 2 },
        KeyringError::Clash(clash),
    ]);
    assert!(UnknownReplica(R1).to_string().contains(&R1.to_string()));
    assert!(KeyringError::Epoch { line: 2 }.to_string().starts_with("line 2: "));
}

#[test]
fn a_refusal_is_told_by_the_name_that_metrics_have() {
    let all = [
        Refusal::Malformed(Malformed::Length),
        Refusal::Malformed(Malformed::Version),
        Refusal::Misaddressed,
        Refusal::UnknownEpoch,
        Refusal::BadMac,
        Refusal::Replay,
        Refusal::Flooded,
        Refusal::StaleTerm,
        Refusal::NoLease,
        Refusal::Unendorsed,
    ];
    assert_eq!(all.map(Refusal::name), Refusal::NAMES);
    assert_eq!(all.map(|refusal| refusal.to_string()), Refusal::NAMES.map(str::to_owned));
}

#[test]
fn both_ends_show_how_they_are_and_no_key() {
    let mut field = Field::new(DEVICE);
    let mut controller = controller(R1, 1);
    introduce(&mut controller, R1, &mut field, 0);
    let shown = format!("{:?}", field.endpoint);
    assert!(shown.contains(&format!("{DEVICE:?}")) && shown.contains("in_force: None"), "{shown}");
    assert!(!shown.contains("key") && !shown.contains("seal"), "{shown}");
    let shown = format!("{controller:?}");
    assert!(shown.contains("devices: 2, live: 1"), "{shown}");
    assert!(!shown.contains("key") && !shown.contains("seal"), "{shown}");
}
