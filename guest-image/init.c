// The guest's first program: loads the modules, mounts the root image and becomes the agent (PID 1).
// One static program of system calls: a shell that starts a process for each step takes half a second longer where the
// processor is emulated. Whatever fails is said on the console; ending panics the kernel, which the host notices at once.
#include <cpuid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROOT "/root"
#define ROOT_DEVICE "/dev/pmem0"
#define AGENT "/run/virtc/agent.cjs"
#define SNAPSHOT "/proc/self/fd/3"
#define PORT "virtc.agent.0"

// Node, its flags and what it starts: filled by plan_agent.
static char *agent_argv[48] = {"/usr/bin/node"};

// When each phase was over, in microseconds since the kernel started: the agent tells it a host that traces.
static char marks[256] = "VIRTC_BOOT_MARKS=";

static char *const agent_env[] = {
    marks,
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    // Blocking calls (the port's read and write, mounts of slow shares) each hold a thread of Node's pool.
    "UV_THREADPOOL_SIZE=16",
    NULL,
};

static void mark(const char *phase) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  size_t length = strlen(marks);
  snprintf(marks + length, sizeof marks - length, "%s=%lld;", phase, now.tv_sec * 1000000LL + now.tv_nsec / 1000);
}

static void say(const char *format, va_list arguments) {
  char text[512];
  int length = snprintf(text, sizeof text, "virtc-init: ");
  length += vsnprintf(text + length, sizeof text - length - 1, format, arguments);
  if (length > (int)sizeof text - 2) length = sizeof text - 2;
  text[length++] = '\n';
  if (write(2, text, length) < 0) return;
}

static void warn(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say(format, arguments);
  va_end(arguments);
}

static void __attribute__((noreturn)) die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say(format, arguments);
  va_end(arguments);
  _exit(1);
}

static void must_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
  if (mount(source, target, type, flags, data) != 0) die("cannot mount %s on %s: %s", source, target, strerror(errno));
}

// Reads a whole small file; the text is never freed.
static char *read_text(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) return NULL;
  size_t capacity = status.st_size > 0 ? (size_t)status.st_size : 4096;
  char *text = malloc(capacity + 1);
  ssize_t length = text == NULL ? -1 : read(fd, text, capacity);
  close(fd);
  if (length < 0) return NULL;
  text[length] = '\0';
  return text;
}

