//! Does the program bring its libraries along, where the machine that built it has them as archives?

/// What an ELF program's headers say: the kinds of its parts.
fn parts(program: &[u8]) -> Vec<u32> {
    let number = |at: usize, bytes: usize| {
        let field = &program[at..at + bytes];
        field
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let (first, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    let places = (0..count).map(|part| first + part * size);
    places.map(|place| number(place, 4) as u32).collect()
}

#[test]
fn the_program_needs_no_library_of_the_host() {
    /// `PT_INTERP`: a part that names the program that loads libraries.
    const INTERPRETER: u32 = 3;
    let Some(how) = option_env!("LOCKSTEP_LINKED_IN") else {
        println!("SKIPPED: the C library's archive is not here, or not wanted");
        return;
    };
    let program = std::fs::read(env!("CARGO_BIN_EXE_lockstep")).expect("the program");
    if !program.starts_with(b"\x7fELF\x02\x01") {
        println!("SKIPPED: only programs of 64 bits, lowest byte first, are read");
        return;
    }
    let parts = parts(&program);
    assert!(
        parts.len() > 3 && !parts.contains(&INTERPRETER),
        "{parts:?}"
    );
    // At an address that is known while it is linked (ET_EXEC), or at any (ET_DYN).
    let kind = if how == "pie" { 3 } else { 2 };
    assert_eq!(program[16], kind);
}
