// The defaults and bounds of the whole system, each with its unit and its reason.

/** A VM's memory before anything is added, in MiB: what every clone of a template shares. */
export const defaultVmMemoryMiB = 512;
/**
 * Memory that the guest itself needs beside its containers, in MiB: 63 that the kernel keeps before it counts, 43 in its slabs
 * and the like, 19 for the agent, and what that keeps for its calls. With 144 it does not start; with 192 it has 16 for processes.
 */
export const guestOverheadMiB = 192;
/** Of memory above the first GiB, the part that the guest's kernel needs to describe it: 64 bytes a page, and a little room. */
export const guestOverheadPerMiB = 1 / 60;
/** Step in which memory can be added, in MiB: the guest's memory block size on x86-64. */
export const memoryBlockMiB = 128;
/** Most clones that can wait to be handed out: each holds memory of the host. */
export const maxWarmPods = 64;
/** How long a template is kept that no pod is cloned from, in milliseconds: 30 days, for what is used now and then. */
export const templateUnusedForMs = 30 * 24 * 3_600_000;
/** What templates may take together after they are pruned, in bytes: two dozen of the default size. */
export const templateMaxBytes = 4 * 1024 ** 3;
/** Processors of a VM before anything is added. */
export const defaultVmCpus = 1;
/** Most processors a VM can have. */
export const maxVmCpus = 32;
/** Least processor limit of a container: docker's; the kernel's own is a millisecond in each period of 100. */
export const minContainerCpus = 0.01;
/** Most memory a VM can have, in MiB. */
export const maxVmMemoryMiB = 64 * 1024;
/** Most processes and threads in a container where nothing else is asked: stops a fork bomb. */
export const defaultPidsLimit = 4096;
/** How long a container has after its stop signal before it is killed, in milliseconds. */
export const stopGraceMs = 10_000;
/** Longest wait for a cold VM's agent, in milliseconds: an emulated boot takes 8 s on a quiet machine. */
export const bootTimeoutMs = 120_000;
/** Longest wait for the agent of a clone, in milliseconds: it answers in a tenth of a second on a quiet machine; then the pod boots cold. */
export const cloneTimeoutMs = 20_000;
/** Longest wait of one pod for a template that somebody else makes, in milliseconds: about what a cold boot takes, which is then the better choice. */
export const templateWaitMs = 6_000;
/** How long after a template could not be made the next attempt is made, in milliseconds. */
export const templateRetryMs = 60_000;
/** How long a template's guest is left alone before it is saved, in milliseconds: what it still has to do would be done anew in each clone. */
export const templateRestMs = 1_000;
/** How long after a waiting pod was handed out the next one is begun, in milliseconds: whoever has it gets the processor first. */
export const warmRefillMs = 1_000;
/** Longest call of the guest that is warmed up, in milliseconds. */
export const warmUpCallTimeoutMs = 15_000;
/** Longest wait for an agent call that does not wait for a container, in milliseconds. */
export const agentCallTimeoutMs = 30_000;
/** How far the clock of a guest may be from the host's when it is set, in milliseconds. */
export const guestClockErrorMs = 50;
/** Longest wait for a guest's times where a pod is traced, in milliseconds: a trace must not hold its pod up for long. */
export const traceTimeoutMs = 5_000;
/** Events that wait for a reader; what comes beyond is only counted. */
export const maxWaitingEvents = 1024;
/** Longest wait for a QMP command, in milliseconds. */
export const qmpTimeoutMs = 10_000;
/** Largest chunk of output or input in one message, in bytes: smaller ones cost an emulated guest more per byte, bigger ones delay other calls. */
export const streamChunkBytes = 256 * 1024;
/** Output that the guest keeps per stream until it is acknowledged, in bytes. */
export const guestOutputBufferBytes = 1024 * 1024;
/** The console's last lines kept for errors, in bytes. */
export const consoleTailBytes = 16 * 1024;
/** Size of one of the two files of a bounded log, in bytes. */
export const logFileBytes = 16 * 1024 * 1024;
/** Least limit of a container's memory, in MiB: below it crun itself is killed before the program starts. */
export const minContainerMemoryMiB = 6;
/** Most processes that a limit can name: the kernel's own bound (PID_MAX_LIMIT). */
export const maxPidsLimit = 4 * 1024 * 1024;
/** Size of a container's /dev/shm, in bytes: docker's. */
export const shmBytes = 64 * 1024 * 1024;
/** Longest argument or environment entry, in bytes: the kernel's own bound (MAX_ARG_STRLEN) without the ending zero. */
export const maxArgumentBytes = 128 * 1024 - 1;
/** Largest OCI specification that is sent to the guest, in bytes: a message holds 4 MiB. */
export const maxSpecBytes = 3 * 1024 * 1024;
/** Where programs are looked up if a container's environment does not say: docker's. */
export const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Where a container that asks for an init finds it: in its own /dev, so that its root is as it was. */
export const initPath = '/dev/init';
/** A terminal's first size where none is given, in characters. */
export const defaultTerminalSize = { columns: 80, rows: 24 } as const;
/** Longest wait until a guest takes a signal while something is being stopped, in milliseconds: then it counts as hung. */
export const stopSignalTimeoutMs = 5_000;
/** How long a container may take to end after SIGKILL, in milliseconds: thousands of processes take seconds where the processor is emulated. */
export const killWaitMs = 20_000;
/** How long an orderly end of a VM may take before its process is killed, in milliseconds. */
export const vmStopGraceMs = 1_000;
/** How long the end of a VM is waited for when its agent is lost, in milliseconds; then the VM is ended. Callers know within 2 s. */
export const vmLossWaitMs = 750;
/** Silence of a guest after which it is asked whether it lives, in milliseconds; nobody asks where nobody waits for it. */
export const livenessQuietMs = 15_000;
/** Longest wait for an answer to that, in milliseconds. */
export const livenessPingMs = 15_000;
/**
 * Questions without an answer after which a VM counts as gone: an emulated guest under load is late with one or two. One that
 * hangs is noticed after a minute, or one and a quarter.
 */
