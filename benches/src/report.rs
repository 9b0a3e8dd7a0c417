//! The measurements as a table, JSON and CSV.

use std::fmt::Write as _;
use std::num::NonZeroUsize;

use serde_json::json;
use zkflow_core::prove::Kernel;

use super::measure::{Measurement, PhaseTimes, Process, Results, median, walls};

/// The measurements with a description of the machine.
pub(super) struct Report {
    pub(super) measurements: Vec<Measurement>,
    machine: Machine,
}

struct Machine {
    processor: String,
    /// The measured numbers of threads, in ascending order.
    threads: Vec<usize>,
    command: String,
}

impl Report {
    pub(super) fn new(results: Results, threads: &[NonZeroUsize]) -> Self {
        let threads = threads.iter().map(|count| count.get()).collect();
        let machine = Machine { processor: processor(), threads, command: command() };
        Self { measurements: results.0, machine }
    }

    /// One line with the version, kernel, threads and processor.
    pub(super) fn caption(&self) -> String {
        let Machine { processor, threads, .. } = &self.machine;
        let kernel = Kernel::detect().name();
        let threads: Vec<String> = threads.iter().map(usize::to_string).collect();
        let threads = threads.join(", ");
        format!("zkflow {}, {kernel} kernel, {threads} threads, {processor}", env!("CARGO_PKG_VERSION"))
    }

