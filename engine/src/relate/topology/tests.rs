use super::instance_number;

#[test]
fn instances_are_numbered_by_what_follows_the_last_colon() {
    for (id, number) in [
        ("rsc:0", 0),
        ("rsc:12", 12),
        ("a:b:7", 7),
        ("a-9:3", 3),
        ("web-podman-2", 2),
        ("web-podman-10", 10),
        ("rsc", 0),
        ("rsc:", 0),
        ("rsc:x", 0),
        ("rsc:99999999999999999999", 0),
    ] {
        assert_eq!(instance_number(id), number, "{id}");
    }
}
