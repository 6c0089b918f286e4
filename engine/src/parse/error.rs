//! Why is this text not a document, and where?

use super::Position;

/// A text that is not well-formed XML, or that is larger than allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {}, column {}: {kind}", position.line, position.column)]
pub struct ParseError {
    /// Where the fault was found.
    pub position: Position,
    /// What is wrong.
    pub kind: ErrorKind,
}

impl ParseError {
    /// Line of the fault, from 1.
    pub fn line(&self) -> u32 {
        self.position.line
    }

    /// Column of the fault in characters, from 1.
    pub fn column(&self) -> u32 {
        self.position.column
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> String {
        self.kind.to_string()
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        self.kind.hint()
    }
}

/// What can be wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each message is its documentation")]
pub enum ErrorKind {
    #[error("the text is not UTF-8 at byte offset {offset}")]
    NotUtf8 { offset: usize },
    #[error("the text declares the encoding '{name}'")]
    UnsupportedEncoding { name: String },
    #[error("the XML declaration is malformed")]
    MalformedDeclaration,
    #[error("the text is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("elements are nested more than {limit} deep")]
    TooDeep { limit: usize },
    #[error("element '{element}' has more than {limit} attributes")]
    TooManyAttributes { element: String, limit: usize },
    #[error("a name is longer than {limit} bytes")]
    NameTooLong { limit: usize },
    #[error("a value is longer than {limit} bytes")]
    ValueTooLong { limit: usize },
    #[error("there is no element")]
    Empty,
    #[error("the text ends inside {inside}")]
    UnexpectedEnd { inside: &'static str },
    #[error("element '{element}' of line {opened} is never closed")]
    Unclosed { element: String, opened: u32 },
    #[error("'</{found}>' closes element '{element}' of line {opened}")]
    MismatchedEnd {
        found: String,
        element: String,
        opened: u32,
    },
    #[error("'</{found}>' closes nothing")]
    UnmatchedEnd { found: String },
    #[error("there is a second root element")]
    SecondRoot,
    #[error("there is text outside the root element")]
    TextOutsideRoot,
    #[error("character U+{code:04X} is not allowed in XML")]
    IllegalCharacter { code: u32 },
    #[error("a name is expected here")]
    NameExpected,
    #[error("attribute '{attribute}' has no '='")]
    EqualsExpected { attribute: String },
    #[error("the value of attribute '{attribute}' is not quoted")]
    QuoteExpected { attribute: String },
    #[error("white space is missing before this attribute")]
    SpaceExpected,
    #[error("'>' is expected here")]
    TagEndExpected,
    #[error("attribute '{attribute}' is given twice")]
    DuplicateAttribute { attribute: String },
    #[error("the value of attribute '{attribute}' contains '<'")]
    LessThanInValue { attribute: String },
    #[error("the entity '&{name};' is not defined")]
    UnknownEntity { name: String },
    #[error("'&' does not begin a reference")]
    MalformedReference,
    #[error("the character reference '&{name};' is not a character of XML")]
    IllegalReference { name: String },
    #[error("']]>' stands in text")]
    CdataEndInText,
    #[error("'--' stands inside a comment")]
    MalformedComment,
    #[error("the processing instruction is malformed")]
    MalformedInstruction,
    #[error("there is a document type declaration")]
    DoctypeRefused,
    #[error("'<!' begins neither a comment nor CDATA")]
    UnknownMarkup,
    #[error("the namespace prefix '{prefix}' is not declared")]
    UnboundPrefix { prefix: String },
}

impl ErrorKind {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        use ErrorKind::*;
        match self {
            NotUtf8 { .. } | UnsupportedEncoding { .. } => {
                "save the file as UTF-8; a compressed file must be unpacked first"
            }
            MalformedDeclaration => {
                "begin the file with <?xml version=\"1.0\"?>, or leave the declaration out"
            }
            TooLarge { .. } | TooDeep { .. } | TooManyAttributes { .. } => {
                "no cluster configuration is this big: check that this is the right file"
            }
            NameTooLong { .. } | ValueTooLong { .. } => {
                "look for a missing quote before this place"
            }
            Empty => "the file is empty or holds comments only: check that this is the right file",
            UnexpectedEnd { .. } | Unclosed { .. } => {
                "the file looks cut off: copy it again, or add the missing closing tag"
            }
            MismatchedEnd { .. } | UnmatchedEnd { .. } => {
                "close every element in the order in which it was opened"
            }
            SecondRoot => "put everything inside one 'cib' element",
            TextOutsideRoot => "remove whatever stands before the first or after the last tag",
            IllegalCharacter { .. } | IllegalReference { .. } => {
                "remove the control character; XML has no way to write it"
            }
            NameExpected => "names begin with a letter or '_'; write '&lt;' for a literal '<'",
            EqualsExpected { .. } | QuoteExpected { .. } => "write attributes as name=\"value\"",
            SpaceExpected | TagEndExpected => "look for a stray or missing quote before this place",
            DuplicateAttribute { .. } => "keep one of the two",
            LessThanInValue { .. } => {
                "write '&lt;', or look for a missing quote at the end of the value"
            }
            UnknownEntity { .. } => {
                "only &lt; &gt; &amp; &quot; &apos; and character references are defined"
            }
            MalformedReference => "write '&amp;' for a literal '&'",
            CdataEndInText => "write ']]&gt;'",
            MalformedComment => "comments end at the first '--', which must be '-->'",
            MalformedInstruction => "write processing instructions as <?target text?>",
            DoctypeRefused => {
                "remove the DOCTYPE: a cluster configuration needs none, and entities are not expanded"
            }
            UnknownMarkup => "write '&lt;' for a literal '<'",
            UnboundPrefix { .. } => "remove the prefix; a cluster configuration has no namespaces",
        }
    }
}

/// A fault by byte offset; the line and column are only worked out when it is reported.
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) kind: ErrorKind,
}
