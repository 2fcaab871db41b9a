//! Figures of files, packages and all together, for people and for programs.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::export::Source;

/// Everything that was measured.
#[derive(Debug)]
pub struct Figures {
    packages: Vec<Package>,
}

#[derive(Debug)]
struct Package {
    name: String,
    files: Vec<File>,
}

/// One source.
#[derive(Debug)]
pub struct File {
    /// From the package's folder.
    name: String,
    share: Shares,
    /// First and last lines of what did not run.
    missed: Vec<(u64, u64)>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Shares {
    lines: Share,
    /// A line may hold several: an arm, what follows a `?`.
    regions: Share,
}

/// How many of how many ran.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Share {
    ran: u64,
    all: u64,
}

impl File {
    pub fn of(name: String, source: &Source, is_test: impl Fn(u64) -> bool) -> Self {
        let mut file = Self { name, share: Shares::default(), missed: Vec::new() };
        for (line, runs) in source.lines().into_iter().filter(|(line, _)| !is_test(*line)) {
            file.share.lines.count(runs > 0);
            if runs == 0 {
                file.miss(line);
            }
        }
        for (_, ran) in source.regions().filter(|(line, _)| !is_test(*line)) {
            file.share.regions.count(ran);
        }
        file
    }

    fn miss(&mut self, line: u64) {
        match self.missed.last_mut() {
            Some((_, last)) if *last + 1 == line => *last = line,
            _ => self.missed.push((line, line)),
        }
    }
}

impl Package {
    fn share(&self) -> Shares {
        self.files.iter().fold(Shares::default(), |sum, file| sum.and(file.share))
    }
}

impl Shares {
    fn and(self, other: Self) -> Self {
        Self { lines: self.lines.and(other.lines), regions: self.regions.and(other.regions) }
    }

    fn row(&self, name: &str) -> String {
        let Self { lines, regions } = self;
        format!(
            "{name:<48} {:>7} {:>7} {:>7.1} {:>8} {:>7} {:>7.1}\n",
            lines.all,
            lines.all - lines.ran,
            lines.percent(),
            regions.all,
            regions.all - regions.ran,
            regions.percent()
        )
    }

    fn json(self) -> Value {
        json!({ "lines": self.lines.json(), "regions": self.regions.json() })
    }
}

impl Share {
    fn count(&mut self, ran: bool) {
        self.all += 1;
        self.ran += u64::from(ran);
    }

    fn and(self, other: Self) -> Self {
        Self { ran: self.ran + other.ran, all: self.all + other.all }
    }

    #[expect(clippy::cast_precision_loss, reason = "for people")]
    fn percent(self) -> f64 {
        if self.all == 0 { 100.0 } else { 100.0 * self.ran as f64 / self.all as f64 }
    }

    /// The lowest share first.
    fn compare(self, other: Self) -> Ordering {
        let (this, that) = (self.ran * other.all.max(1), other.ran * self.all.max(1));
        (self.all == 0).cmp(&(other.all == 0)).then(this.cmp(&that))
    }

    fn json(self) -> Value {
        json!({ "all": self.all, "ran": self.ran, "percent": (self.percent() * 100.0).round() / 100.0 })
    }
}

