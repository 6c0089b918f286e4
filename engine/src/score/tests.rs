use super::*;

fn node(id: u32) -> NodeId {
    NodeId(id)
}

#[test]
fn a_score_is_the_fold_of_its_entries() {
    let resource = ResourceId(7);
    let mut ledger = Ledger::recording();
    let mut table = ScoreTable::new();
    for (id, score) in [(0, 0), (1, 100), (3, 1_000_000)] {
        table.set(node(id), Score::from(score));
    }
    let before = table.clone();

    for (id, entry) in table.iter_mut() {
        let change = Change::Add(Score::from(50));
        ledger.change((resource, id), entry, change, Cause::Stickiness);
    }
    let mut new = table.clone();
    new.set(node(0), Score::MINUS_INFINITY);
    new.set(node(1), Score::from(-20));
    new.set(node(3), Score::from(5));
    ledger.replace(resource, &mut table, new, Cause::Colocation(0));

    let mut folded = before;
    for entry in ledger.entries() {
        let slot = folded
            .get_mut(entry.node)
            .expect("only known nodes were changed");
        slot.score = entry.change.apply(slot.score);
    }
    assert_eq!(folded, table);
}

#[test]
fn what_stays_as_it_is_makes_no_entry() {
    let mut ledger = Ledger::recording();
    let mut table = ScoreTable::new();
    table.set(node(0), Score::from(1));
    table.set(node(1), Score::from(2));
    let mut new = table.clone();
    new.set(node(1), Score::from(3));
    ledger.replace(ResourceId(0), &mut table, new, Cause::Undone);
    assert_eq!(ledger.entries().len(), 1);
}
