//! How does a node fence itself? By a watchdog: a device that resets the machine unless it is written
//! to all the time.
//!
//! It is armed when quorum is lost and there is something to stop, not before: a controller that
//! crashes while the others have a quorum must not take its node's services with it. While the node
//! stops its resources the watchdog is written to; it is disarmed when all have stopped or there is a
//! quorum again. If they cannot be stopped it is not written to any more. The core's own thread
//! does all this, so that a core that hangs meanwhile ends in a reset as well.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::controller::WithoutQuorum;

#[cfg(test)]
mod tests;

/// Any byte but the magic one says "not yet".
const ALIVE: &[u8] = b"\0";
/// Written before closing, it says that closing is meant.
const MAGIC_CLOSE: &[u8] = b"V";

/// A watchdog device, or a file that stands in for one.
#[derive(Debug)]
pub(super) struct Watchdog {
    path: PathBuf,
    /// While it is armed.
    device: Option<File>,
    /// Never written to again.
    let_go: bool,
}

impl Watchdog {
    /// Not armed yet.
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            device: None,
            let_go: false,
        }
    }

    /// Does what the fate of the node asks for.
    ///
    /// # Errors
    /// If the device cannot be opened or written to.
    pub(super) fn take(&mut self, fate: &WithoutQuorum) -> io::Result<()> {
        match fate {
            WithoutQuorum::Acts(0) => Ok(()),
            WithoutQuorum::Acts(_) => self.arm(),
            WithoutQuorum::FenceSelf(_) => {
                self.let_go = true;
                // A policy that is to fence comes without anything to stop first.
                self.arm()
            }
            WithoutQuorum::Done | WithoutQuorum::Regained => self.disarm(),
        }
    }

    fn arm(&mut self) -> io::Result<()> {
        if self.device.is_none() {
            self.device = Some(File::options().write(true).open(&self.path)?);
        }
        Ok(())
    }

    /// Puts the reset off, unless it is what is wanted.
    ///
    /// # Errors
    /// If the device cannot be written to.
    pub(super) fn put_off(&mut self) -> io::Result<()> {
        match &mut self.device {
            Some(device) if !self.let_go => device.write_all(ALIVE),
            _ => Ok(()),
        }
    }

    /// A node that was let go is not taken back: something on it would not stop.
    fn disarm(&mut self) -> io::Result<()> {
        match self.device.take_if(|_| !self.let_go) {
            Some(mut device) => device.write_all(MAGIC_CLOSE),
            None => Ok(()),
        }
    }
}