// Loads the modules that /modules/order names, one a line, in that order, and frees the memory that their files took.
static void load_modules(void) {
  char *order = read_text("/modules/order");
  if (order == NULL) die("cannot read /modules/order: %s", strerror(errno));
  for (char *name = strtok(order, "\n"); name != NULL; name = strtok(NULL, "\n")) {
    char path[256];
    snprintf(path, sizeof path, "/modules/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) die("cannot open %s: %s", path, strerror(errno));
    if (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST) die("cannot load module %s: %s", name, strerror(errno));
    close(fd);
    unlink(path);
  }
}

// The root image lies in the machine's memory; there is no other device of that kind.
static int find_root(void) { return access(ROOT_DEVICE, F_OK) == 0; }

// A write that only seems to succeed (the host drops it) fails instead.
static void forbid_writes(void) {
  int fd = open(ROOT_DEVICE, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || ioctl(fd, BLKROSET, &(int){1}) != 0) warn("cannot make %s read-only: %s", ROOT_DEVICE, strerror(errno));
  if (fd >= 0) close(fd);
}

// Links /dev/virtio-ports/NAME to the port of the agent's channel; false while the host has not told its name.
static int link_port(void) {
  DIR *ports = opendir("/sys/class/virtio-ports");
  if (ports == NULL) return 0;
  int found = 0;
  for (struct dirent *entry; !found && (entry = readdir(ports)) != NULL;) {
    char path[320];
    snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", entry->d_name);
    char *name = entry->d_name[0] == '.' ? NULL : read_text(path);
    if (name == NULL || strcmp(name, PORT "\n") != 0) continue;
    snprintf(path, sizeof path, "../%s", entry->d_name);
    mkdir("/dev/virtio-ports", 0755);
    if (symlink(path, "/dev/virtio-ports/" PORT) != 0) die("cannot link the agent's port: %s", strerror(errno));
    found = 1;
  }
  closedir(ports);
  return found;
}

// Waits up to five seconds for what a driver or the host brings a moment later.
static void wait_for(int (*there)(void), const char *what) {
  for (int attempt = 0; !there(); attempt++) {
    if (attempt == 2500) die("cannot find %s", what);
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
  }
}

// Copies the agent's bundle out of the initramfs, which is about to vanish under the new root.
static void copy_agent(void) {
  int from = open("/agent.cjs", O_RDONLY | O_CLOEXEC);
  if (from < 0) die("cannot open /agent.cjs: %s", strerror(errno));
  if (mkdir(ROOT "/run/virtc", 0700) != 0) die("cannot make /run/virtc: %s", strerror(errno));
  int to = open(ROOT AGENT, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
  if (to < 0) die("cannot make %s: %s", AGENT, strerror(errno));
  static char block[65536];
  ssize_t length;
  while ((length = read(from, block, sizeof block)) > 0) {
    if (write(to, block, length) != length) die("cannot write %s: %s", AGENT, strerror(errno));
  }
  if (length < 0) die("cannot read /agent.cjs: %s", strerror(errno));
  close(from);
  close(to);
  unlink("/agent.cjs");
}

// Whether the processor has shadow stacks (CPUID, leaf 7): the one feature that no flag keeps out of V8's tag.
static int has_shadow_stacks(void) {
  unsigned a, b, c = 0, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & bit_SHSTK) != 0;
}

// Plans the agent's start: from its snapshot, handed over as descriptor 3, or from its bundle where that does not fit.
static void plan_agent(void) {
  int count = 1;
  char *flags = read_text("/agent.flags");
  if (flags == NULL) die("cannot read /agent.flags: %s", strerror(errno));
  for (char *flag = strtok(flags, "\n"); flag != NULL; flag = strtok(NULL, "\n")) {
    if (count == sizeof agent_argv / sizeof *agent_argv - 4) die("/agent.flags has too many lines");
    agent_argv[count++] = flag;
  }
  struct stat snapshot;
  int fd = open("/agent.blob", O_RDONLY);
  if (fd < 0 || fstat(fd, &snapshot) != 0) die("cannot open /agent.blob: %s", strerror(errno));
  unlink("/agent.blob");
  if (snapshot.st_size == 0 || has_shadow_stacks()) {
    close(fd);
    copy_agent();
  } else {
    if (fd != 3 && (dup2(fd, 3) != 3 || close(fd) != 0)) die("cannot hand over the agent: %s", strerror(errno));
    unlink("/agent.cjs");
    agent_argv[count++] = "--snapshot-blob";
    agent_argv[count++] = SNAPSHOT;
  }
  agent_argv[count] = AGENT;
}

// Containers use the machine's network: programs that talk to themselves by 127.0.0.1 need its loopback.
static void start_loopback(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) != 0) warn("cannot start the loopback: %s", strerror(errno));
  if (fd >= 0) close(fd);
}

static void move_mount_to_root(const char *path) {
  char target[64];
  snprintf(target, sizeof target, ROOT "%s", path);
  if (mount(path, target, NULL, MS_MOVE, NULL) != 0) die("cannot move %s: %s", path, strerror(errno));
}

int main(void) {
  mark("kernel");
  must_mount("dev", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
  int console = open("/dev/console", O_RDWR | O_NOCTTY);
  if (console >= 0) {
    for (int fd = 0; fd < 3; fd++) dup2(console, fd);
    if (console > 2) close(console);
  } else {
    warn("cannot open /dev/console: %s", strerror(errno));
  }
  must_mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  must_mount("sys", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  load_modules();
  mark("modules");
  start_loopback();
  wait_for(find_root, "the root image: there is no " ROOT_DEVICE);
  forbid_writes();
  // DAX: programs run from the host's own copy of the image, and the guest keeps none.
  must_mount(ROOT_DEVICE, ROOT, "erofs", MS_RDONLY, "dax=always");
  mark("root-image");
  must_mount("run", ROOT "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
  plan_agent();
  wait_for(link_port, "the agent's channel: no serial port has the name " PORT);
  move_mount_to_root("/dev");
  move_mount_to_root("/proc");
  move_mount_to_root("/sys");
  // The initramfs itself cannot be unmounted: the new root is put over it, as switch_root does.
  if (chdir(ROOT) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0)
    die("cannot enter the root image: %s", strerror(errno));
  mark("init");
  execve(agent_argv[0], agent_argv, agent_env);
  die("cannot run %s: %s", agent_argv[0], strerror(errno));
}
