//! Which number does an element or attribute name have?
//!
//! Names are interned, so that comparing a name is comparing an integer. The names that a CIB is
//! made of have fixed numbers, the same in every document ([`names`](self) constants); any other
//! name gets the next free number of its document.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// The number of an element or attribute name. Constants of this module hold in every document;
/// other values only in the document that gave them out (and its clones).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name(pub(super) u32);

impl Name {
    /// The number, to index tables with.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

macro_rules! well_known {
    ($($ident:ident = $text:literal,)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[repr(u32)]
        enum Number { $($ident),* }
        $(
            #[doc = concat!("`", $text, "`")]
            pub const $ident: Name = Name(Number::$ident as u32);
        )*
        const WELL_KNOWN: &[&str] = &[$($text),*];
    };
}

well_known! {
    // Elements of the configuration.
    CIB = "cib",
    CONFIGURATION = "configuration",
    CRM_CONFIG = "crm_config",
    CLUSTER_PROPERTY_SET = "cluster_property_set",
    NODES = "nodes",
    NODE = "node",
    RESOURCES = "resources",
    PRIMITIVE = "primitive",
    GROUP = "group",
    CLONE = "clone",
    MASTER = "master",
    BUNDLE = "bundle",
    TEMPLATE = "template",
    OPERATIONS = "operations",
    OP = "op",
    META_ATTRIBUTES = "meta_attributes",
    INSTANCE_ATTRIBUTES = "instance_attributes",
    UTILIZATION = "utilization",
    NVPAIR = "nvpair",
    RULE = "rule",
    EXPRESSION = "expression",
    DATE_EXPRESSION = "date_expression",
    DATE_SPEC = "date_spec",
    DURATION = "duration",
    RSC_EXPRESSION = "rsc_expression",
    OP_EXPRESSION = "op_expression",
    RSC_DEFAULTS = "rsc_defaults",
    OP_DEFAULTS = "op_defaults",
    CONSTRAINTS = "constraints",
    RSC_LOCATION = "rsc_location",
    RSC_COLOCATION = "rsc_colocation",
    RSC_ORDER = "rsc_order",
    RSC_TICKET = "rsc_ticket",
    RESOURCE_SET = "resource_set",
    RESOURCE_REF = "resource_ref",
    LIFETIME = "lifetime",
    FENCING_TOPOLOGY = "fencing-topology",
    FENCING_LEVEL = "fencing-level",
    TAGS = "tags",
    TAG = "tag",
    OBJ_REF = "obj_ref",
    DOCKER = "docker",
    PODMAN = "podman",
    RKT = "rkt",
    STORAGE = "storage",
    STORAGE_MAPPING = "storage-mapping",
    PORT_MAPPING = "port-mapping",
    ALERTS = "alerts",
    ALERT = "alert",
    RECIPIENT = "recipient",
    SELECT = "select",
    SELECT_ATTRIBUTES = "select_attributes",
    SELECT_FENCING = "select_fencing",
    SELECT_NODES = "select_nodes",
    SELECT_RESOURCES = "select_resources",
    ACLS = "acls",
    ACL_ROLE = "acl_role",
    ACL_TARGET = "acl_target",
    ACL_GROUP = "acl_group",
    ACL_USER = "acl_user",
    ACL_PERMISSION = "acl_permission",
    ROLE_REF = "role_ref",
    READ = "read",
    WRITE = "write",
    DENY = "deny",
    // Elements of the status.
    STATUS = "status",
    NODE_STATE = "node_state",
    TRANSIENT_ATTRIBUTES = "transient_attributes",
    LRM = "lrm",
    LRM_RESOURCES = "lrm_resources",
    LRM_RESOURCE = "lrm_resource",
    LRM_RSC_OP = "lrm_rsc_op",
    TICKETS = "tickets",
    TICKET_STATE = "ticket_state",
    INSTANCE = "instance",
    // Attributes of several elements.
    ID = "id",
    ID_REF = "id-ref",
    NAME = "name",
    VALUE = "value",
    TYPE = "type",
    CLASS = "class",
    PROVIDER = "provider",
    DESCRIPTION = "description",
    SCORE = "score",
    ROLE = "role",
    ACTION = "action",
    ATTRIBUTE = "attribute",
    OPERATION = "operation",
    INTERVAL = "interval",
    TIMEOUT = "timeout",
    START = "start",
    END = "end",
    ENABLED = "enabled",
    // Attributes of `cib`.
    VALIDATE_WITH = "validate-with",
    CRM_FEATURE_SET = "crm_feature_set",
    EPOCH = "epoch",
    NUM_UPDATES = "num_updates",
    ADMIN_EPOCH = "admin_epoch",
    HAVE_QUORUM = "have-quorum",
    NO_QUORUM_PANIC = "no-quorum-panic",
    DC_UUID = "dc-uuid",
    EXECUTION_DATE = "execution-date",
    CIB_LAST_WRITTEN = "cib-last-written",
    UPDATE_ORIGIN = "update-origin",
    UPDATE_CLIENT = "update-client",
    UPDATE_USER = "update-user",
    REMOTE_TLS_PORT = "remote-tls-port",
    REMOTE_CLEAR_PORT = "remote-clear-port",
    // Attributes of operations.
    START_DELAY = "start-delay",
    INTERVAL_ORIGIN = "interval-origin",
    RECORD_PENDING = "record-pending",
    ON_FAIL = "on-fail",
    REQUIRES = "requires",
    ROLE_AFTER_FAILURE = "role_after_failure",
    CAN_FAIL = "can_fail",
    // Attributes of rules.
    BOOLEAN_OP = "boolean-op",
    SCORE_ATTRIBUTE = "score-attribute",
    SCORE_ATTRIBUTE_MANGLE = "score-attribute-mangle",
    VALUE_SOURCE = "value-source",
    YEARS = "years",
    MONTHS = "months",
    WEEKS = "weeks",
    DAYS = "days",
    HOURS = "hours",
    MINUTES = "minutes",
    SECONDS = "seconds",
    MONTHDAYS = "monthdays",
    WEEKDAYS = "weekdays",
    YEARDAYS = "yeardays",
    YEARSDAYS = "yearsdays",
    WEEKYEARS = "weekyears",
    MOON = "moon",
    // Attributes of constraints.
    RSC = "rsc",
    RSC_PATTERN = "rsc-pattern",
    RSC_ROLE = "rsc-role",
    WITH_RSC = "with-rsc",
    WITH_RSC_ROLE = "with-rsc-role",
    NODE_ATTRIBUTE = "node-attribute",
    INFLUENCE = "influence",
    RESOURCE_DISCOVERY = "resource-discovery",
    FIRST = "first",
    THEN = "then",
    FIRST_ACTION = "first-action",
    THEN_ACTION = "then-action",
    SYMMETRICAL = "symmetrical",
    KIND = "kind",
    SEQUENTIAL = "sequential",
    REQUIRE_ALL = "require-all",
    ORDERING = "ordering",
    TICKET = "ticket",
    LOSS_POLICY = "loss-policy",
    RESTART_TYPE = "restart-type",
    // Attributes of fencing levels.
    INDEX = "index",
    DEVICES = "devices",
    TARGET = "target",
    TARGET_PATTERN = "target-pattern",
    TARGET_ATTRIBUTE = "target-attribute",
    TARGET_VALUE = "target-value",
    // Attributes of bundles.
    IMAGE = "image",
    REPLICAS = "replicas",
    REPLICAS_PER_HOST = "replicas-per-host",
    PROMOTED_MAX = "promoted-max",
    MASTERS = "masters",
    RUN_COMMAND = "run-command",
    NETWORK = "network",
    OPTIONS = "options",
    IP_RANGE_START = "ip-range-start",
    CONTROL_PORT = "control-port",
    HOST_INTERFACE = "host-interface",
    HOST_NETMASK = "host-netmask",
    ADD_HOST = "add-host",
    PORT = "port",
    INTERNAL_PORT = "internal-port",
    RANGE = "range",
    SOURCE_DIR = "source-dir",
    SOURCE_DIR_ROOT = "source-dir-root",
    TARGET_DIR = "target-dir",
    // Attributes of nodes and of their state.
    UNAME = "uname",
    IN_CCM = "in_ccm",
    CRMD = "crmd",
    CRM_DEBUG_ORIGIN = "crm-debug-origin",
    JOIN = "join",
    EXPECTED = "expected",
    SHUTDOWN = "shutdown",
    CLEAR_SHUTDOWN = "clear_shutdown",
    NODE_FENCED = "node_fenced",
    NODE_IN_MAINTENANCE = "node_in_maintenance",
    REMOTE_NODE = "remote_node",
    CONNECTION_HOST = "connection_host",
    SHUTDOWN_LOCK = "shutdown-lock",
    CONTAINER = "container",
    GRANTED = "granted",
    STANDBY = "standby",
    LAST_GRANTED = "last-granted",
    // Attributes of the operation history.
    OPERATION_KEY = "operation_key",
    TRANSITION_KEY = "transition-key",
    TRANSITION_MAGIC = "transition-magic",
    EXIT_REASON = "exit-reason",
    ON_NODE = "on_node",
    CALL_ID = "call-id",
    RC_CODE = "rc-code",
    OP_STATUS = "op-status",
    LAST_RUN = "last-run",
    LAST_RC_CHANGE = "last-rc-change",
    EXEC_TIME = "exec-time",
    QUEUE_TIME = "queue-time",
    OP_DIGEST = "op-digest",
    OP_FORCE_RESTART = "op-force-restart",
    OP_RESTART_DIGEST = "op-restart-digest",
    OP_SECURE_PARAMS = "op-secure-params",
    OP_SECURE_DIGEST = "op-secure-digest",
    MIGRATE_SOURCE = "migrate_source",
    MIGRATE_TARGET = "migrate_target",
    // Attributes of tags, access rules and alerts.
    OBJECT_TYPE = "object-type",
    REFERENCE = "reference",
    REF = "ref",
    XPATH = "xpath",
    PATH = "path",
}

/// The interner of one document.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// Names that are not well known, by number minus `WELL_KNOWN.len()`.
    extra: Vec<Arc<str>>,
    numbers: BTreeMap<Arc<str>, u32>,
}

