// Preloaded into QEMU on the host: opens a template's memory file for reading only.
// QEMU 7.2 opens the file of a `memory-backend-file` for writing even where it maps it privately (`share=off`). Each clone
// would have to be able to write the memory that all others start from, and so would whoever took its QEMU over. A
// private mapping needs nothing but reading, so with this the file may lie on a read-only mount.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Names the file by its absolute path: opens of exactly this name are changed, all others are passed on.
#define VARIABLE "VIRTC_MEMORY_FILE"

// The file that was opened for reading instead; no file has the number 0.
static struct stat memory;

static int is_memory_path(const char *path) {
  const char *file = getenv(VARIABLE);
  return file != NULL && file[0] == '/' && path != NULL && strcmp(path, file) == 0;
}

// By its number and not by its descriptor, which may be closed, duplicated and given to another file.
static int is_memory(int fd) {
  struct stat found;
  if (memory.st_ino == 0 || fstat(fd, &found) != 0) return 0;
  return found.st_ino == memory.st_ino && found.st_dev == memory.st_dev && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
}

static int open_at(int directory, const char *path, int flags, mode_t mode) {
  const int asked = flags & (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND);
  if (asked != O_RDWR || !is_memory_path(path)) return syscall(SYS_openat, directory, path, flags, mode);
  int fd = syscall(SYS_openat, directory, path, flags & ~O_ACCMODE, mode);
  if (fd >= 0) fstat(fd, &memory);
  return fd;
}

// The mode, which is there only where a file may be made.
static mode_t mode_of(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t) : 0;
}

int open(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int directory, const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_at(directory, path, flags, mode);
}

// Free page reporting: QEMU makes a hole in the file before it drops its own copy of the page, and drops nothing where the
// hole fails. The file must stay as it is, so the hole succeeds without being made.
int fallocate(int fd, int mode, off_t offset, off_t length) {
  if ((mode & FALLOC_FL_PUNCH_HOLE) != 0 && is_memory(fd)) return 0;
  return syscall(SYS_fallocate, fd, mode, offset, length);
}

// The same by the names that programs with large offsets (…64) and checked arguments (_FORTIFY_SOURCE: __…_2) call.
int open64(const char *, int, ...) __attribute__((alias("open")));
int openat64(int, const char *, int, ...) __attribute__((alias("openat")));
int fallocate64(int, int, off64_t, off64_t) __attribute__((alias("fallocate")));
int __open_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *, int) __attribute__((alias("__open_2")));
int __openat_2(int directory, const char *path, int flags) { return open_at(directory, path, flags, 0); }
int __openat64_2(int, const char *, int) __attribute__((alias("__openat_2")));
