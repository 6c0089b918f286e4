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

#[test]
fn whose_scores_have_changed_is_told_once_with_or_without_a_record_of_changes() {
    for mut ledger in [Ledger::default(), Ledger::recording()] {
        let mut table = ScoreTable::new();
        table.set(node(0), Score::from(1));
        for resource in [1, 1, 2] {
            let entry = table.get_mut(node(0)).expect("it was set");
            let place = (ResourceId(resource), node(0));
            ledger.change(place, entry, Change::Add(Score::from(1)), Cause::Stickiness);
        }
        assert_eq!(ledger.take_changed(), [ResourceId(1), ResourceId(2)]);
        assert_eq!(ledger.take_changed(), []);

        let same = table.clone();
        ledger.replace(ResourceId(3), &mut table, same, Cause::Undone);
        assert_eq!(ledger.take_changed(), []);
        let mut other = table.clone();
        other.set(node(1), Score::from(5));
        ledger.replace(ResourceId(4), &mut table, other.clone(), Cause::Undone);
        assert_eq!(ledger.take_changed(), [ResourceId(4)]);
        assert_eq!(table, other);
    }
}

#[test]
fn a_change_is_a_sum_where_a_sum_leads_there() {
    let between = |from, to| Change::between(Score::from(from), Score::from(to));
    assert_eq!(between(100, 150), Change::Add(Score::from(50)));
    assert_eq!(between(100, -20), Change::Add(Score::from(-120)));
    assert_eq!(between(1_000_000, 5), Change::Set(Score::from(5)));
    assert_eq!(between(-1_000_000, 5), Change::Set(Score::from(5)));
}

#[test]
fn a_table_is_empty_without_nodes_also_after_they_have_gone() {
    let mut table = ScoreTable::new();
    assert!(table.is_empty());
    table.set(node(2), Score::ZERO);
    assert!(!table.is_empty());
    table.remove(node(2));
    table.remove(node(7));
    assert!(table.is_empty());
    assert_eq!(table.iter().count(), 0);
}

#[test]
fn a_table_is_the_same_however_its_nodes_came_in() {
    // Nodes near the others, just beyond, and far away; a far one is reached later on.
    let ids = [0, 1, 5, 36, 37, 38, 70, 71, 400, 4_000, 3_999];
    let tables = [ids.to_vec(), ids.iter().rev().copied().collect()].map(|order| {
        let mut table = ScoreTable::new();
        for id in order {
            table.set(node(id), Score::from(id as i32));
        }
        // What is there stays.
        table.entry(node(4_000), Score::INFINITY).count += 1;
        table.remove(node(71));
        table.remove(node(3_999));
        table.get_mut(node(400)).expect("it was set").score = Score::from(1);
        table
    });
    assert_eq!(tables[0], tables[1]);
    for mut table in tables {
        let seen: Vec<_> = table.iter().map(|(id, _)| id.0).collect();
        assert_eq!(seen, [0, 1, 5, 36, 37, 38, 70, 400, 4_000]);
        for id in 0..5_000 {
            let expected = match id {
                400 => Some(Score::from(1)),
                _ => seen.contains(&id).then(|| Score::from(id as i32)),
            };
            assert_eq!(table.score(node(id)), expected, "node {id}");
        }
        assert_eq!(table.get(node(4_000)).map(|entry| entry.count), Some(1));
        for (id, entry) in table.iter_mut() {
            entry.score = Score::from(-(id.0 as i32));
        }
        assert_eq!(table.score(node(4_000)), Some(Score::from(-4_000)));
        assert_eq!(table.score(node(5)), Some(Score::from(-5)));
        for id in seen {
            assert!(!table.is_empty());
            table.remove(node(id));
        }
        assert!(table.is_empty());
    }
}
