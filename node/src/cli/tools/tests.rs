//! Tools as agents call them, without a cluster: what is read and what is refused.

use clap::CommandFactory;

use super::*;

#[test]
fn every_tool_that_agents_find_is_one() {
    let mut names: Vec<_> = TABLE.iter().map(|(name, _)| *name).collect();
    assert!(names.is_sorted());
    names.dedup();
    assert_eq!(names, crate::agent::TOOLS);
    assert!(run_as(&["/usr/bin/lockstep".into(), "status".into()]).is_none());
    assert!(run_as(&[]).is_none());
}

#[test]
fn options_do_not_contradict_each_other() {
    attribute::Args::command().debug_assert();
    score::Promotion::command().debug_assert();
    score::Standby::command().debug_assert();
    score::FailCount::command().debug_assert();
    updater::Args::command().debug_assert();
    node::Args::command().debug_assert();
    resource::Args::command().debug_assert();
    cib::Query::command().debug_assert();
    cib::Monitor::command().debug_assert();
}

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(Into::into).collect()
}

#[test]
fn lines_of_real_agents_are_understood() {
    for line in [
        "crm_attribute -N n1 -n cpu -v -10 -l reboot",
        "crm_attribute -p -v 10",
        "crm_attribute -p redis -D",
        "crm_attribute --promotion -G -q -d 0",
        "crm_attribute --type crm_config --name redis_REPL_INFO -s redis_replication --query -q",
        "crm_attribute --quiet -t nodes --node n1 -z -n cpu",
        "crm_attribute -N n1 -l reboot --name x --quiet",
        "crm_attribute --lifetime=reboot --name=x --node=n1 --delete",
        "crm_attribute -l forever -n x -G --quiet",
    ] {
        parse::<attribute::Args>(words(line)).unwrap_or_else(|_| panic!("{line}"));
    }
    for line in [
        "crm_master -l reboot -v 10",
        "crm_master -Q -l reboot -v -1000",
        "crm_master -l reboot -D",
        "crm_master -N n1 -l reboot -v INFINITY",
    ] {
        parse::<score::Promotion>(words(line)).unwrap_or_else(|_| panic!("{line}"));
    }
    for line in [
        "attrd_updater -n pingd -v 100 -d 5s",
        "attrd_updater -p -N n1 -n gtid -Q",
        "attrd_updater -n x -U -5",
        "attrd_updater -n x -B 5 -d 0",
        "attrd_updater -D -n x",
        "attrd_updater --query -n x -N n1",
    ] {
        parse::<updater::Args>(words(line)).unwrap_or_else(|_| panic!("{line}"));
    }
    for line in [
        "crm_resource -Q -r vm -z -g cpu",
        "crm_resource -r vm -z -p cpu -v 2",
        "crm_resource --resource=vm --utilization --delete-parameter=cpu",
        "crm_resource -W -r vm",
        "crm_resource --meta -r vm -g target-role",
    ] {
        parse::<resource::Args>(words(line)).unwrap_or_else(|_| panic!("{line}"));
    }
    for line in [
        "crm_mon -1 --output-as=xml",
        "crm_mon -1 --as-xml",
        "crm_mon -1 -n -r",
    ] {
        parse::<cib::Monitor>(words(line)).unwrap_or_else(|_| panic!("{line}"));
    }
    parse::<cib::Query>(words("cibadmin -Q -l -o status")).unwrap();
    parse::<node::Args>(words("crm_node -l -p")).unwrap();
    let refused = parse::<node::Args>(words("crm_node --dance"));
    assert_eq!(refused.unwrap_err().exit, Exit::Usage);
}

#[test]
fn a_value_may_be_a_sum() {
    assert_eq!(expand(Some("4"), "x", "x++"), "5");
    assert_eq!(expand(None, "x", "value++"), "1");
    assert_eq!(expand(Some("4"), "x", "x+=-10"), "-6");
    assert_eq!(expand(Some("INFINITY"), "x", "x++"), "INFINITY");
    assert_eq!(expand(Some("4"), "x", "y++"), "y++");
    assert_eq!(expand(Some("4"), "x", "7"), "7");
}
