//! The example `manifest` from outside: its lines against those of GNU `sha256sum`, its counts, its codes.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[path = "../examples/manifest/line.rs"]
#[allow(dead_code, unreachable_pub, reason = "here for its own tests")]
mod line;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// The files of [`odd_tree`], with what is in them.
fn odd_files() -> Vec<(PathBuf, Vec<u8>)> {
    let deep: PathBuf = (0..40).map(|depth| format!("{depth:0>50}")).collect();
    let mut files = vec![
        ("plain".into(), b"plain".to_vec()),
        ("two words".into(), b"words".to_vec()),
        (" blank before".into(), b"before".to_vec()),
        ("*star".into(), b"star".to_vec()),
        ("-dash".into(), b"dash".to_vec()),
        ("--output".into(), b"option".to_vec()),
        ("new\nline".into(), b"newline".to_vec()),
        ("back\\slash".into(), b"backslash".to_vec()),
        ("carriage\rreturn".into(), b"return".to_vec()),
        ("all\\\n\rof them".into(), b"all".to_vec()),
        ("tab\tand \"quotes'".into(), b"tab".to_vec()),
        (OsStr::from_bytes(b"not \xff\xfe utf-8").into(), b"bytes".to_vec()),
        (OsStr::from_bytes(b"neither\n\xc3\x28").into(), b"more bytes".to_vec()),
        ("empty".into(), Vec::new()),
        ("large".into(), (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect()),
        // Sorted within each directory: the files of `a` come between `a` and `a.b`.
        ("a.b".into(), b"a.b".to_vec()),
        ("a/same".into(), b"the same".to_vec()),
        ("b/same".into(), b"the same".to_vec()),
        ("b/same again".into(), b"the same".to_vec()),
        ("b/two\nlines/plain too".into(), b"plain".to_vec()),
        (deep.join("at the end"), b"deep".to_vec()),
    ];
    files.extend((0..300).map(|number| (format!("many/{number}").into(), number.to_string().into_bytes())));
    // By components, which is within each directory by bytes: the order of the walk.
    files.sort();
    files
}

/// Names and kinds of files that go wrong in careless programs. Three are there to be skipped.
fn odd_tree() -> TempDir {
    let tree = TempDir::new().unwrap();
    for (name, content) in odd_files() {
        let path = tree.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    fs::create_dir(tree.path().join("empty directory")).unwrap();
    symlink("plain", tree.path().join("link to a file")).unwrap();
    symlink("..", tree.path().join("a/link to a directory, round and round")).unwrap();
    drop(UnixListener::bind(tree.path().join("socket")).unwrap());
    tree
}

/// What `sha256sum` says of all files of the [`odd_tree`].
fn expected(tree: &Path) -> Vec<u8> {
    let names = odd_files().into_iter().map(|(name, _)| Path::new(".").join(name));
    let told = Command::new("sha256sum").args(names).current_dir(tree).output().unwrap();
    assert!(told.status.success());
    told.stdout
}

fn manifest(directory: &Path) -> Command {
    // No variable tells where examples are: beside the directory of the tests. A plain `cargo test` builds them
    // first; `cargo test --test manifest` takes what is there.
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples/manifest");
    assert!(
        program.exists(),
        "{} is not there: build it with `cargo build --example manifest`",
        program.display()
    );
    let mut command = Command::new(program);
    command.current_dir(directory).stdin(Stdio::null());
    command
}

fn run<A: AsRef<OsStr>>(directory: &Path, arguments: impl IntoIterator<Item = A>) -> Output {
    manifest(directory).args(arguments).output().unwrap()
}

/// `sha256sum --check --strict`, which says nothing if every line is right.
fn check(directory: &Path, manifest: &[u8]) {
    let mut checking = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet"])
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    checking.stdin.take().unwrap().write_all(manifest).unwrap();
    let checked = checking.wait_with_output().unwrap();
    let said = [checked.stdout, checked.stderr].concat();
    assert!(checked.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

/// Whether a program is there; says so where it is not.
fn there_is(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output();
    let missing = matches!(&found, Err(error) if error.kind() == ErrorKind::NotFound);
    if missing {
        eprintln!("not tested: there is no {program} here");
    }
    !missing
}

/// The rest of the line of the summary that begins with this word.
fn summary<'a>(output: &'a Output, word: &str) -> &'a str {
    let text = str::from_utf8(&output.stderr).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(word));
    line.unwrap_or_else(|| panic!("no {word} in: {text}")).trim_start()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[test]
fn the_manifest_is_what_sha256sum_writes_whoever_hashes() {
    if !there_is("sha256sum") {
        return;
    }
    let tree = odd_tree();
    let expected = expected(tree.path());
    for workers in ["tasks", "threads", "processes"] {
        for jobs in ["1", "2", "7"] {
            let output = run(tree.path(), ["--workers", workers, "--jobs", jobs]);
            assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stderr));
            assert!(output.stdout == expected, "{}", String::from_utf8_lossy(&output.stdout));
        }
    }
    check(tree.path(), &expected);
}