impl Names {
    pub(super) fn text(&self, name: Name) -> &str {
        let number = name.0 as usize;
        match WELL_KNOWN.get(number) {
            Some(text) => text,
            None => &self.extra[number - WELL_KNOWN.len()],
        }
    }

    pub(super) fn find(&self, text: &str) -> Option<Name> {
        WELL_KNOWN_NUMBERS
            .find(text)
            .or_else(|| self.numbers.get(text).copied().map(Name))
    }

    pub(super) fn intern(&mut self, text: &str) -> Name {
        if let Some(name) = self.find(text) {
            return name;
        }
        // A document has fewer than 2^32 bytes, so it has fewer names than that.
        let number = (WELL_KNOWN.len() + self.extra.len()) as u32;
        let text: Arc<str> = text.into();
        self.extra.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        Name(number)
    }

    /// How many numbers have been given out.
    pub(super) fn len(&self) -> usize {
        WELL_KNOWN.len() + self.extra.len()
    }
}

/// Number of a well-known name: an open-addressed table over its ends and its length, because
/// almost every name of a CIB is looked up here, once for each attribute.
struct WellKnownNumbers {
    slots: Vec<u16>,
}

const EMPTY: u16 = u16::MAX;
const SLOTS: usize = 1024;
static WELL_KNOWN_NUMBERS: LazyLock<WellKnownNumbers> = LazyLock::new(WellKnownNumbers::new);

impl WellKnownNumbers {
    fn new() -> Self {
        let mut slots = vec![EMPTY; SLOTS];
        for (number, text) in WELL_KNOWN.iter().enumerate() {
            let mut slot = Self::first_slot(text.as_bytes());
            while slots[slot] != EMPTY {
                slot = (slot + 1) % SLOTS;
            }
            slots[slot] = number as u16;
        }
        Self { slots }
    }

    fn find(&self, text: &str) -> Option<Name> {
        let mut slot = Self::first_slot(text.as_bytes());
        loop {
            let number = self.slots[slot];
            if number == EMPTY {
                return None;
            }
            if WELL_KNOWN[number as usize] == text {
                return Some(Name(u32::from(number)));
            }
            slot = (slot + 1) % SLOTS;
        }
    }

    fn first_slot(text: &[u8]) -> usize {
        let word = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0u64, |word, &byte| word << 8 | u64::from(byte))
        };
        let (head, tail) = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
            (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
            _ => (word(text), 0),
        };
        let mixed =
            (head ^ tail.rotate_left(23) ^ text.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 40) as usize % SLOTS
    }
}
