//! Agents that people have, and what shows that they do what they say.

use std::path::Path;
use std::process::Command;

/// An agent of Debian's `resource-agents` or `pacemaker-resource-agents`.
pub(crate) struct Real {
    /// Id of the resource, provider and type of the agent.
    pub(crate) id: &'static str,
    pub(crate) provider: &'static str,
    pub(crate) agent: &'static str,
    /// Programs without which it makes no sense.
    pub(crate) needs: Vec<String>,
    pub(crate) parameters: Vec<(&'static str, String)>,
    /// Whether it is promoted as well.
    pub(crate) promotable: bool,
    /// Succeeds if and only if the service is there.
    pub(crate) evidence: String,
}

impl Real {
    fn new(
        (id, provider, agent): (&'static str, &'static str, &'static str),
        parameters: &[(&'static str, &str)],
        evidence: impl Into<String>,
    ) -> Self {
        let parameters = parameters.iter();
        Real {
            id,
            provider,
            agent,
            needs: Vec::new(),
            parameters: parameters
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
            promotable: false,
            evidence: evidence.into(),
        }
    }

    fn needing(mut self, programs: &[&str]) -> Self {
        self.needs = programs.iter().map(|&program| program.to_owned()).collect();
        self
    }

    fn promotable(self) -> Self {
        Real {
            promotable: true,
            ..self
        }
    }
}

/// The agents, with their files below a folder.
pub(crate) fn real_agents(folder: &Path) -> Vec<Real> {
    let mut all = small(folder);
    all.extend(network());
    all.extend(services(folder));
    all.extend(database(folder));
    all.extend(mariadb(folder));
    all
}

/// What shows itself as a file.
fn small(folder: &Path) -> Vec<Real> {
    let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let state = |(id, provider, agent): (&'static str, &'static str, &'static str), name| {
        let file = at(id);
        Real::new(
            (id, provider, agent),
            &[(name, &file)],
            format!("test -e {file}"),
        )
    };
    std::fs::create_dir(at("mount")).unwrap();
    vec![
        state(("dummy", "heartbeat", "Dummy"), "state"),
        state(("model", "pacemaker", "Dummy"), "state"),
        state(("model-role", "pacemaker", "Stateful"), "state").promotable(),
        state(("mark", "pacemaker", "attribute"), "state"),
        state(("health", "pacemaker", "HealthCPU"), "state"),
        Real::new(
            ("link", "heartbeat", "symlink"),
            &[("target", "/etc/hostname"), ("link", &at("link"))],
            format!("test -L {}", at("link")),
        ),
        Real::new(
            ("program", "heartbeat", "anything"),
            &[
                ("binfile", "/bin/sleep"),
                ("cmdline_options", "1000"),
                ("pidfile", &at("program.pid")),
            ],
            format!("kill -0 $(cat {})", at("program.pid")),
        ),
        Real::new(
            ("fs", "heartbeat", "Filesystem"),
            &[
                ("device", "tmpfs"),
                ("directory", &at("mount")),
                ("fstype", "tmpfs"),
            ],
            format!("grep -q ' {} tmpfs ' /proc/mounts", at("mount")),
        ),
    ]
}

/// What the network shows.
fn network() -> Vec<Real> {
    vec![
        Real::new(
            ("ip", "heartbeat", "IPaddr2"),
            &[("ip", "10.9.0.50"), ("cidr_netmask", "24"), ("nic", "d0")],
            "ip address show dev d0 | grep -q 10.9.0.50",
        )
        .needing(&["/usr/sbin/ip"]),
        Real::new(
            ("route", "heartbeat", "Route"),
            &[("destination", "10.10.0.0/16"), ("device", "d0")],
            "ip route show 10.10.0.0/16 | grep -q d0",
        )
        .needing(&["/usr/sbin/ip"]),
        Real::new(
            ("bridge", "heartbeat", "iface-bridge"),
            &[("bridge_name", "br9")],
            "ip link show br9 >/dev/null 2>&1",
        )
        .needing(&["/usr/sbin/brctl"]),
        Real::new(
            ("reach", "pacemaker", "ping"),
            &[
                ("host_list", "10.9.0.1"),
                ("dampen", "1s"),
                ("pidfile", "/run/reach.pid"),
            ],
            "test -e /run/reach.pid",
        )
        .needing(&["/usr/bin/ping"]),
    ]
}

/// Servers.
fn services(folder: &Path) -> Vec<Real> {
    let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(at("redis")).unwrap();
    let nginx = format!(
        "pid {0}/nginx.pid; error_log {0}/nginx.err; events {{}} http {{ access_log off; server {{ \
         listen 127.0.0.1:8080; location / {{ return 200 hello; }} }} }}",
        folder.display()
    );
    std::fs::write(at("nginx.conf"), nginx).unwrap();
    let redis = format!("dir {}\nport 6379\nsave \"\"\n", at("redis"));
    std::fs::write(at("redis.conf"), redis).unwrap();
    let modules = "/usr/lib/apache2/modules";
    let apache = format!(
        "ServerName here\nListen 127.0.0.1:8081\nPidFile {0}/apache.pid\nErrorLog {0}/apache.err\n\
         DefaultRuntimeDir {0}\nLoadModule mpm_event_module {modules}/mod_mpm_event.so\n\
         LoadModule authz_core_module {modules}/mod_authz_core.so\n\
         LoadModule status_module {modules}/mod_status.so\n\
         <Location /server-status>\nSetHandler server-status\n</Location>\n",
        folder.display()
    );
    std::fs::write(at("apache.conf"), apache).unwrap();
    vec![
        Real::new(
            ("web", "heartbeat", "nginx"),
            &[
                ("configfile", &at("nginx.conf")),
                ("httpd", "/usr/sbin/nginx"),
            ],
            "curl -s http://127.0.0.1:8080/ | grep -q hello",
        )
        .needing(&["/usr/sbin/nginx", "/usr/bin/curl"]),
        Real::new(
            ("site", "heartbeat", "apache"),
            &[
                ("configfile", &at("apache.conf")),
                ("httpd", "/usr/sbin/apache2"),
                ("statusurl", "http://127.0.0.1:8081/server-status"),
            ],
            "curl -s http://127.0.0.1:8081/server-status | grep -q Apache",
        )
        .needing(&["/usr/sbin/apache2", "/usr/bin/curl"]),
        Real::new(
            ("cache", "heartbeat", "redis"),
            &[
                ("config", &at("redis.conf")),
                ("rundir", &at("redis")),
                ("user", "root"),
            ],
            "redis-cli -h 127.0.0.1 info replication | grep -q role:master",
        )
        .needing(&["/usr/bin/redis-server", "/usr/bin/redis-cli"])
        .promotable(),
    ]
}

/// PostgreSQL, with data of its own.
fn database(folder: &Path) -> Option<Real> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let bin = versions.flatten().next()?.path().join("bin");
    let bin = |name: &str| bin.join(name).to_str().unwrap().to_owned();
    let data = folder.join("data").to_str().unwrap().to_owned();
    prepare(&format!(
        "install -d -o postgres {data} && cd / && setpriv --reuid postgres --regid postgres \
         --clear-groups {} -D {data} -A trust",
        bin("initdb")
    ));
    let real = Real::new(
        ("db", "heartbeat", "pgsql"),
        &[
            ("pgctl", &bin("pg_ctl")),
            ("psql", "/usr/bin/psql"),
            ("pgdata", &data),
        ],
        "psql -h 127.0.0.1 -U postgres -Atc 'select 42' template1 | grep -q 42",
    );
    Some(real.needing(&["/usr/bin/psql"]))
}

/// MariaDB, with data of its own.
fn mariadb(folder: &Path) -> Option<Real> {
    let install = Path::new("/usr/bin/mariadb-install-db");
    if !install.exists() {
        return None;
    }
    let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let data = at("mariadb");
    std::fs::write(at("my.cnf"), "[mysqld]\n").unwrap();
    prepare(&format!(
        "install -d -o mysql {data} && {} --user=mysql --datadir={data} --skip-test-db",
        install.display()
    ));
    let socket = format!("{data}/socket");
    let real = Real::new(
        ("mariadb", "heartbeat", "mysql"),
        &[
            ("binary", "/usr/bin/mysqld_safe"),
            ("config", &at("my.cnf")),
            ("datadir", &data),
            ("user", "mysql"),
            ("pid", &format!("{data}/pid")),
            ("log", &format!("{data}/log")),
            ("socket", &socket),
            ("test_user", "root"),
            ("additional_parameters", "--skip-networking"),
        ],
        format!("mysql --socket={socket} -e 'select 42' | grep -q 42"),
    );
    Some(real.needing(&["/usr/bin/mysqld_safe", "/usr/bin/mysql"]))
}

fn prepare(script: &str) {
    let output = Command::new("sh").args(["-c", script]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {errors}");
}
