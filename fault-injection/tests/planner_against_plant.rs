//! The planner's integers against the plant's physics: what the controller believes a tie costs must be what it costs,
//! and never less.

mod support;

use ridethrough_core::electrical;
use ridethrough_core::site::Site;
use ridethrough_core::units::Watts;
use ridethrough_fault_injection::plant::tie::Tie;

/// The controller takes a converter's loss at its input, the plant at its output: that is 0.2 % of the power at most.
const SURPLUS_SHARE_MAX: f64 = 0.003;

#[test]
#[allow(clippy::cast_precision_loss, reason = "watts of a test are small")]
fn a_planned_flow_delivers_what_was_planned_and_little_more() {
    let site = Site::parse("chain.toml", support::SITE).expect("the example is a good site");
    for site_tie in &site.ties {
        let (tie, bus) = (Tie::new(site_tie, (0, 1), 0.05), site.bus(site_tie.between.0));
        for delivered in (500..=24_000).step_by(500) {
            let flow = electrical::tie_flow(site_tie, bus, Watts::new(delivered));
            let arrives = tie.passage(flow.get() as f64, bus.get() as f64 / 1_000.0).arrives_watts;
            let surplus = arrives - delivered as f64;
            let allowed = delivered as f64 * SURPLUS_SHARE_MAX + 3.0;
            assert!(
                (-1.0..allowed).contains(&surplus),
                "{delivered} W planned, {arrives:.1} W arrive over {}",
                site_tie.name
            );
        }
    }
}
