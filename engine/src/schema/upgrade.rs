//! How does a CIB of an older version become one of the latest?

use super::validate::{Validator, Violation};
use super::version::Version;
use super::{to_2_0, to_3_0, to_4_0};
use crate::parse::{Document, Position, names};

/// What upgrading did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Upgrade {
    /// The version that the document said it has; none if it said that it wants no validation.
    pub from: Option<Version>,
    /// What was dropped or changed in meaning, for people.
    pub notes: Vec<String>,
}

/// Why a document cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SchemaError {
    /// The outermost element is another.
    #[error("Input is not a CIB (outermost element is {name} not cib)")]
    NotACib {
        /// Its name.
        name: String,
    },
    /// `validate-with` is missing, or names no schema.
    #[error(
        "Cannot validate CIB with {} validate-with (manually edit to use a known schema)",
        if .found.is_none() { "missing" } else { "unknown" }
    )]
    UnknownSchema {
        /// What it says.
        found: Option<String>,
        /// Where that stands.
        position: Option<Position>,
    },
    /// The document breaks the rules of its version, and of all later ones.
    #[error(
        "Cannot upgrade configuration (claiming {} schema) to at least {} because it does not \
         validate with any schema from {} to the latest",
        .claimed.name(), Version::LATEST.name(), .claimed.name()
    )]
    Invalid {
        /// The version that the document says it has.
        claimed: Version,
        /// Where it first breaks the rules of that.
        violation: Box<Violation>,
    },
    /// The document breaks the rules of the latest version, which it says it has.
    #[error("CIB did not pass schema validation")]
    InvalidLatest {
        /// Where it first does.
        violation: Box<Violation>,
    },
    /// The document could only be brought to an older version than the engine reads.
    #[error(
        "Cannot upgrade configuration (claiming {} schema) to at least {} because it would not \
         upgrade past {}",
        .claimed.name(), Version::LATEST.name(), .reached.name()
    )]
    Stuck {
        /// The version that the document says it has.
        claimed: Version,
        /// The version that it could be brought to.
        reached: Version,
        /// Where it first breaks the rules of the next.
        violation: Box<Violation>,
    },
}

impl SchemaError {
    /// The place in the document that stands in the way.
    pub fn violation(&self) -> Option<&Violation> {
        match self {
            Self::Invalid { violation, .. }
            | Self::InvalidLatest { violation }
            | Self::Stuck { violation, .. } => Some(violation),
            Self::NotACib { .. } | Self::UnknownSchema { .. } => None,
        }
    }

    /// Where in the source text that is.
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::UnknownSchema { position, .. } => *position,
            _ => self.violation().and_then(|violation| violation.position),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NotACib { .. } => "give the file that 'cibadmin --query' writes".to_owned(),
            Self::UnknownSchema { .. } => {
                format!("set validate-with=\"{}\"", Version::LATEST.name())
            }
            Self::Invalid { violation, .. }
            | Self::InvalidLatest { violation }
            | Self::Stuck { violation, .. } => violation.problem.hint().to_owned(),
        }
    }
}

/// Brings a document to the latest version. One that wants no validation stays as it is.
///
/// # Errors
/// The document is not valid, or cannot be brought there. It is unchanged then.
pub fn upgrade(document: &mut Document) -> Result<Upgrade, SchemaError> {
    let root = document.root();
    if !document.is(root, names::CIB) {
        return Err(SchemaError::NotACib {
            name: document.name(root).to_owned(),
        });
    }
    let claimed = match document.attr_by(root, names::VALIDATE_WITH) {
        Some("none") => {
            let note = "Schema validation of configuration is disabled (support for validate-with \
                        set to \"none\" is deprecated and will be removed in a future release)";
            return Ok(Upgrade {
                from: None,
                notes: vec![note.to_owned()],
            });
        }
        found => found
            .and_then(Version::from_name)
            .ok_or_else(|| SchemaError::UnknownSchema {
                found: found.map(str::to_owned),
                position: document
                    .attr_position(root, names::VALIDATE_WITH)
                    .or_else(|| document.position(root)),
            })?,
    };
    if claimed == Version::LATEST {
        let valid = super::validate(document, claimed);
        valid.map_err(|violation| SchemaError::InvalidLatest { violation })?;
        return Ok(Upgrade {
            from: Some(claimed),
            notes: Vec::new(),
        });
    }
    let mut walk = Walk {
        validator: Validator::new(claimed),
        document,
        rewritten: None,
        notes: Vec::new(),
    };
    walk.climb(claimed)?;
    let Walk {
        rewritten, notes, ..
    } = walk;
    if let Some(rewritten) = rewritten {
        *document = rewritten;
    }
    document.set_attr_by(root, names::VALIDATE_WITH, &Version::LATEST.name());
    Ok(Upgrade {
        from: Some(claimed),
        notes,
    })
}

/// A document on its way through the versions.
struct Walk<'d> {
    validator: Validator,
    document: &'d Document,
    /// What became of it.
    rewritten: Option<Document>,
    notes: Vec<String>,
}

/// Through which version a document is valid, at least.
type Validity = Result<Version, Box<Violation>>;

impl Walk<'_> {
    /// Looks for versions whose rules the document follows, from the claimed one on: an older label
    /// than the true version is forgiven. After the first, each next one must fit.
    fn climb(&mut self, claimed: Version) -> Result<(), SchemaError> {
        let mut reached = None;
        let mut first_violation = None;
        // The last version that the document is known to follow, as it is now.
        let mut fits_through = None;
        for version in Version::all().filter(|&version| version >= claimed) {
            let validity = match fits_through >= Some(version) {
                true => Ok(()),
                false => self
                    .validate(version)
                    .map(|through| fits_through = Some(through)),
            };
            match (validity, reached) {
                (Ok(()), _) => {
                    reached = Some(version);
                    fits_through = fits_through.max(self.leave(version));
                }
                (Err(violation), Some(reached)) => {
                    return Err(SchemaError::Stuck {
                        claimed,
                        reached,
                        violation,
                    });
                }
                (Err(violation), None) => {
                    first_violation.get_or_insert(violation);
                }
            }
        }
        match (reached, first_violation) {
            (None, Some(violation)) => Err(SchemaError::Invalid { claimed, violation }),
            _ => Ok(()),
        }
    }

    /// Rewrites the document where the next version needs that. If the result does not fit, it is
    /// dropped: the next version will then refuse the document as it is. Tells through which version
    /// the document then is valid, if that was looked at.
    fn leave(&mut self, version: Version) -> Option<Version> {
        type Rewrite = fn(&mut Document, &mut Vec<String>) -> Result<(), TooBig>;
        let rewrite: Rewrite = match version.number() {
            "1.3" => to_2_0::rewrite,
            "2.10" => to_3_0::rewrite,
            "3.10" => to_4_0::rewrite,
            _ => return None,
        };
        let next = version.next()?;
        if let Ok(through) = self.validate(next) {
            return Some(through);
        }
        let mut document = self.current().clone();
        let mut notes = Vec::new();
        rewrite(&mut document, &mut notes).ok()?;
        self.validator.forget();
        let through = self.validator.validate(&document).ok()?;
        self.rewritten = Some(document);
        self.notes.append(&mut notes);
        Some(through)
    }

    fn validate(&mut self, version: Version) -> Validity {
        self.validator.set_version(version);
        let document = self.rewritten.as_ref().unwrap_or(self.document);
        self.validator.validate(document)
    }

    fn current(&self) -> &Document {
        self.rewritten.as_ref().unwrap_or(self.document)
    }
}

/// Resolving references would make the document too big, or never end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TooBig;