    pub(super) fn json(&self) -> String {
        let report = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "processor": self.machine.processor,
            "threads": self.machine.threads,
            "kernel": Kernel::detect().name(),
            "command": self.machine.command,
            "measurements": self.measurements,
        });
        format!("{report:#}\n")
    }

    /// One line per circuit and prover. Times are medians in milliseconds.
    pub(super) fn csv(&self) -> String {
        let mut text = "circuit,prover,wires,domain,zkey_bytes,key_bytes,load_ms,warm_ms,ratio,cold_ms,\
                        cold_cpu_ms,cold_peak_bytes,prepared_ms,prepared_cpu_ms,proofs_per_second,threads,\
                        cold_key_ms,cold_prove_ms,cold_verify_ms\n"
            .to_owned();
        for one in &self.measurements {
            let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.3}"));
            let fields = [
                quoted(&one.circuit),
                quoted(&one.prover),
                one.wires.to_string(),
                one.domain.to_string(),
                one.zkey_bytes.to_string(),
                one.key_bytes.map_or_else(String::new, |bytes| bytes.to_string()),
                number(one.load_ms),
                number(median(&one.warm_ms)),
                number(one.ratio),
                number(median(&walls(&one.cold))),
                number(median(&cpus(&one.cold))),
                peak(&one.cold).map_or_else(String::new, |bytes| bytes.to_string()),
                number(median(&walls(&one.prepared))),
                number(median(&cpus(&one.prepared))),
                number(one.proofs_per_second),
                one.threads.map_or_else(String::new, |threads| threads.to_string()),
                number(phase(one, |times| times.key_ms)),
                number(phase(one, |times| times.prove_ms)),
                number(phase(one, |times| times.verify_ms)),
            ];
            text += &fields.join(",");
            text.push('\n');
        }
        text
    }

    /// Table for the terminal. Times are medians.
    pub(super) fn table(&self) -> String {
        let mut text = format!("{}\n\n", self.caption());
        let header =
            ["prover", "warm ms", "ratio", "cold ms", "cpu ms", "prep ms", "cpu ms", "peak MiB", "proofs/s"];
        let mut circuit = None;
        for one in &self.measurements {
            if circuit != Some(&one.circuit) {
                circuit = Some(&one.circuit);
                let _ = writeln!(
                    text,
                    "{}: {} wires, domain {}, key of {} MiB",
                    one.circuit,
                    one.wires,
                    one.domain,
                    one.zkey_bytes.div_ceil(1 << 20)
                );
                line(&mut text, &header.map(str::to_owned));
            }
            let number = |value: Option<f64>, digits: usize| {
                value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
            };
            let cells = [
                self.label(one),
                number(median(&one.warm_ms), 1),
                number(one.ratio, 3),
                number(median(&walls(&one.cold)), 0),
                number(median(&cpus(&one.cold)), 0),
                number(median(&walls(&one.prepared)), 0),
                number(median(&cpus(&one.prepared)), 0),
                number(peak(&one.cold).map(|bytes| bytes as f64 / f64::from(1 << 20)), 0),
                number(one.proofs_per_second, 1),
            ];
            line(&mut text, &cells);
        }
        text += "\nwarm: from witness to proof, prepared key in memory. cold: whole process. prep: whole \
                 process, prepared key on disk.\nratio: median over rounds of (time / time of ark); warm, \
                 or cold if there is no warm time.\n";
        text + &self.phases() + &self.scaling()
    }

    /// The prover of a row, with its threads if several numbers of them were measured.
    fn label(&self, one: &Measurement) -> String {
        match one.threads {
            Some(threads) if self.machine.threads.len() > 1 => format!("{}/{threads}", one.prover),
            _ => one.prover.clone(),
        }
    }

    /// The phases of a cold proof of the provers in this process.
    fn phases(&self) -> String {
        let mut text =
            format!("\n{:<26}{:>10}{:>10}{:>10}\n", "phases of a cold proof, ms", "key", "prove", "verify");
        for one in self.measurements.iter().filter(|one| !one.phases.is_empty()) {
            let _ = write!(text, "  {:<24}", format!("{} {}", one.circuit, self.label(one)));
            let medians = [
                phase(one, |times| times.key_ms),
                phase(one, |times| times.prove_ms),
                phase(one, |times| times.verify_ms),
            ];
            for median in medians {
                let _ = write!(text, "{:>10.1}", median.unwrap_or_default());
            }
            text.push('\n');
        }
        text
    }

    /// Warm times over the number of threads, with the gain over the smallest number. Empty for a single number.
    fn scaling(&self) -> String {
        let counts = &self.machine.threads;
        if counts.len() < 2 {
            return String::new();
        }
        let mut text = format!("\nwarm ms by threads (times as fast as with {}):\n{:26}", counts[0], "");
        for count in counts {
            let _ = write!(text, "{count:>16}");
        }
        text.push('\n');
        let mut rows: Vec<(&str, &str)> = Vec::new();
        for one in self.measurements.iter().filter(|one| one.threads.is_some()) {
            if !rows.contains(&(&one.circuit, &one.prover)) {
                rows.push((&one.circuit, &one.prover));
            }
        }
        for row in rows {
            let time = |count: usize| {
                let of_row = |one: &&Measurement| (one.circuit.as_str(), one.prover.as_str()) == row;
                let here = self.measurements.iter().filter(of_row).find(|one| one.threads == Some(count))?;
                median(&here.warm_ms)
            };
            let _ = write!(text, "  {:<24}", format!("{} {}", row.0, row.1));
            for &count in counts {
                let cell = time(count).map_or_else(
                    || "-".to_owned(),
                    |here| match time(counts[0]) {
                        Some(first) => format!("{here:.1} ({:.1})", first / here),
                        None => format!("{here:.1}"),
                    },
                );
                let _ = write!(text, "{cell:>16}");
            }
            text.push('\n');
        }
        text
    }

    /// The measurements of the largest number of threads, and those of external programs.
    pub(super) fn widest(&self) -> impl Iterator<Item = &Measurement> {
        let most = self.machine.threads.last().copied();
        self.measurements.iter().filter(move |one| one.threads.is_none() || one.threads == most)
    }

    /// Whether several numbers of threads were measured.
    pub(super) fn has_scaling(&self) -> bool {
        self.machine.threads.len() > 1
    }
}

fn line(text: &mut String, cells: &[String; 9]) {
    let [prover, rest @ ..] = cells;
    let _ = write!(text, "  {prover:<24}");
    for cell in rest {
        let _ = write!(text, "{cell:>10}");
    }
    text.push('\n');
}

