//! In a sandbox that refuses a system call, the library does without it where it can.

#![cfg(all(
    feature = "cli",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use crate::child::with_defaults;
use crate::programs::{ended, folder_with, EXAMPLES};
use tfr_index::{Options, RecordWriter};

/// Runs the program under a seccomp filter that makes a system call fail with this error.
fn run_without(call: libc::c_long, errno: libc::c_int, arguments: &[&str]) -> Output {
    const CALL_NUMBER: u32 = 0; // its offset in `struct seccomp_data`
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let if_equal = libc::sock_filter {
        jf: 1,
        ..statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call as u32)
    };
    let mut filter = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, CALL_NUMBER),
        if_equal,
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | errno as u32),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ];
    let install = move || {
        let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
        // SAFETY: system calls; the second reads the filter, which is there meanwhile.
        let failed = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
                || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) != 0
        };
        if failed {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_tfr-index"));
    with_defaults(&mut command);
    // SAFETY: `install` makes system calls only, and allocates nothing.
    unsafe { command.pre_exec(install) };
    command.args(arguments).output().unwrap()
}

#[test]
fn what_a_sandbox_refuses_is_done_without() {
    // Many records, read by threads; a large one that takes a read into many buffers; then damage
    // and a hole.
    let folder = folder_with(&[]);
    let large = folder.path().join("large");
    let mut writer =
        RecordWriter::create(&large, folder.path().join("large.idx"), &Options::new()).unwrap();
    writer.write(&[7; 100_000]).unwrap();
    writer.finish().unwrap();
    let mut data = std::fs::read(EXAMPLES).unwrap().repeat(300);
    data.extend(std::fs::read(&large).unwrap());
    data.extend([0; 300_000]);
    std::fs::write(folder.path().join("x"), &data).unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (x, y, z) = (path("x"), path("y"), path("z"));
    let work = |call, errno| {
        let run = |arguments: &[&str], status| {
            let output = run_without(call, errno, arguments);
            let (code, stdout, stderr) = ended(&output);
            assert_eq!(code, status, "call {call}, errno {errno}, {arguments:?}: {stderr}");
            (stdout, stderr)
        };
        let _ = std::fs::remove_file(&z);
        let created = run(&["create", "--salvage", "--threads", "4", &x, "-o", &y], 3);
        run(&["cat", "--salvage", "--frames", &x, "-o", &z], 3);
        run(&["create", &z], 0);
        let index = std::fs::read(&y).unwrap();
        let frames = std::fs::read(&z).unwrap();
        (created, run(&["check", "--level", "full", &z], 0), index, frames)
    };
    let expected = work(-1, 0);
    let calls = [
        libc::SYS_preadv,
        libc::SYS_fadvise64,
        libc::SYS_madvise,
        libc::SYS_lseek,
        libc::SYS_flock,
        libc::SYS_statx,
        libc::SYS_clone3,
        libc::SYS_sched_getaffinity,
        libc::SYS_copy_file_range,
        libc::SYS_getrandom,
    ];
    for call in calls {
        for errno in [libc::ENOSYS, libc::EPERM] {
            assert!(work(call, errno) == expected, "call {call}, errno {errno}");
        }
    }
}
