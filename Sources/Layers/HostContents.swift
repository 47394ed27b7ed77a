/// What is in the base `host` beside the running system's `/usr`. Whatever is not listed here is not there: a secret that
/// someone puts on the host tomorrow stays out as well.
enum HostContents {
  struct Directory {
    let path: String
    let permissions: UInt32
    init(_ path: String, _ permissions: UInt32 = 0o755) {
      self.path = path
      self.permissions = permissions
    }
  }

  static let directories = [
    Directory("dev"), Directory("etc"), Directory("home"), Directory("media"), Directory("mnt"),
    Directory("opt"), Directory("proc", 0o555), Directory("root", 0o700), Directory("run"),
    Directory("run/lock", 0o1777), Directory("srv"), Directory("sys", 0o555), Directory("tmp", 0o1777),
    Directory("usr"), Directory("var"), Directory("var/cache"), Directory("var/lib"), Directory("var/log"),
    Directory("var/mail"), Directory("var/opt"), Directory("var/spool"), Directory("var/tmp", 0o1777),
  ]

  /// Symbolic links and what they say.
  static let links = [
    "etc/mtab": "../proc/self/mounts", "var/run": "/run", "var/lock": "/run/lock",
  ]

  /// Files made for it, and what is in them.
  static let files = [
    "etc/passwd": """
    root:x:0:0:root:/root:/bin/sh
    nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin

    """,
    // The group tty owns terminals (the mount of /dev/pts names it by its number).
    "etc/group": """
    root:x:0:
    tty:x:5:
    nogroup:x:65534:

    """,
    "etc/nsswitch.conf": """
    passwd: files
    group: files
    shadow: files
    hosts: files dns
    networks: files
    protocols: files
    services: files
    rpc: files
    ethers: files

    """,
    "etc/profile": """
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    export PATH
    if [ "${BASH-}" ] && [ -f /etc/bash.bashrc ]; then . /etc/bash.bashrc; fi

    """,
    "etc/bash.bashrc": """
    [ -z "$PS1" ] || PS1='\\u@\\h:\\w\\$ '

    """,
  ]

  /// Where programs and libraries of `/usr` are, besides there: links into it, or directories, as the host has them.
  static let systemDirectories = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"]

  /// What programs in `/usr` need of the host's `/etc` to work as they do there: files, and directories with all
  /// that everybody may read in them.
  static let copied = [
    // The dynamic linker.
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d",
    // Links that Debian has in place of programs, such as awk.
    "alternatives",
    // Certificates of authorities, and how they are used.
    "ca-certificates/extracted", "crypto-policies", "pki/ca-trust/extracted", "pki/tls/certs",
    "pki/tls/openssl.cnf", "pki/tls/cert.pem", "ssl/cert.pem", "ssl/certs", "ssl/openssl.cnf",
    // Names and numbers.
    "ethertypes", "gai.conf", "host.conf", "mime.types", "networks", "protocols", "rpc", "services",
    // What system this is, its language and its time.
    "debian_version", "fedora-release", "lsb-release", "os-release", "redhat-release", "system-release",
    "locale.alias", "locale.conf", "localtime", "timezone",
    // Terminals and the shells at them.
    "inputrc", "shells", "terminfo",
    // Languages and libraries whose own parts are there.
    "fonts", "perl",
  ]

  /// What the names of further directories like those in `copied` start with.
  static let copiedPrefixes = ["java-"]
}
