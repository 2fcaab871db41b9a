//! The hall: three real replicas, the plant in trouble, and a desk for the operator.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use ridethrough_fault_injection::demo::cluster::REPLICAS;
use ridethrough_tests::models::{committed, variant};
use ridethrough_tests::runbooks::{Known, Page, Step, Where, compare, fill};
use ridethrough_tests::stage::{Play, Stage};
use ridethrough_tests::{Ended, folder, free, programs, run, run_command};
use tempfile::TempDir;

use super::paths::Paths;
use super::setting;

/// How long a command may take.
const COMMAND_DEADLINE: Duration = Duration::from_mins(1);
/// How long a page may want a command typed again.
const AGAIN_DEADLINE: Duration = Duration::from_secs(40);
/// How soon it is typed again.
const AGAIN_PERIOD: Duration = Duration::from_millis(200);
/// What the service of a replica is called.
const SERVICE: &str = "ridethroughd";

/// How pages have every device commissioned, with the name of a file with secrets after it.
const COMMISSION: &str = "commission every device with ";

/// What is said goes one way, a variable that nobody set is an error, and hosts are folders of this machine.
const PRELUDE: &str = "exec 2>&1\nset -u\nscp() { cp --preserve=mode \"$@\"; }\n";

/// The hall.
pub struct Hall {
    /// The processes.
    pub stage: Stage,
    /// What the placeholders of this page stand for.
    pub known: Known,
    home: TempDir,
    paths: Paths,
    intake: SocketAddr,
    begun: Instant,
    mounted: Option<String>,
}

impl Hall {
    /// Starts replicas and plant, with everything at the desk that operators have.
    pub fn open() -> Self {
        let home = folder();
        let scenario = setting::scenario(home.path());
        let shelf = home.path().join("models");
        fs::create_dir(&shelf).expect("a new folder");
        variant(&shelf, "next", committed().1 + 1);
        let play = Play { scenario, models: Some(shelf), ..Play::default() };
        let mut stage = Stage::start_with(home.path(), &play, |cluster| setting::desk(home.path(), cluster));
        stage.play();
        let (intake, _) = free::tcp();
        let paths = Paths::of(home.path(), &stage.cluster, intake);
        Self { stage, known: Known::new(), home, paths, intake, begun: Instant::now(), mounted: None }
    }

    /// Before a page: nothing is known of its placeholders, and no copies lie on the desk.
    pub fn turn_to(&mut self) {
        self.known.clear();
        for folder in (1..=REPLICAS).map(|id| self.desk().join(format!("n{id}"))).filter(|folder| folder.exists()) {
            fs::remove_dir_all(&folder).expect("the desk is ours");
        }
        self.begun = Instant::now();
    }

    /// Since the page was turned to.
    pub fn seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// Types what a page wants typed, and says how many commands that were; an error names the line that does not hold.
    pub fn type_all(&mut self, page: &Page) -> Result<usize, String> {
        let steps: Vec<&Step> = page.steps.iter().filter(|step| step.by_hand.is_none()).collect();
        for step in &steps {
            self.type_one(step).map_err(|error| format!("{}: `{}`: {error}", step.line, step.command))?;
        }
        let stopped = (1..=REPLICAS).find(|id| self.stage.cluster.process(*id).is_none());
        stopped.map_or(Ok(steps.len()), |id| Err(format!("1: at its end n{id} does not run")))
    }

    /// After a page that broke off in the middle: what it would have put right.
    pub fn mend(&mut self) {
        let (file, before) = (self.home.path().join("n3.toml"), self.home.path().join("n3.toml.before"));
        if before.exists() {
            self.stage.cluster.stop_one(3).expect("it stops");
            fs::rename(before, file).expect("one folder");
        }
        for id in 1..=REPLICAS {
            if self.stage.cluster.process(id).is_none() {
                self.stage.cluster.start(id).expect("it starts");
            }
        }
    }

    fn type_one(&mut self, step: &Step) -> Result<(), String> {
        let until = Instant::now() + AGAIN_DEADLINE;
        let command = fill(&step.command, &self.known)?;
        loop {
            self.stage.plant.listen().expect("the plant runs");
            let at = self.place(step.at);
            let done = self.service(at, &command).or_else(|| self.commission(at, &command));
            let (said, status) = match done {
                Some(()) => (String::new(), 0),
                None => self.say(at, &command)?,
            };
            let mut known = self.known.clone();
            let held = compare(&step.promised, &said, &mut known);
            let error = match held {
                Ok(()) if status == step.status => {
                    self.known = known;
                    return Ok(());
                }
                Ok(()) => format!("it ends with status {status}, promised is {}; it said\n  {said}", step.status),
                Err(error) => error,
            };
            if !step.again || Instant::now() >= until {
                return Err(error);
            }
            std::thread::sleep(AGAIN_PERIOD);
        }
    }

    /// The host of the leader, where that is asked for; that of n1 while nobody leads.
    fn place(&self, at: Where) -> Where {
        let Where::Leader = at else { return at };
        let acting = self.stage.cluster.snapshots().into_iter().flatten().find(|one| one.acting);
        Where::Host(acting.map_or(1, |one| one.replica))
    }