impl Figures {
    /// Of packages without files yet.
    pub fn of<'a>(packages: impl Iterator<Item = &'a str>) -> Self {
        Self { packages: packages.map(|name| Package { name: name.to_owned(), files: Vec::new() }).collect() }
    }

    pub fn add(&mut self, package: &str, file: File) {
        if let Some(package) = self.packages.iter_mut().find(|one| one.name == package) {
            package.files.push(file);
        }
    }

    /// The lowest first: packages, and the files of each. Of equals, the one with more lines.
    pub fn sorted(mut self) -> Self {
        self.packages.sort_by(|one, other| one.share().lines.compare(other.share().lines));
        for package in &mut self.packages {
            package.files.sort_by(|one, other| {
                let (this, that) = (one.share.lines, other.share.lines);
                this.compare(that).then(that.all.cmp(&this.all)).then_with(|| one.name.cmp(&other.name))
            });
        }
        self
    }

    /// Packages, each with its files.
    pub fn table(&self) -> String {
        let package = |package: &Package| {
            let files: String = package.files.iter().map(|file| file.share.row(&format!("  {}", file.name))).collect();
            package.share().row(&package.name) + &files
        };
        header() + &self.packages.iter().map(package).collect::<String>() + &self.overall()
    }

    /// Packages alone.
    pub fn summary(&self) -> String {
        let rows: String = self.packages.iter().map(|package| package.share().row(&package.name)).collect();
        header() + &rows + &self.overall()
    }

    pub fn json(&self) -> Value {
        let file = |file: &File| {
            let mut value = file.share.json();
            value["file"] = file.name.clone().into();
            value["missed_lines"] = json!(file.missed);
            value
        };
        let package = |package: &Package| {
            let mut value = package.share().json();
            value["package"] = package.name.clone().into();
            value["files"] = package.files.iter().map(file).collect();
            value
        };
        let mut value = self.share().json();
        value["packages"] = self.packages.iter().map(package).collect();
        value
    }

    fn share(&self) -> Shares {
        self.packages.iter().fold(Shares::default(), |sum, package| sum.and(package.share()))
    }

    fn overall(&self) -> String {
        self.share().row("all")
    }
}

fn header() -> String {
    format!(
        "{:<48} {:>7} {:>7} {:>7} {:>8} {:>7} {:>7}\n",
        "package, file", "lines", "missed", "%", "regions", "missed", "%"
    )
}

#[cfg(test)]
mod tests {
    use super::super::export::Export;
    use super::*;

    /// A real file with its tests from line 16 on, and one that nothing ran of.
    fn figures() -> Figures {
        let export = Export::parse(include_str!("doubled.json")).expect("an export");
        let file = File::of("src/doubled.rs".into(), &export.sources[0], |line| line >= 16);
        let mut figures = Figures::of(["whole", "tiny"].into_iter());
        figures.add("tiny", file);
        figures.add("tiny", of("src/never.rs", 0, 2));
        figures.add("tiny", of("src/empty.rs", 0, 0));
        figures.add("whole", of("src/lib.rs", 3, 3));
        figures.add("unknown", of("src/lib.rs", 3, 3));
        figures.sorted()
    }

    fn of(name: &str, ran: u64, all: u64) -> File {
        let share = Share { ran, all };
        File { name: name.into(), share: Shares { lines: share, regions: share }, missed: Vec::new() }
    }

    #[test]
    fn the_lowest_comes_first_and_all_last() {
        let expected = "\
package, file                                      lines  missed       %  regions  missed       %
tiny                                                  11       6    45.5       20       9    55.0
  src/never.rs                                         2       2     0.0        2       2     0.0
  src/doubled.rs                                       9       4    55.6       18       7    61.1
  src/empty.rs                                         0       0   100.0        0       0   100.0
whole                                                  3       0   100.0        3       0   100.0
  src/lib.rs                                           3       0   100.0        3       0   100.0
all                                                   14       6    57.1       23       9    60.9
";
        assert_eq!(figures().table(), expected);
    }

    #[test]
    fn the_summary_has_packages_alone() {
        let lines: Vec<String> = figures().summary().lines().map(|line| line[..5].trim_end().to_owned()).collect();
        assert_eq!(lines, ["packa", "tiny", "whole", "all"]);
    }

    #[test]
    fn programs_are_told_which_lines_are_missed() {
        let json = figures().json();
        assert_eq!(json["lines"], json!({ "all": 14, "ran": 8, "percent": 57.14 }));
        let file = &json["packages"][0]["files"][1];
        assert_eq!(file["file"], "src/doubled.rs");
        assert_eq!(file["missed_lines"], json!([[5, 5], [8, 9], [14, 14]]));
    }
}