#[test]
fn the_summary_counts_and_is_all_there_is_on_a_piped_error_stream() {
    let (tree, files) = (odd_tree(), odd_files());
    let output = run(tree.path(), [] as [&str; 0]);
    let bytes: usize = files.iter().map(|(_, content)| content.len()).sum();
    assert_eq!(summary(&output, "files"), files.len().to_string());
    assert!(summary(&output, "bytes").starts_with(&format!("{bytes} (")));
    // "the same" has two copies, "plain" has one.
    assert_eq!(summary(&output, "duplicates"), format!("3 in 2 groups, {} bytes wasted", 2 * 8 + 5));
    assert_eq!(summary(&output, "unreadable"), "0");
    assert_eq!(summary(&output, "skipped"), "3");
    assert!(summary(&output, "rate").contains("files/s"));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.lines().count() == 6 && !text.contains(['\r', '\x1b']), "{text:?}");
}

#[test]
fn names_begin_with_the_path_as_it_was_given() {
    let tree = TempDir::new().unwrap();
    fs::create_dir(tree.path().join("inner")).unwrap();
    fs::write(tree.path().join("inner/file"), "").unwrap();
    let absolute = tree.path().join("inner").into_os_string();
    let inner = OsString::from("inner");
    for (path, name) in [
        (inner.clone(), "inner/file".into()),
        ("inner/".into(), "inner/file".into()),
        ("./inner".into(), "./inner/file".into()),
        ("inner/../inner".into(), "inner/../inner/file".into()),
        ("inner/file".into(), "inner/file".into()),
        (absolute.clone(), Path::new(&absolute).join("file").into_os_string()),
    ] {
        let output = run(tree.path(), [path]);
        let line = String::from_utf8(output.stdout).unwrap();
        assert_eq!(line.split_once("  ").unwrap().1.trim_end(), name.to_str().unwrap());
    }
}

#[test]
fn a_link_is_not_followed_even_if_it_is_all_there_is() {
    let tree = odd_tree();
    let output = run(tree.path(), ["link to a file"]);
    assert!(code(&output) == 0 && output.stdout.is_empty());
    assert_eq!(summary(&output, "skipped"), "1");
}

/// Nobody writes into it: whoever opens it waits for ever.
#[test]
fn a_fifo_is_skipped() {
    if !there_is("mkfifo") {
        return;
    }
    let tree = TempDir::new().unwrap();
    assert!(Command::new("mkfifo").arg(tree.path().join("fifo")).status().unwrap().success());
    let output = run(tree.path(), [] as [&str; 0]);
    assert_eq!((code(&output), summary(&output, "skipped")), (0, "1"));
}

#[test]
fn what_cannot_be_read_is_reported_and_the_rest_is_there() {
    let tree = odd_tree();
    let (file, directory) = (tree.path().join("plain"), tree.path().join("b/two\nlines"));
    for path in [&file, &directory] {
        fs::set_permissions(path, Permissions::from_mode(0o000)).unwrap();
    }
    if File::open(&file).is_ok() {
        eprintln!("not tested: nothing is unreadable to this user");
        return;
    }
    let output = run(tree.path(), [] as [&str; 0]);
    fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
    assert_eq!((code(&output), summary(&output, "unreadable")), (1, "2"));
    assert_eq!(summary(&output, "files"), (odd_files().len() - 2).to_string());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("manifest: ./b/two\\nlines: Permission denied"), "{text}");
    assert!(text.contains("\nmanifest: ./plain: Permission denied"), "{text}");
}

/// A process can open its own memory, but its first page is not there to be read, not even by root.
#[test]
fn what_can_be_opened_and_not_read_is_reported() {
    let output = run(Path::new("."), ["/proc/self/mem"]);
    assert!(code(&output) == 1 && output.stdout.is_empty());
    assert_eq!(summary(&output, "unreadable"), "1");
    assert!(output.stderr.starts_with(b"manifest: /proc/self/mem: "));
}

