//! Measures proofs on a GPU beside the processor: `cargo test --release -p zkflow-cuda -- --ignored --nocapture measure`.
//!
//! `ZKFLOW_CUDA_MEASURE` names what to measure, such as `dense:16,18,20 bits:20`; the numbers are binary logarithms of
//! the rows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ark_bn254::Fr;
use ark_ff::{One, UniformRand};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zkflow_groth16::format::r1cs::{Constraint, R1cs};
use zkflow_groth16::format::zkey::EncodedKey;
use zkflow_groth16::prove::native::{NativeOptions, NativeProver};
use zkflow_groth16::prove::{Kernel, PreparedKey, Prover};
use zkflow_groth16::setup::circuit_specific;
use zkflow_groth16::witness::Witness;

use crate::device::cuda::Gpu;
use crate::device::{Address, Device, DeviceError, Launch, Stream};
use crate::key::DeviceKey;
use crate::prover::{CudaOptions, CudaProver};

/// A GPU that runs one kernel at a time and adds up its time.
#[derive(Debug)]
struct Timed {
    gpu: Gpu,
    times: Mutex<BTreeMap<&'static str, (u32, Duration)>>,
}

impl Timed {
    fn time<T>(
        &self,
        name: &'static str,
        stream: Stream,
        work: impl FnOnce() -> Result<T, DeviceError>,
    ) -> Result<T, DeviceError> {
        self.gpu.finish(stream)?;
        let began = Instant::now();
        let result = work()?;
        self.gpu.finish(stream)?;
        let mut times = self.times.lock().unwrap();
        let (count, time) = times.entry(name).or_default();
        *count += 1;
        *time += began.elapsed();
        Ok(result)
    }
}

impl Device for Timed {
    fn model(&self) -> &str {
        self.gpu.model()
    }
    fn multiprocessors(&self) -> u32 {
        self.gpu.multiprocessors()
    }
    fn free_bytes(&self) -> Result<usize, DeviceError> {
        self.gpu.free_bytes()
    }
    fn allocate(&self, bytes: usize) -> Result<Address, DeviceError> {
        self.gpu.allocate(bytes)
    }
    fn free(&self, address: Address) {
        self.gpu.free(address);
    }
    fn allocate_on_host(&self, bytes: usize) -> Result<*mut u8, DeviceError> {
        self.gpu.allocate_on_host(bytes)
    }
    fn free_on_host(&self, memory: *mut u8) {
        self.gpu.free_on_host(memory);
    }
    fn open_stream(&self) -> Result<Stream, DeviceError> {
        self.gpu.open_stream()
    }
    fn close_stream(&self, stream: Stream) {
        self.gpu.close_stream(stream);
    }
    unsafe fn write(&self, stream: Stream, to: Address, from: &[u8]) -> Result<(), DeviceError> {
        // SAFETY: the caller's.
        self.time("upload", stream, || unsafe { self.gpu.write(stream, to, from) })
    }
    unsafe fn read(&self, stream: Stream, from: Address, to: &mut [u8]) -> Result<(), DeviceError> {
        // SAFETY: the caller's.
        self.time("download", stream, || unsafe { self.gpu.read(stream, from, to) })
    }
    unsafe fn clear(&self, stream: Stream, at: Address, bytes: usize) -> Result<(), DeviceError> {
        // SAFETY: the caller's.
        self.time("clear", stream, || unsafe { self.gpu.clear(stream, at, bytes) })
    }
    unsafe fn launch(&self, stream: Stream, launch: &Launch<'_>) -> Result<(), DeviceError> {
        // SAFETY: the caller's.
        self.time(launch.kernel, stream, || unsafe { self.gpu.launch(stream, launch) })
    }
    fn follow(&self, stream: Stream, other: Stream) -> Result<(), DeviceError> {
        self.gpu.follow(stream, other)
    }
    fn finish(&self, stream: Stream) -> Result<(), DeviceError> {
        self.gpu.finish(stream)
    }
}