export const livenessPings = 3;
/** How long a process that is being ended has after the first signal, in milliseconds. */
export const defaultKillGraceMs = 5_000;

/** How long an ended command's output may stay open in `run` before what holds it open is ended, in milliseconds. */
export const heldOutputMs = 2_000;

/** Collected output that is kept of each stream, in bytes. */
export const defaultMaxBufferBytes = 10 * 1024 * 1024;

/** Most that can be kept of each stream, in bytes: half of what a text can hold. */
export const largestMaxBufferBytes = 256 * 1024 * 1024;

/** Longest line that comes in one piece, in bytes. */
export const defaultMaxLineBytes = 1024 * 1024;

/** Longest wait for the clean-up of an aborted call in the guest, in milliseconds. */
export const abortCleanupMs = 5_000;
/** Output kept on the host per stream until it is read, in bytes: no more than the guest keeps, which would wait for an acknowledgement. */
export const hostOutputBufferBytes = 1024 * 1024;

/** Longest wait until a new shim says that it lives, in milliseconds: it takes a third of a second on a quiet machine. */
export const shimHelloTimeoutMs = 30_000;
/** Longest wait until a shim whose pod is not wanted has undone it, in milliseconds: then it is ended. */
export const shimUndoTimeoutMs = 60_000;
/** Longest wait for an owner that deletes its pod by force, in milliseconds: a guest that hangs takes it half of that. */
export const ownerDeleteMs = 60_000;
/** How long after a pod was handed out its owner serves it to others, in milliseconds: a container's start comes first. */
export const serveAfterMs = 500;
/** Connections to an owner's socket at the same time. */
export const maxOwnerConnections = 256;
/** How long a client of an owner has from its first byte until both agree on a version, in milliseconds. */
export const ownerHandshakeMs = 10_000;
/** Longest wait for the answer of an owner whose call was aborted, in milliseconds: what the call had begun is undone before. */
export const cancelAnswerMs = 15_000;
/** How long an owner that ends lets the calls under way be answered, in milliseconds. */
export const ownerCloseMs = 1_000;
