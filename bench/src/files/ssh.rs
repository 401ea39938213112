//! An sshd of our own on loopback, with throwaway keys.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{Running, free_port, has, run};

/// Where sshd confines itself as root; some installations make it only when the service starts.
const CONFINEMENT: &str = "/run/sshd";

/// The keys and the configuration.
pub(super) struct Ssh {
    directory: PathBuf,
    user: String,
    sshd: PathBuf,
    /// Whether we made [`CONFINEMENT`].
    made: bool,
}

impl Ssh {
    /// Makes them, and tries them out.
    pub(super) fn prepare(scratch: &Path) -> anyhow::Result<Self> {
        for program in ["ssh", "sshd", "ssh-keygen", "scp"] {
            anyhow::ensure!(has(program), "no {program}");
        }
        let directory = scratch.join("ssh");
        std::fs::create_dir(&directory)?;
        for key in ["host", "user"] {
            let mut keygen = Command::new("ssh-keygen");
            run(keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(directory.join(key)))?;
        }
        let at = directory.display();
        let config = format!(
            "ListenAddress 127.0.0.1\nHostKey {at}/host\nAuthorizedKeysFile {at}/user.pub\nPidFile none\nStrictModes no\n\
             UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
             Subsystem sftp internal-sftp\n"
        );
        std::fs::write(directory.join("config"), config)?;
        let made = nix::unistd::geteuid().is_root() && std::fs::create_dir(CONFINEMENT).is_ok();
        let user = run(Command::new("id").arg("-un"))?.trim().to_owned();
        // It starts itself anew by its whole name.
        let sshd = ["/usr/sbin/sshd", "/usr/bin/sshd", "/usr/local/sbin/sshd"].map(PathBuf::from);
        let sshd = sshd.into_iter().find(|path| path.is_file()).unwrap_or_else(|| "sshd".into());
        let ssh = Self { directory, user, sshd, made };
        let (server, port) = ssh.serve(scratch, false)?;
        let mut client = Command::new("ssh");
        client.args(ssh.options()).args([
            "-p",
            &port.to_string(),
            &format!("{}@127.0.0.1", ssh.user),
            "true",
        ]);
        run(&mut client)?;
        server.stop()?;
        Ok(ssh)
    }

    /// A server, and its port.
    pub(super) fn serve(&self, work: &Path, measured: bool) -> anyhow::Result<(Running, u16)> {
        let port = free_port()?;
        let mut sshd = Command::new(&self.sshd);
        sshd.args(["-D", "-e", "-f"]).arg(self.directory.join("config")).args(["-p", &port.to_string()]);
        let mut server = Running::start(&sshd, work, "sshd", measured)?;
        server.listens(port)?;
        Ok((server, port))
    }

    /// What ssh and scp are told.
    pub(super) fn options(&self) -> Vec<String> {
        let key = self.directory.join("user");
        let mut options =
            vec!["-F".to_owned(), "none".to_owned(), "-i".to_owned(), key.display().to_string()];
        for option in [
            "IdentitiesOnly=yes",
            "BatchMode=yes",
            "UserKnownHostsFile=/dev/null",
            "StrictHostKeyChecking=no",
            "LogLevel=ERROR",
        ] {
            options.extend(["-o".to_owned(), option.to_owned()]);
        }
        options
    }

    /// Who logs in.
    pub(super) fn user(&self) -> &str {
        &self.user
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        if self.made {
            std::fs::remove_dir(CONFINEMENT).ok();
        }
    }
}