/// Processor times of processes in milliseconds.
fn cpus(processes: &[Process]) -> Vec<f64> {
    processes.iter().map(|process| process.cpu_ms).collect()
}

/// The median of a phase.
fn phase(one: &Measurement, of: impl Fn(&PhaseTimes) -> f64) -> Option<f64> {
    median(&one.phases.iter().map(of).collect::<Vec<_>>())
}

fn peak(processes: &[Process]) -> Option<u64> {
    processes.iter().map(|process| process.peak_bytes).max()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn command() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    format!("zkflow {}", arguments.join(" "))
}

/// Model name of the processor; the architecture if the name is not available.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn report() -> Report {
        let process = Process { wall_ms: 90.0, cpu_ms: 120.0, peak_bytes: 5 << 20 };
        let one = Measurement {
            circuit: "dense 2^10".to_owned(),
            family: "dense".to_owned(),
            prover: "native".to_owned(),
            threads: Some(2),
            wires: 963,
            domain: 1024,
            zkey_bytes: 700_000,
            key_bytes: Some(500_000),
            load_ms: Some(3.0),
            warm_ms: vec![5.0, 6.0, 4.0],
            cold: vec![process],
            prepared: vec![process],
            phases: vec![PhaseTimes { key_ms: 40.0, prove_ms: 30.0, verify_ms: 2.0 }],
            proofs_per_second: Some(300.0),
            ratio: Some(0.25),
        };
        let larger = Measurement {
            circuit: "dense 2^12".to_owned(),
            domain: 4096,
            warm_ms: vec![18.0],
            ..one.clone()
        };
        let other = Measurement {
            prover: "snark<js>".to_owned(),
            threads: None,
            warm_ms: vec![],
            key_bytes: None,
            load_ms: None,
            prepared: vec![],
            phases: vec![],
            proofs_per_second: None,
            ..one.clone()
        };
        let machine =
            Machine { processor: "none".to_owned(), threads: vec![2], command: "zkflow bench".to_owned() };
        Report { measurements: vec![one, larger, other], machine }
    }

    /// The same with one and two threads, where one takes twice the time.
    pub(crate) fn report_over_threads() -> Report {
        let Report { mut measurements, mut machine } = report();
        machine.threads = vec![1, 2];
        for slower in measurements.clone().into_iter().filter(|one| one.threads.is_some()) {
            let warm_ms = slower.warm_ms.iter().map(|time| 2.0 * time).collect();
            measurements.push(Measurement { threads: Some(1), warm_ms, ..slower });
        }
        Report { measurements, machine }
    }

    #[test]
    fn the_table_over_threads_shows_the_gain() {
        assert!(!report().table().contains("by threads"));
        let table = report_over_threads().table();
        assert!(table.contains("dense 2^10 native             10.0 (1.0)       5.0 (2.0)"), "{table}");
        assert!(table.contains("dense 2^12 native             36.0 (1.0)      18.0 (2.0)"), "{table}");
        assert!(table.contains("native/1 "), "{table}");
    }

    #[test]
    fn every_line_of_the_csv_has_every_column() {
        let csv = report().csv();
        let columns: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
        assert_eq!(columns, [19; 4]);
        assert!(csv.contains("\"dense 2^10\",\"native\",963,1024,700000,500000,3.000,5.000,0.250,90.000"));
    }

    #[test]
    fn the_table_names_each_circuit_once_in_a_row_and_shows_what_is_missing() {
        let table = report().table();
        assert!(table.contains("native                         5.0     0.250"), "{table}");
        assert!(table.contains("dense 2^10 native             40.0      30.0       2.0"), "{table}");
        assert!(table.contains("snark<js>                        -     0.250"), "{table}");
    }

    #[test]
    fn the_json_can_be_read_back() {
        let json: serde_json::Value = serde_json::from_str(&report().json()).unwrap();
        assert_eq!(json["measurements"][0]["warm_ms"][1], 6.0);
    }
}
