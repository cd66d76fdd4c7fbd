// What the standard library of Rust wants of a kernel. It prints the same in the virtual machine and on Linux.
use std::cell::Cell;
use std::collections::HashMap;
use std::io::{BufRead, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{mpsc, Arc, Barrier, Condvar, Mutex, Once, RwLock};
use std::time::{Duration, Instant};
use std::{env, fs, io, panic, process, thread};

fn arguments() {
    let all: Vec<String> = env::args().skip(1).collect();
    println!("arguments {:?}, environment {:?}", all, env::var("RUST_TEST_VALUE"));
    println!("input: {} lines", io::stdin().lock().lines().count());
}

fn channels() {
    let (sender, receiver) = mpsc::channel();
    let senders: Vec<_> = (0..8u64)
        .map(|i| {
            let sender = sender.clone();
            thread::spawn(move || (0..5000).for_each(|n| sender.send(i * n).unwrap()))
        })
        .collect();
    drop(sender);
    let sum: u64 = receiver.iter().sum();
    senders.into_iter().for_each(|t| t.join().unwrap());
    println!("sum {sum}");

    // A ring of threads, each of which waits for the one before.
    let (first, mut last) = mpsc::sync_channel::<u64>(0);
    for _ in 0..50 {
        let (next, end) = mpsc::sync_channel(0);
        thread::spawn(move || last.iter().for_each(|n| next.send(n + 1).unwrap()));
        last = end;
    }
    let feeder = thread::spawn(move || (0..100).for_each(|n| first.send(n).unwrap()));
    println!("ring {}", last.iter().sum::<u64>());
    feeder.join().unwrap();
    let (_kept, silent) = mpsc::channel::<()>();
    println!("timeout {:?}", silent.recv_timeout(Duration::from_millis(5)));
}

fn locks() {
    let count = Arc::new(Mutex::new(0u64));
    let table = Arc::new(RwLock::new(HashMap::new()));
    let barrier = Arc::new(Barrier::new(8));
    let leaders = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (0..8u64)
        .map(|i| {
            let (count, table, barrier, leaders) = (count.clone(), table.clone(), barrier.clone(), leaders.clone());
            thread::spawn(move || {
                for n in 0..1000 {
                    *count.lock().unwrap() += 1;
                    if n % 10 == 0 {
                        *table.write().unwrap().entry(n).or_insert(0u64) += i;
                    } else {
                        table.read().unwrap().get(&n);
                    }
                    if n % 100 == 0 && barrier.wait().is_leader() {
                        leaders.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    let total: u64 = table.read().unwrap().values().sum();
    println!("count {}, table {}, leaders {}", count.lock().unwrap(), total, leaders.load(Ordering::Relaxed));

    let pair = Arc::new((Mutex::new(0), Condvar::new()));
    thread::scope(|scope| {
        for i in 0..4 {
            let pair = &pair;
            scope.spawn(move || {
                for _ in 0..200 {
                    let mut turn = pair.1.wait_while(pair.0.lock().unwrap(), |turn| *turn % 4 != i).unwrap();
                    *turn += 1;
                    pair.1.notify_all();
                }
            });
        }
    });
    println!("turns {}", pair.0.lock().unwrap());
    static ONCE: Once = Once::new();
    static TIMES: AtomicU64 = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| ONCE.call_once(|| { TIMES.fetch_add(1, Ordering::Relaxed); }));
        }
    });
    println!("once {}", TIMES.load(Ordering::Relaxed));
}

thread_local!(static MINE: Cell<u64> = const { Cell::new(1) });

fn threads() {
    let parked = thread::Builder::new().name("parked".into()).stack_size(1 << 20).spawn(|| {
        thread::park();
        MINE.with(|mine| mine.set(mine.get() + 10));
        (thread::current().name().map(str::to_owned), MINE.with(Cell::get))
    });
    let parked = parked.unwrap();
    parked.thread().unpark();
    println!("{:?}, here {}", parked.join().unwrap(), MINE.with(Cell::get));

    panic::set_hook(Box::new(|_| {}));
    let failed = thread::spawn(|| -> u64 { panic!("of {}", env::args().len()) }).join();
    println!("panic {:?}", failed.unwrap_err().downcast_ref::<String>());
    let caught = panic::catch_unwind(|| Vec::<u8>::new()[env::args().count()]);
    println!("caught {}", caught.is_err());
    let poisoned = Arc::new(Mutex::new(1));
    let other = poisoned.clone();
    let _ = thread::spawn(move || {
        let _guard = other.lock();
        panic!()
    })
    .join();
    println!("poisoned {}", poisoned.is_poisoned());

    let many: Vec<_> = (0..500u64).map(|i| thread::spawn(move || { thread::sleep(Duration::from_millis(i % 7)); i })).collect();
    println!("many {}", many.into_iter().map(|t| t.join().unwrap()).sum::<u64>());
}

fn clocks() {
    let start = Instant::now();
    thread::sleep(Duration::from_millis(20));
    println!("slept {}", start.elapsed() >= Duration::from_millis(20) && start.elapsed() < Duration::from_secs(20));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| while !stop.load(Ordering::Relaxed) {});
        thread::sleep(Duration::from_millis(5));
        stop.store(true, Ordering::Relaxed);
    });
    println!("stopped");
}

fn files() -> io::Result<()> {
    let folder = env::temp_dir().join(format!("rust-{}", process::id()));
    fs::create_dir_all(folder.join("a/b"))?;
    let mut file = fs::File::create(folder.join("a/text"))?;
    (0..1000).try_for_each(|i| writeln!(file, "line {i}"))?;
    drop(file);
    let mut file = fs::OpenOptions::new().read(true).write(true).open(folder.join("a/text"))?;
    file.seek(SeekFrom::End(-9))?;
    let mut end = String::new();
    file.read_to_string(&mut end)?;
    println!("end {:?}, size {}", end, file.metadata()?.len());
    file.set_len(6)?;
    println!("copied {}", fs::copy(folder.join("a/text"), folder.join("copy"))?);
    println!("contents {:?}", fs::read_to_string(folder.join("copy"))?);
    let mut names: Vec<_> = fs::read_dir(folder.join("a"))?.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    println!("names {:?}", names);
    println!("error {:?}", fs::File::open(folder.join("none")).unwrap_err().kind());
    fs::remove_dir_all(&folder)?;
    println!("removed {}", !folder.exists());
    Ok(())
}

fn main() {
    arguments();
    channels();
    locks();
    threads();
    clocks();
    files().unwrap();
    println!("more than one CPU or one: {}", thread::available_parallelism().is_ok());
    process::exit(7);
}
