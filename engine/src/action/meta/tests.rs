use std::sync::Arc;

use super::{ActionMeta, MetaLayer};

fn layer(pairs: &[(&str, &str)]) -> Arc<MetaLayer> {
    Arc::new(pairs.iter().copied().collect())
}

#[test]
fn own_values_win_over_layers_and_later_layers_over_earlier_ones() {
    let mut meta = ActionMeta::of_operation(layer(&[("timeout", "20000"), ("interval", "1")]));
    meta.share(layer(&[("notify_stop_uname", "a"), ("interval", "2")]));
    meta.share(layer(&[("notify_stop_uname", "b")]));
    meta.set("interval", "3");

    assert_eq!(meta.get("timeout"), Some("20000"));
    assert_eq!(meta.get("notify_stop_uname"), Some("b"));
    assert_eq!(meta.get("interval"), Some("3"));
    assert_eq!(meta.get("name"), None);
    let all: Vec<_> = meta.to_map().into_iter().collect();
    let expected = [
        ("interval", "3"),
        ("notify_stop_uname", "b"),
        ("timeout", "20000"),
    ];
    assert_eq!(all, expected, "sorted, each name once");
}

#[test]
fn filling_leaves_what_is_set() {
    let mut notify = ActionMeta::of_operation(layer(&[("timeout", "60000")]));
    let mut point = ActionMeta::of_operation(layer(&[("timeout", "20000")]));
    point.set("notify_type", "pre");
    notify.fill_from(&point);
    assert_eq!(notify.get("timeout"), Some("60000"));
    assert_eq!(notify.get("notify_type"), Some("pre"));
}