    /// What the service manager of a host would do: the hall has none, so it starts and ends the real process itself.
    fn service(&mut self, at: Where, command: &str) -> Option<()> {
        let verb = command.strip_prefix("systemctl ")?.strip_suffix(SERVICE)?.trim();
        let Where::Host(id) = at else { panic!("`{command}`: at the desk there is no service") };
        let cluster = &mut self.stage.cluster;
        let done = match verb {
            "start" => cluster.start(id),
            "stop" => cluster.stop_one(id),
            "restart" => cluster.stop_one(id).and_then(|()| cluster.start(id)),
            "kill --signal=KILL" => cluster.kill(id),
            _ => panic!("`{command}`: the hall knows no `{verb}`"),
        };
        done.unwrap_or_else(|error| panic!("`{command}`: {error:#}"));
        Some(())
    }

    /// What the tool of the devices' maker does: the plant's devices need none, and are told where the secrets lie.
    fn commission(&mut self, at: Where, command: &str) -> Option<()> {
        let file = command.strip_prefix(COMMISSION)?;
        assert_eq!(at, Where::Desk, "`{command}`: the site's secrets never leave the desk");
        let secrets = self.desk().join(file);
        assert!(secrets.is_file(), "`{command}`: there is no {}", secrets.display());
        // A copy of the tool's own: the page may move the file before the plant has read it.
        let own = self.home.path().join("commissioned.key");
        fs::copy(&secrets, &own).expect("there is room");
        self.stage.plant.commission(&own).expect("the plant listens");
        Some(())
    }

    /// Types a command and says what it said, in the words of pages, and how it ended.
    fn say(&self, at: Where, command: &str) -> Result<(String, i32), String> {
        let script = format!("{PRELUDE}{}", self.paths.here(at, command)?);
        let folder = match at {
            Where::Desk => self.desk(),
            Where::Host(_) | Where::Leader => self.home.path().to_owned(),
        };
        let mut bash = Command::new("bash");
        bash.arg("-c").arg(script).current_dir(folder).env("LC_ALL", "C.UTF-8");
        bash.env("PATH", format!("{}:{}", programs().display(), std::env::var("PATH").unwrap_or_default()));
        for node in &self.stage.cluster.nodes {
            bash.env(format!("N{}", node.id), node.witness.to_string());
        }
        let ended = run_command(COMMAND_DEADLINE, &mut bash);
        Ok((self.paths.page(at, &ended.stdout), ended.code()))
    }

    /// The operator's desk.
    pub fn desk(&self) -> PathBuf {
        self.home.path().join("desk")
    }

    /// Where n3 takes signals once it is told to.
    pub fn intake(&self) -> SocketAddr {
        self.intake
    }

    /// Mounts a small disk, until [`Hall::unmount`] or the end.
    pub fn mount(&mut self, size: &str, folder: &str) {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", size, "none", folder]);
        let ended = run_command(COMMAND_DEADLINE, &mut mount);
        assert_eq!(ended.code(), 0, "{}; run the test as root, or under `unshare -rm`", ended.stderr);
        self.mounted = Some(folder.to_owned());
    }

    /// Takes the small disk away.
    pub fn unmount(&mut self) {
        if let Some(folder) = self.mounted.take() {
            let ended = run_command(COMMAND_DEADLINE, Command::new("umount").arg(&folder));
            assert_eq!(ended.code(), 0, "{}", ended.stderr);
        }
    }

    /// Every replica runs and follows, the leader hears every device, and n1 leads.
    pub fn all_well(&mut self) {
        let wished = 1;
        loop {
            let leader = self.stage.wait_for("three replicas, one of which leads and hears all", |cluster| {
                let all: Vec<_> = cluster.snapshots().into_iter().flatten().collect();
                let leads = all.iter().find(|one| one.acting && one.devices_heard == one.devices)?;
                let agreed = all.iter().filter(|one| one.leader == Some(leads.replica)).count();
                (agreed == usize::from(REPLICAS)).then_some(leads.replica)
            });
            if leader == wished {
                return;
            }
            let (data, to) = (self.stage.data(leader), wished.to_string());
            // A refusal says why: somebody is not as far as the leader yet.
            let words = ["cluster", "transfer", "--to", &to, "--reason", "n1 leads in the pages", "--data-dir", &data];
            let asked: Ended = run("ridectl", &words);
            assert!(asked.code() < 2 || asked.stderr.contains("no replica answers"), "{asked:?}");
            std::thread::sleep(AGAIN_PERIOD);
        }
    }

    /// Ends everything in good order.
    pub fn close(mut self) {
        self.stage.cluster.stop().expect("every replica stops when told to");
        self.unmount();
    }
}

impl Drop for Hall {
    fn drop(&mut self) {
        // A test that failed must leave no disk behind. The replica on it still runs, hence lazily.
        if let Some(folder) = self.mounted.take() {
            let _ = Command::new("umount").args(["--lazy", &folder]).status();
        }
    }
}
