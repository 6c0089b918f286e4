//! The `lockstep` binary: everything is in the library, so that tests and the testbed can use it.

fn main() -> std::process::ExitCode {
    lockstep_node::cli::main()
}
