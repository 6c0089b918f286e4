//! How does a host's disk fail, and how does its clock go wrong, for the programs of ours on it?
//!
//! A library that is loaded in front of the C library (`levers.c`, made by the machine's C compiler) does
//! what a page says that the testbed writes and the library maps: one a host. There is no device mapper
//! everywhere, and no clock of a host's own in any kernel; what a process is told when it asks is what
//! counts for it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::system::{find, run};

/// The library, where hosts see it.
pub const LIBRARY: &str = "/testbed/bin/levers.so";
/// "Input/output error", as Linux numbers it.
pub const EIO: i64 = 5;

/// What is wrong with a host; nothing by default. The same layout as in `levers.c`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levers {
    /// Its date is ahead by so many milliseconds.
    pub clock_ms: i64,
    /// Writes fail with this error, if not 0.
    pub write_errno: i64,
    /// Syncs fail with this error, if not 0, and sync nothing.
    pub sync_errno: i64,
    /// Syncs take longer by so many milliseconds.
    pub slow_ms: i64,
    /// The next write is cut off, and who writes dies.
    pub tears: bool,
    /// Syncs succeed and sync nothing.
    pub lies: bool,
    /// Syncs succeed at once, and sync so many milliseconds later.
    pub late_ms: i64,
}

impl Levers {
    /// Both: what is always wrong with a host, and what is for a while.
    #[must_use]
    pub fn and(self, planted: Self) -> Self {
        Self {
            clock_ms: self.clock_ms + planted.clock_ms,
            lies: self.lies || planted.lies,
            late_ms: self.late_ms.max(planted.late_ms),
            ..self
        }
    }

    fn page(self) -> [u8; 56] {
        let Self {
            clock_ms,
            write_errno,
            sync_errno,
            slow_ms,
            tears,
            lies,
            late_ms,
        } = self;
        let fields = [
            clock_ms,
            write_errno,
            sync_errno,
            slow_ms,
            tears.into(),
            lies.into(),
            late_ms,
        ];
        let mut page = [0; 56];
        for (place, field) in page.chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_ne_bytes());
        }
        page
    }
}

/// The page of one host.
#[derive(Debug)]
pub struct Page(File);

impl Page {
    /// A page on which nothing is wrong.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new(shared: &Path, host: &str) -> io::Result<Self> {
        let page = Self(File::create(shared.join("levers").join(host))?);
        page.set(Levers::default())?;
        Ok(page)
    }

    /// From now on this is wrong, and nothing else.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn set(&self, levers: Levers) -> io::Result<()> {
        self.0.write_all_at(&levers.page(), 0)
    }
}

/// Why disks and clocks are as they are where there are no levers.
pub const WITHOUT: &str =
    "there is no C compiler, or what hosts run has the C library linked in (see LOCKSTEP_LINK)";

/// Whether a library can be loaded in front of a program: it names an interpreter, which loads those that
/// it needs.
///
/// # Errors
/// If the file cannot be read.
pub fn reach(program: &Path) -> io::Result<bool> {
    /// `PT_INTERP` of ELF's program headers.
    const INTERPRETER: u32 = 3;
    let file = File::open(program)?;
    let mut header = [0; 64];
    file.read_exact_at(&mut header, 0)?;
    let half = |at: usize| u64::from(u16::from_ne_bytes([header[at], header[at + 1]]));
    let (size, count) = (half(54), half(56));
    let mut place = [0; 8];
    place.copy_from_slice(&header[32..40]);
    let first = u64::from_ne_bytes(place);
    for number in 0..count {
        let mut kind = [0; 4];
        file.read_exact_at(&mut kind, first.saturating_add(number * size))?;
        if u32::from_ne_bytes(kind) == INTERPRETER {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes the library, if there is a C compiler; says whether there is.
///
/// # Errors
/// If the compiler fails.
pub fn make(shared: &Path) -> io::Result<bool> {
    std::fs::create_dir_all(shared.join("levers"))?;
    let Some(compiler) = find("cc") else {
        return Ok(false);
    };
    let (source, library) = (shared.join("levers.c"), shared.join("bin/levers.so"));
    std::fs::write(&source, include_str!("levers.c"))?;
    run(&[
        compiler.as_os_str(),
        "-O2".as_ref(),
        "-shared".as_ref(),
        "-pthread".as_ref(),
        "-fPIC".as_ref(),
        "-o".as_ref(),
        library.as_os_str(),
        source.as_os_str(),
        "-ldl".as_ref(),
    ])?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{EIO, Levers, Page, make, reach};

    #[test]
    fn a_page_has_its_fields_where_the_library_reads_them() {
        let levers = Levers {
            clock_ms: -2,
            write_errno: EIO,
            tears: true,
            ..Levers::default()
        };
        let page = levers.page();
        assert_eq!(page[..8], (-2_i64).to_ne_bytes());
        assert_eq!(page[8..16], EIO.to_ne_bytes());
        assert_eq!(page[32..40], 1_i64.to_ne_bytes());
        assert_eq!(page[40..], [0; 16]);
        assert_eq!(Levers::default().page(), [0; 56]);
    }

    #[test]
    fn levers_reach_what_loads_libraries() {
        let this = std::env::current_exe().expect("this test");
        assert!(reach(&this).expect("a program"));
        let folder = tempfile::tempdir().expect("a folder");
        let text = folder.path().join("text");
        std::fs::write(&text, "no program").expect("written");
        reach(&text).expect_err("it has no headers");
        // A program with one header, of a kind that is no interpreter.
        let mut program = vec![0_u8; 120];
        program[32..40].copy_from_slice(&64_u64.to_ne_bytes());
        program[54..56].copy_from_slice(&56_u16.to_ne_bytes());
        program[56..58].copy_from_slice(&1_u16.to_ne_bytes());
        program[64..68].copy_from_slice(&1_u32.to_ne_bytes());
        std::fs::write(&text, &program).expect("written");
        assert!(!reach(&text).expect("a program"));
        program[64..68].copy_from_slice(&3_u32.to_ne_bytes());
        std::fs::write(&text, &program).expect("written");
        assert!(reach(&text).expect("a program"));
    }

    #[test]
    fn the_library_can_be_loaded_and_a_page_be_set_again_and_again() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("bin")).expect("a folder in it");
        if !make(folder.path()).expect("it compiles") {
            println!("SKIPPED: there is no C compiler");
            return;
        }
        let page = Page::new(folder.path(), "n1").expect("a page");
        for slow_ms in [5, 0] {
            let levers = Levers {
                slow_ms,
                ..Levers::default()
            };
            page.set(levers).expect("it is written");
            let read = std::fs::read(folder.path().join("levers/n1")).expect("it is there");
            assert_eq!(read, levers.page());
        }
        // In front of a program that knows nothing of it, and on a machine that has no page.
        let date = Command::new("date")
            .env("LD_PRELOAD", folder.path().join("bin/levers.so"))
            .output()
            .expect("it runs");
        assert!(date.status.success() && date.stderr.is_empty());
    }
}
