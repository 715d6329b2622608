// The system calls a container may use: an allow-list like docker's; what is refused fails with EPERM, what is newer with ENOSYS.
import type { OciSeccomp, OciSeccompRule } from './spec.js';

const EPERM = 1;
const ENOSYS = 38;

/** System calls without power over the kernel, the clock, modules, mounts or other containers, as words in lines. */
const allowed = `
  accept accept4 access adjtimex alarm arch_prctl bind brk capget capset chdir chmod chown chown32 clock_adjtime
  clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
  clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1
  epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit
  exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchown
  fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64
  fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_time64 futex_waitv futimesat get_robust_list
  get_thread_area getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups
  getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32
  getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getuid32
  getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents
  io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill landlock_add_rule
  landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listxattr llistxattr
  _llseek lremovexattr lseek lsetxattr lstat lstat64 madvise membarrier memfd_create memfd_secret mincore mkdir
  mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 modify_ldt mprotect mq_getsetattr mq_notify mq_open
  mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap msgctl msgget msgrcv
  msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat _newselect open openat openat2
  pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl
  pread64 preadv preadv2 prlimit64 process_mrelease process_vm_readv process_vm_writev pselect6 pselect6_time64
  ptrace pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64
  recvmsg remap_file_pages removexattr rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction
  rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64
  rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min
  sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr
  sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64
  send sendfile sendfile64 sendmmsg sendmsg sendto setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32
  setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid
  setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid setsockopt set_thread_area set_tid_address
  setuid setuid32 setxattr shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn
  socketcall socketpair splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range syncfs
  sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime
  timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill
  truncate truncate64 ugetrlimit umask uname unlink unlinkat utime utimensat utimensat_time64 utimes vfork
  vmsplice wait4 waitid waitpid write writev`;

/** Known and refused, whatever the capabilities: keys of the kernel, other kernels, rings that pass by this filter. */
const refused = `add_key io_uring_enter io_uring_register io_uring_setup kexec_file_load kexec_load keyctl migrate_pages
  move_pages nfsservctl pivot_root request_key swapoff swapon sysfs _sysctl uselib userfaultfd ustat vm86 vm86old`;

/** What a capability of the container allows besides. */
const byCapability: Readonly<Record<string, string>> = {
  CAP_DAC_READ_SEARCH: 'open_by_handle_at',
  CAP_SYS_ADMIN: `bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr
    move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2
    unshare`,
  CAP_SYS_BOOT: 'reboot',
  CAP_SYS_CHROOT: 'chroot',
  CAP_SYS_MODULE: 'delete_module init_module finit_module',
  CAP_SYS_PACCT: 'acct',
  CAP_SYS_PTRACE: 'kcmp pidfd_getfd process_madvise',
  CAP_SYS_RAWIO: 'iopl ioperm',
  CAP_SYS_TIME: 'settimeofday stime clock_settime clock_settime64',
  CAP_SYS_TTY_CONFIG: 'vhangup',
  CAP_SYS_NICE: 'get_mempolicy mbind set_mempolicy set_mempolicy_home_node',
  CAP_SYSLOG: 'syslog',
  CAP_BPF: 'bpf',
  CAP_PERFMON: 'perf_event_open',
};

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

// Flags of clone that make namespaces (CLONE_NEWNS … CLONE_NEWNET, CLONE_NEWCGROUP): none may be set.
const namespaceFlags = 0x7e02_0000;
// AF_VSOCK reaches the host past every network rule.
const AF_VSOCK = 40;
// Personalities that only change what uname says: Linux, Linux 32, both with UNAME26, and the query.
const personalities = [0, 0x0008, 0x20000, 0x20008, 0xffffffff];

/** The filter for a container with these capabilities. */
export function toSeccomp(capabilities: readonly string[]): OciSeccomp {
  const granted = new Set(words(allowed));
  const denied = new Set(words(refused));
  for (const [capability, names] of Object.entries(byCapability)) {
    for (const name of words(names))
      (capabilities.includes(capability) ? granted : denied).add(name);
  }
  // clone is allowed by its flags; clone3 hides them in memory and falls to the default, so that C libraries use clone.
  const rest = [...denied].filter((name) => !granted.has(name) && !name.startsWith('clone'));
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    // A C library that finds a new call refused tries the old one only after ENOSYS.
    defaultErrnoRet: ENOSYS,
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
    syscalls: [
      { names: [...granted], action: 'SCMP_ACT_ALLOW' },
      { names: rest, action: 'SCMP_ACT_ERRNO', errnoRet: EPERM },
      ...personalities.map((value) => allowIf('personality', { value, op: 'SCMP_CMP_EQ' })),
      allowIf('socket', { value: AF_VSOCK, op: 'SCMP_CMP_NE' }),
      ...(granted.has('clone')
        ? []
        : [allowIf('clone', { value: namespaceFlags, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' })]),
    ],
  };
}

type Condition = Omit<NonNullable<OciSeccompRule['args']>[number], 'index'>;

function allowIf(name: string, condition: Condition): OciSeccompRule {
  return { names: [name], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, ...condition }] };
}
