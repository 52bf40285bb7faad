//! Starts each function's binary against a small runtime API and reports size, start to first poll,
//! and resident memory there, as ratios to a bare hello in the same run. Arguments: the hello's
//! path, then the functions' paths.

#![expect(clippy::expect_used, reason = "a measurement that cannot go on fails, and says where")]

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How often each binary is started.
const STARTS: usize = 15;

/// What was measured of one binary, medians.
struct Start {
    name: String,
    megabytes: f64,
    first_poll_ms: f64,
    resident_mb: f64,
}

fn main() {
    let paths: Vec<String> = env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if paths.len() < 2 {
        println!("usage: start HELLO FUNCTION…");
        return;
    }
    let starts: Vec<Start> = paths.iter().map(|path| measure(path)).collect();
    let hello = &starts[0];
    let heads = ["function", "MB", "first poll ms", "× hello", "resident MB"];
    let [name, megabytes, poll, ratio, resident] = heads;
    println!("{name:<10} {megabytes:>9} {poll:>14} {ratio:>8} {resident:>12}");
    for start in &starts {
        let Start { name, megabytes, first_poll_ms, resident_mb } = start;
        let ratio = first_poll_ms / hello.first_poll_ms;
        println!(
            "{name:<10} {megabytes:>9.2} {first_poll_ms:>14.2} {ratio:>8.2} {resident_mb:>12.1}"
        );
    }
}

fn measure(path: &str) -> Start {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
    let (mut polls, mut residents) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let (poll, resident) = start_once(path, &listener);
        polls.push(poll.as_secs_f64() * 1e3);
        residents.push(resident);
    }
    let file = path.rsplit('/').next().unwrap_or(path);
    Start {
        name: file.split('-').next().unwrap_or(file).to_owned(),
        megabytes: fs::metadata(path).map_or(0.0, |file| file.len() as f64 / 1e6),
        first_poll_ms: median(&mut polls),
        resident_mb: median(&mut residents),
    }
}

/// Starts a binary, waits for its first poll, reads its memory there, and ends it.
fn start_once(path: &str, listener: &TcpListener) -> (Duration, f64) {
    let address = listener.local_addr().expect("a bound listener").to_string();
    let begun = Instant::now();
    let mut child = spawn(path, &address);
    let (stream, _) = listener.accept().expect("the function polls");
    let elapsed = loop {
        if next_is_polled(&stream) {
            break begun.elapsed();
        }
    };
    let resident = resident_mb(child.id());
    let _ = child.kill();
    let _ = child.wait();
    (elapsed, resident)
}

fn spawn(path: &str, address: &str) -> Child {
    let set = [
        ("AWS_LAMBDA_RUNTIME_API", address),
        ("AWS_LAMBDA_FUNCTION_NAME", "function"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "group"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "none"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
        ("TABLE", "handoff"),
    ];
    Command::new(path)
        .envs(set)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts")
}

/// Reads one request; true when it asks for the next invocation.
fn next_is_polled(stream: &TcpStream) -> bool {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    let read = reader.read_line(&mut line).unwrap_or(0);
    assert!(read > 0, "the function hung up before its first poll");
    if line.contains("/invocation/next") {
        return true;
    }
    let mut header = String::new();
    while reader.read_line(&mut header).unwrap_or(0) > 2 {
        header.clear();
    }
    let mut writer = stream;
    let _ = writer.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
    false
}

fn resident_mb(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) / 1024.0
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
