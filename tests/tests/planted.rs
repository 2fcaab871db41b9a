//! Bugs that are planted on purpose can be planted: each patch still fits the code that it breaks. That the simulation finds them
//! takes hours, and is `cargo xtask planted-bugs`.

use std::process::Command;
use std::time::Duration;

use ridethrough_tests::{root, run_command};

const DEADLINE: Duration = Duration::from_secs(30);

#[test]
fn every_patch_fits_the_code_that_it_breaks() {
    let folder = root().join("fault-injection/planted");
    let entries = std::fs::read_dir(&folder).expect("there are planted bugs").flatten().map(|entry| entry.path());
    let patches: Vec<_> = entries.filter(|path| path.extension().is_some_and(|ending| ending == "patch")).collect();
    assert!(patches.len() > 20, "{patches:?}");
    for patch in patches {
        let mut apply = Command::new("git");
        apply.args(["apply", "--check"]).arg(&patch).current_dir(root());
        let ended = run_command(DEADLINE, &mut apply);
        assert_eq!(ended.code(), 0, "{}: {}", patch.display(), ended.stderr);
    }
}