#[test]
fn a_path_that_is_not_there_is_an_error_and_leaves_an_older_manifest_alone() {
    let tree = TempDir::new().unwrap();
    fs::write(tree.path().join("old"), "manifest").unwrap();
    let output = run(tree.path(), ["missing", "--output", "old"]);
    assert!(code(&output) == 1 && output.stdout.is_empty());
    assert!(output.stderr.starts_with(b"manifest: missing: No such file or directory"));
    assert_eq!(fs::read(tree.path().join("old")).unwrap(), b"manifest");
}

#[test]
fn wrong_usage_has_an_exit_code_of_its_own() {
    for arguments in [
        &["--jobs", "0"][..],
        &["--jobs", "1025"],
        &["--workers", "hamsters"],
        &["--unknown"],
        &["one", "two"],
    ] {
        let output = run(Path::new("."), arguments);
        assert!(code(&output) == 2 && output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_manifest_in_the_tree_does_not_list_itself() {
    let tree = odd_tree();
    let elsewhere = run(tree.path(), [] as [&str; 0]).stdout;
    let path = tree.path().join("MANIFEST");

    let output = run(tree.path(), ["--output", "MANIFEST"]);
    assert!(output.stdout.is_empty());
    assert!(fs::read(&path).unwrap() == elsewhere);
    assert_eq!(summary(&output, "skipped"), "4");

    // By another name it is the same file.
    fs::hard_link(&path, tree.path().join("a/other name")).unwrap();
    let output = manifest(tree.path()).stdout(File::create(&path).unwrap()).output().unwrap();
    assert!(fs::read(&path).unwrap() == elsewhere);
    assert_eq!(summary(&output, "skipped"), "5");
}

#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    let tree = odd_tree();
    let output = run(tree.path(), ["--output", "missing/MANIFEST"]);
    assert_eq!(code(&output), 1);
    assert!(output.stderr.starts_with(b"manifest: missing/MANIFEST: No such file or directory"));

    let output = run(tree.path(), ["--output", "/dev/full"]);
    assert_eq!(code(&output), 1);
    assert!(output.stderr.starts_with(b"manifest: the manifest cannot be written: No space left"));
}

#[test]
fn a_reader_that_goes_away_ends_it() {
    let (tree, mut running) = endless();
    drop(running.stdout.take());
    let output = running.wait_with_output().unwrap();
    assert_eq!(code(&output), 1);
    assert!(output.stderr.starts_with(b"manifest: the manifest cannot be written: Broken pipe"));
    drop(tree);
}

#[test]
fn an_interrupted_manifest_is_one_of_what_was_hashed() {
    if !there_is("sha256sum") || !there_is("kill") {
        return;
    }
    let (tree, mut running) = endless();
    let mut lines = vec![0; 1];
    running.stdout.as_mut().unwrap().read_exact(&mut lines).unwrap();
    interrupt(&running);
    running.stdout.as_mut().unwrap().read_to_end(&mut lines).unwrap();
    let output = running.wait_with_output().unwrap();
    assert_eq!(code(&output), 130);
    assert!(lines.ends_with(b"\n"));
    check(tree.path(), &lines);
    let count = lines.iter().filter(|&&byte| byte == b'\n').count();
    assert_eq!(summary(&output, "files"), count.to_string());
}

#[test]
fn a_second_interrupt_ends_it_even_if_nobody_reads() {
    if !there_is("kill") {
        return;
    }
    let (tree, mut running) = endless();
    running.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    while running.try_wait().unwrap().is_none() {
        interrupt(&running);
        // Two that come at once count as one.
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(code(&running.wait_with_output().unwrap()), 130);
    drop(tree);
}

fn interrupt(running: &Child) {
    assert!(Command::new("kill").args(["-INT", &running.id().to_string()]).status().unwrap().success());
}

/// A manifest in the making: of so many files that the first lines are written, and then of one that takes
/// long to hash, though it is one great hole and takes no room.
fn endless() -> (TempDir, Child) {
    let tree = TempDir::new().unwrap();
    for number in 0..3_000 {
        fs::write(tree.path().join(format!("{number}")), number.to_string()).unwrap();
    }
    File::create(tree.path().join("last")).unwrap().set_len(1 << 42).unwrap();
    let running = manifest(tree.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    (tree, running)
}
