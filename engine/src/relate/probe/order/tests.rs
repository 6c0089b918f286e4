use super::*;

#[test]
fn conditions_of_an_ordering_hold_for_probes_too() {
    let ordered = Effects::ORDERED;
    for (effects, expected) in [
        (ordered, ordered),
        (ordered | Effects::FIRST_IMPLIES_THEN, ordered),
        (ordered | Effects::SAME_NODE, ordered | Effects::SAME_NODE),
        (Effects::SAME_NODE, ordered | Effects::SAME_NODE),
        (
            ordered | Effects::IF_FIRST_UNMIGRATABLE,
            ordered | Effects::IF_FIRST_UNMIGRATABLE,
        ),
        (Effects::REQUIRED_SAME_NODE, Effects::REQUIRED_SAME_NODE),
        (Effects::SAME_NODE_OR_TARGET, Effects::SAME_NODE_OR_TARGET),
        // These two count only if they are alone.
        (ordered | Effects::REQUIRED_SAME_NODE, ordered),
        (ordered | Effects::SAME_NODE_OR_TARGET, ordered),
    ] {
        assert_eq!(kept(effects), expected, "{effects:?}");
    }
}
