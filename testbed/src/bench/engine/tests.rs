//! Do the tables say what was measured, and for how long is a file read?

use std::cell::RefCell;
use std::process::ExitCode;

use super::*;

fn cost(ms: u64) -> Cost {
    Cost {
        wall_us: ms * 1000,
        cpu_us: ms * 500,
        peak_kib: ms * 1024,
    }
}

/// The line of the table for one work.
fn line(engine: Cost, peer: Option<Run>) -> String {
    let told = RefCell::new(Vec::new());
    let settings = Settings {
        peer: "peer".into(),
        program: None,
        cases: None,
        quick: true,
        large: false,
    };
    let bench = Bench {
        settings: &settings,
        print: &|line| told.borrow_mut().push(line.to_owned()),
        program: String::new(),
        this: String::new(),
        peer: String::new(),
        cib: PathBuf::new(),
    };
    bench.work("a cluster", engine, peer);
    told.take().concat()
}

#[test]
fn a_line_has_both_sides_and_how_often_one_goes_into_the_other() {
    let words = |line: String| {
        let words = line.split_whitespace().map(str::to_owned);
        words.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        words(line(cost(20), Some(Run::Done(cost(1_500))))),
        "a cluster 20.0 ms 10.0 ms 20 MiB 1.50 s 750.0 ms 1500 MiB 75× 75×"
    );
    assert_eq!(
        words(line(cost(20), None)),
        "a cluster 20.0 ms 10.0 ms 20 MiB"
    );
}

#[test]
fn a_peer_that_does_not_end_or_fails_is_told_and_no_ratio() {
    assert!(line(cost(1), Some(Run::TimedOut)).ends_with("not in time"));
    assert!(line(cost(1), Some(Run::Failed)).ends_with("failed"));
    // What took no time that the kernel counts.
    assert_eq!(ratio(5, 0), 5.0);
}

#[test]
fn reading_a_file_succeeds_if_it_is_xml() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let read = |content: &str| {
        let file = folder.path().join("cib.xml");
        fs::write(&file, content).expect("written");
        parse_only(std::iter::once(text(&file)))
    };
    assert_eq!(read("<cib/>").expect("it is XML"), ExitCode::SUCCESS);
    let error = read("<cib").expect_err("it is not");
    assert!(error.to_string().contains("line 1"), "{error}");
    parse_only(std::iter::empty()).expect_err("no file is given");
}
