//! The deterministic policy engine.
