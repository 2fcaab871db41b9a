//! The command line.

/// How the result is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// For people.
    Table,
    /// For machines.
    Json,
}

/// How long it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Shows that everything works, in seconds.
    Quick,
    /// Enough for a p99.
    Whole,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Options {
    pub output: Output,
    pub effort: Effort,
    /// Only these, if any is named.
    only: Vec<String>,
}

impl Options {
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = arguments.peekable();
        let (mut output, mut effort, mut bench, mut only) = (Output::Table, Effort::Whole, false, Vec::new());
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--output" => output = parse_output(arguments.next().as_deref())?,
                "--quick" => effort = Effort::Quick,
                "--only" => only = arguments.next().unwrap_or_default().split(',').map(str::to_owned).collect(),
                "--bench" => bench = true,
                other => return Err(format!("`{other}`: expected --output table|json, --quick or --only name,…")),
            }
        }
        // `cargo test --benches` does not pass `--bench`; there the bench only shows that it still works.
        let effort = if bench { effort } else { Effort::Quick };
        Ok(Self { output, effort, only })
    }

    /// Whether the case of this name is wanted.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == name)
    }
}

fn parse_output(word: Option<&str>) -> Result<Output, String> {
    match word {
        Some("table") => Ok(Output::Table),
        Some("json") => Ok(Output::Json),
        other => Err(format!("--output `{}`: expected table or json", other.unwrap_or_default())),
    }
}
