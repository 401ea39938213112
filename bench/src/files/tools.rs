//! The programs that are measured, and what they need.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{has, run};
use super::ssh::Ssh;
use super::way::{Syncing, Way};

/// What they need, or why it cannot be had.
pub(super) struct Tools {
    foctet: PathBuf,
    ssh: Result<Ssh, String>,
    socat: Result<PathBuf, String>,
}

impl Tools {
    /// Makes keys and certificates, and builds foctet unless it is given.
    pub(super) fn prepare(scratch: &Path, foctet: Option<&Path>) -> anyhow::Result<Self> {
        let foctet = match foctet {
            Some(foctet) => foctet.canonicalize()?,
            None => build()?,
        };
        let ssh = Ssh::prepare(scratch).map_err(|error| format!("{error:#}"));
        let socat = certificates(scratch).map_err(|error| format!("{error:#}"));
        Ok(Self { foctet, ssh, socat })
    }

    /// Why a way cannot be taken, if so.
    pub(super) fn missing(&self, way: Way) -> Option<String> {
        let without = |programs: &[&str]| {
            programs.iter().find(|program| !has(program)).map(|program| format!("no {program}"))
        };
        match way {
            Way::Cp | Way::Floor | Way::Foctet { syncing: Syncing::Counted, .. } => None,
            Way::Scp => self.ssh.as_ref().err().cloned(),
            Way::RsyncSsh => without(&["rsync"]).or_else(|| self.ssh.as_ref().err().cloned()),
            Way::RsyncDaemon => without(&["rsync"]),
            Way::TarNc => without(&["tar", "nc"]).or_else(|| {
                // There are several.
                let shuts_down = Command::new("nc").arg("-h").output().is_ok_and(|output| {
                    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).contains("-N")
                });
                (!shuts_down).then(|| "nc is not that of OpenBSD".to_owned())
            }),
            Way::Socat => self.socat.as_ref().err().cloned(),
            Way::Foctet { syncing: Syncing::Void, .. } => without(&["eatmydata"]),
            Way::Foctet { syncing: Syncing::TakenOff, .. } => without(&["strace"]),
        }
    }

    pub(super) fn foctet(&self) -> &Path {
        &self.foctet
    }

    pub(super) fn ssh(&self) -> anyhow::Result<&Ssh> {
        self.ssh.as_ref().map_err(|why| anyhow::anyhow!("{why}"))
    }

    /// Where its certificates are.
    pub(super) fn socat(&self) -> anyhow::Result<&Path> {
        self.socat.as_deref().map_err(|why| anyhow::anyhow!("{why}"))
    }

    /// What the programs call themselves.
    pub(super) fn versions(&self) -> String {
        let first = |program: &Path, arguments: &[&str], wanted: &str| {
            let output = Command::new(program).args(arguments).output().ok()?;
            let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            let line = text.lines().find(|line| line.contains(wanted))?;
            Some(line.split(" on ").next().unwrap_or(line).trim().to_owned())
        };
        let programs = [
            first(&self.foctet, &["--version"], "foctet"),
            first("cp".as_ref(), &["--version"], "cp"),
            first("rsync".as_ref(), &["--version"], "version"),
            first("socat".as_ref(), &["-V"], "socat version"),
            first("openssl".as_ref(), &["version"], "OpenSSL"),
            first("ssh".as_ref(), &["-V"], "OpenSSH"),
            first("tar".as_ref(), &["--version"], "tar"),
            first("nc".as_ref(), &["-h"], "netcat"),
        ];
        programs.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// Builds the program as it is released. It lands beside this one, because both have one target directory.
fn build() -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(root)
        .args(["build", "--quiet", "--release", "-p", "foctet-cli"])
        .status()?;
    anyhow::ensure!(status.success(), "foctet does not build");
    let foctet = std::env::current_exe()?.with_file_name("foctet");
    anyhow::ensure!(foctet.is_file(), "there is no foctet beside this program: name it with --foctet");
    Ok(foctet)
}

/// Certificates for socat as the others have, and the cipher suite that they have.
fn certificates(scratch: &Path) -> anyhow::Result<PathBuf> {
    for program in ["socat", "openssl"] {
        anyhow::ensure!(has(program), "no {program}");
    }
    let directory = scratch.join("tls");
    std::fs::create_dir(&directory)?;
    for side in ["sender", "receiver"] {
        let [key, certificate, both] =
            ["key", "crt", "pem"].map(|kind| directory.join(format!("{side}.{kind}")));
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=localhost", "-keyout"]);
        run(openssl.arg(&key).arg("-out").arg(&certificate))?;
        std::fs::write(both, std::fs::read_to_string(key)? + &std::fs::read_to_string(certificate)?)?;
    }
    let config = "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = tls\n[tls]\n\
                  MinProtocol = TLSv1.3\nCiphersuites = TLS_AES_128_GCM_SHA256\n";
    std::fs::write(directory.join("openssl.conf"), config)?;
    Ok(directory)
}