/// A circuit of 2^`bits` rows, nearly. `dense`: all wires are random. Otherwise all but a few are bits.
fn circuit(bits: u32, dense: bool) -> (R1cs, Witness) {
    let mut rng = ChaCha20Rng::seed_from_u64(u64::from(bits));
    let count = (1usize << bits) - 8;
    let mut values = vec![Fr::one(), Fr::rand(&mut rng), Fr::rand(&mut rng)];
    let mut constraints = Vec::with_capacity(count);
    for i in 0..count {
        let wire = values.len() as u32;
        let terms = if dense {
            let mut other = || rng.gen_range(1..wire);
            let (x, y, z) = (other(), other(), other());
            (vec![(x, Fr::one()), (y, -Fr::one())], vec![(z, Fr::one()), (wire - 1, Fr::one())])
        } else {
            // x (1 - x) = 0, of a new bit x.
            let bit = Fr::from(u64::from(rng.r#gen::<bool>()));
            values.push(bit);
            constraints.push(Constraint {
                a: vec![(wire, Fr::one())],
                b: vec![(0, Fr::one()), (wire, -Fr::one())],
                c: vec![],
            });
            continue;
        };
        let value = |terms: &[(u32, Fr)]| -> Fr {
            terms.iter().map(|&(wire, factor)| values[wire as usize] * factor).sum()
        };
        let product = value(&terms.0) * value(&terms.1);
        // A chain of products stays random.
        values.push(product + Fr::from(i as u64));
        constraints.push(Constraint {
            a: terms.0,
            b: terms.1,
            c: vec![(wire, Fr::one()), (0, -Fr::from(i as u64))],
        });
    }
    let n_wires = values.len() as u32;
    let r1cs = R1cs {
        n_wires,
        n_outputs: 0,
        n_public_inputs: 1,
        n_private_inputs: 1,
        n_labels: n_wires.into(),
        constraints,
        labels: (0..n_wires.into()).collect(),
    };
    (r1cs, Witness::new(values))
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

/// Measures from the opening of the GPU to the first proof, with a prepared key of the processor on disk, and prints the
/// memory of the key on the GPU.
fn first_proof(zkey: &[u8], witness: &Witness) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.zkey");
    std::fs::write(&path, zkey).unwrap();
    let native = || {
        let cache_dir = Some(folder.path().join("prepared"));
        NativeProver::new(NativeOptions { cache_dir, ..NativeOptions::default() }).unwrap()
    };
    let store: &dyn Prover = &native();
    store.load_file(&path).unwrap();
    let began = Instant::now();
    let device: Arc<dyn Device> = Arc::new(Gpu::open(0).unwrap());
    let free = device.free_bytes().unwrap();
    let options = CudaOptions { min_rows: 0, ..CudaOptions::default() };
    let prover = CudaProver::on(Arc::clone(&device), &options, native(), Kernel::detect()).unwrap();
    let prover: &dyn Prover = &prover;
    let key = prover.load_file(&path).unwrap();
    let loaded = began.elapsed();
    key.prove(witness, &mut ChaCha20Rng::seed_from_u64(9)).unwrap();
    println!(
        "  first proof {:.2} s after the start, key loaded after {:.2} s; {} MiB of the GPU",
        began.elapsed().as_secs_f64(),
        loaded.as_secs_f64(),
        (free - device.free_bytes().unwrap()) >> 20
    );
}

#[test]
#[ignore = "needs a GPU, and measures it"]
fn measure() {
    let began = Instant::now();
    let gpu = Gpu::open(0).unwrap();
    println!("{}, opened in {:.0} ms", gpu.model(), began.elapsed().as_secs_f64() * 1e3);
    drop(gpu);
    let wanted = std::env::var("ZKFLOW_CUDA_MEASURE").unwrap_or("dense:16".to_owned());
    let profile = std::env::var("ZKFLOW_CUDA_PROFILE").is_ok();
    let kernel = Kernel::detect();
    for (kind, bits) in wanted.split(' ').filter_map(|part| part.split_once(':')) {
        for bits in bits.split(',').map(|bits| bits.parse::<u32>().unwrap()) {
            let (r1cs, witness) = circuit(bits, kind == "dense");
            let began = Instant::now();
            let key = Arc::new(circuit_specific(&r1cs, &mut ChaCha20Rng::seed_from_u64(1)).unwrap());
            println!("{kind} 2^{bits}: key made in {:.1} s", began.elapsed().as_secs_f64());
            let zkey = key.write();
            let native = NativeProver::new(NativeOptions::default()).unwrap();
            let prover = CudaProver::new(
                &CudaOptions { min_rows: 0, ..CudaOptions::default() },
                native.clone(),
                kernel,
            );
            let prover = prover.unwrap();
            let on_cpu = native.prepare(Arc::clone(&key)).unwrap();
            let began = Instant::now();
            let on_gpu = prover.prepare(Arc::clone(&key)).unwrap();
            println!("  prepared on both in {:.2} s", began.elapsed().as_secs_f64());
            let rounds = if bits > 18 { 9 } else { 21 };
            let run = |key: &dyn PreparedKey, rounds: usize| -> (f64, zkflow_groth16::proof::Proof) {
                let mut proof = None;
                let times = (0..rounds).map(|_| {
                    let began = Instant::now();
                    proof = Some(key.prove(&witness, &mut ChaCha20Rng::seed_from_u64(9)).unwrap());
                    began.elapsed()
                });
                (median(times.collect()), proof.unwrap())
            };
            let (gpu, proof) = run(&*on_gpu, rounds);
            let (cpu, expected) = run(&*on_cpu, rounds / 3);
            println!(
                "  proof: GPU {gpu:.2} ms, CPU {cpu:.2} ms, {:.1} times; health {:?}",
                cpu / gpu,
                prover.health()
            );
            assert_eq!(proof, expected);
            let count = 12;
            let began = Instant::now();
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| run(&*on_gpu, count));
                }
            });
            println!("  3 at a time: {:.1} proofs/s", 3.0 * count as f64 / began.elapsed().as_secs_f64());
            drop(on_gpu);
            first_proof(&zkey, &witness);
            if !profile {
                continue;
            }
            {
                let device: Arc<dyn Device> = Arc::new(Gpu::open(0).unwrap());
                let key = DeviceKey::upload(&device, &EncodedKey::parse(&zkey).unwrap(), 36 << 30).unwrap();
                let times = (0..rounds).map(|_| {
                    let began = Instant::now();
                    key.sums(witness.values()).unwrap();
                    began.elapsed()
                });
                println!("  sums on the device: {:.2} ms", median(times.collect()));
            }
            let timed = Arc::new(Timed { gpu: Gpu::open(0).unwrap(), times: Mutex::default() });
            let device: Arc<dyn Device> = Arc::clone(&timed) as _;
            let key = DeviceKey::upload(&device, &EncodedKey::parse(&zkey).unwrap(), 36 << 30).unwrap();
            println!("  key on the device: {:.0} MiB", key.bytes() as f64 / f64::from(1 << 20));
            let print = |title: &str| {
                let times = std::mem::take(&mut *timed.times.lock().unwrap());
                let total: Duration = times.values().map(|(_, time)| *time).sum();
                println!("  {title}: {:.2} ms", total.as_secs_f64() * 1e3);
                for (name, (count, time)) in times {
                    println!("    {name:<24} {count:>5} {:>9.3} ms", time.as_secs_f64() * 1e3);
                }
            };
            print("upload");
            key.sums(witness.values()).unwrap();
            print("first proof");
            key.sums(witness.values()).unwrap();
            print("one proof, kernel by kernel");
        }
    }
}
