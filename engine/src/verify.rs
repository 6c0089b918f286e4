//! Is a CIB fit to be run? `crm_verify`'s behaviour as a function.
//!
//! The document must follow the rules of the schema that it names, must be upgradable, and
//! planning for it must find nothing to complain about in the configuration. A document without
//! status is only read, because there is nothing to plan for.

use std::collections::BTreeSet;

use crate::config::ResolveError;
use crate::parse::{Document, Position, names};
use crate::schema::{self, Version, Violation};
use crate::time::Timestamp;
use crate::{Cluster, Diagnostic, PlanError, Severity, Subject, constraint};

/// How much there has to be said about it to be worth a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Importance {
    /// In any case.
    Always,
    /// To who asks for reasons.
    Reason,
    /// To who wants to know everything.
    Detail,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How serious it is; none: only to be noted.
    pub severity: Option<Severity>,
    /// Who should read it.
    pub importance: Importance,
    /// Where in the source text; none if the text has no such place.
    pub position: Option<Position>,
    /// What it is, one sentence.
    pub message: String,
}

/// What verification has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Everything, in the order found, nothing twice.
    pub findings: Vec<Finding>,
    /// Something is wrong: it must be mended.
    pub errors: bool,
    /// Something is not as it should be: somebody must judge that.
    pub warnings: bool,
    /// The document is not a CIB, so that nothing can be said about it.
    pub no_cib: bool,
}

impl Verification {
    /// Nothing is to be mended or judged.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        !self.errors && !self.warnings && !self.no_cib
    }
}

/// Verifies a CIB, which becomes its newest version on the way (if it can).
#[must_use]
pub fn verify(cib: &mut Document, now: Timestamp) -> Verification {
    let mut verifier = Verifier::default();
    verifier.run(cib, now);
    if verifier.result.errors {
        let message = "CIB did not pass schema validation";
        verifier.find(cib, &Diagnostic::error(cib.root(), message));
    }
    verifier.result
}

#[derive(Default)]
struct Verifier {
    result: Verification,
    /// What was said about which place.
    said: BTreeSet<(Option<(u32, u32)>, String)>,
    said_once: BTreeSet<&'static str>,
}

impl Verifier {
    fn run(&mut self, cib: &mut Document, now: Timestamp) {
        let root = cib.root();
        if !cib.is(root, names::CIB) {
            let message = format!(
                "Input is not a CIB (outermost element is {} not cib)",
                cib.name(root)
            );
            self.note(None, cib.position(root), message);
            self.result.no_cib = true;
            return;
        }
        let has_status = cib.child_by(root, names::STATUS).is_some();
        if self.check_schema(cib).is_none() {
            return;
        }
        match Cluster::read(cib, now) {
            Ok(cluster) => self.plan(&cluster, cib, now, has_status),
            Err(PlanError::Config(ResolveError::FeatureSet { found, supported })) => {
                let message = format!(
                    "Can't process CIB with feature set '{found}' greater than our own \
                     '{supported}'"
                );
                let message = Diagnostic::error(root, message);
                self.find(cib, &message.at(names::CRM_FEATURE_SET));
            }
        }
    }

    /// Validates a document against the schema that it names, and upgrades it. None if it is not
    /// valid.
    fn check_schema(&mut self, cib: &mut Document) -> Option<()> {
        let root = cib.root();
        let found = cib.attr_by(root, names::VALIDATE_WITH);
        if found == Some("none") {
            let message = "Support for validate-with='none' is deprecated and will be removed in \
                           a future release without the possibility of upgrades (manually edit to \
                           use a supported schema)";
            let message = Diagnostic::warning(root, message).at(names::VALIDATE_WITH);
            self.find(cib, &message);
        } else {
            let Some(version) = found.and_then(Version::from_name) else {
                let which = if found.is_none() {
                    "missing"
                } else {
                    "unknown"
                };
                let message = format!(
                    "Cannot validate CIB with {which} validate-with (manually edit to use a known \
                     schema)"
                );
                self.find(
                    cib,
                    &Diagnostic::error(root, message).at(names::VALIDATE_WITH),
                );
                return None;
            };
            if let Err(violation) = schema::validate(cib, version) {
                self.violation(&violation);
                return None;
            }
        }
        let position = cib.attr_position(root, names::VALIDATE_WITH);
        match schema::upgrade(cib) {
            Ok(upgraded) => {
                for note in upgraded.notes {
                    self.note(None, position, note);
                }
                Some(())
            }
            Err(error) => {
                self.note(None, position, error.to_string());
                if let Some(violation) = error.violation() {
                    self.violation(violation);
                }
                let message = format!(
                    "The cluster will NOT be able to use this configuration.\nPlease manually \
                     update the configuration to conform to the {} syntax.",
                    Version::LATEST.name()
                );
                self.note(None, position, message);
                self.result.errors = true;
                None
            }
        }
    }

    fn plan(&mut self, cluster: &Cluster, cib: &Document, now: Timestamp, has_status: bool) {
        if has_status {
            // Passes after reading always have a result.
            if let Ok(plan) = cluster.plan(cib, now) {
                self.find_all(cib, &plan.diagnostics);
            }
            return;
        }
        let constraints = constraint::unpack(cib, &cluster.config, &cluster.state, now);
        self.find_all(cib, &cluster.config.diagnostics);
        self.find_all(cib, &cluster.state.diagnostics);
        self.find_all(cib, &constraints.diagnostics);
    }

    fn violation(&mut self, violation: &Violation) {
        let message = format!(
            "{}: {} ({})",
            violation.element_text,
            violation.problem,
            violation.problem.hint()
        );
        self.note(Some(Severity::Error), violation.position, message);
        self.result.errors = true;
    }

    /// Notes something that everybody should see.
    fn note(&mut self, severity: Option<Severity>, position: Option<Position>, message: String) {
        self.result.findings.push(Finding {
            severity,
            importance: Importance::Always,
            position,
            message,
        });
    }

    fn find_all(&mut self, cib: &Document, diagnostics: &[Diagnostic]) {
        for diagnostic in diagnostics {
            self.find(cib, diagnostic);
        }
    }

    fn find(&mut self, cib: &Document, diagnostic: &Diagnostic) {
        let about_configuration = diagnostic.subject == Subject::Configuration;
        match diagnostic.severity {
            Severity::Error => self.result.errors |= about_configuration,
            Severity::Warning => self.result.warnings |= about_configuration,
            Severity::Notice => return,
        }
        if diagnostic
            .once
            .is_some_and(|key| !self.said_once.insert(key))
        {
            return;
        }
        let position = diagnostic.position(cib);
        let place = position.map(|position| (position.line, position.column));
        if !self.said.insert((place, diagnostic.message.clone())) {
            return;
        }
        let importance = if about_configuration || diagnostic.severity == Severity::Error {
            Importance::Reason
        } else {
            Importance::Detail
        };
        self.result.findings.push(Finding {
            severity: Some(diagnostic.severity),
            importance,
            position,
            message: diagnostic.message.clone(),
        });
    }
}
