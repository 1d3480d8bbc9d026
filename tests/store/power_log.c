/* Writes down what a program does to the files of one folder (PDC_POWER_FOLDER), in its order, for a power loss to be played
   with: every write, every cut, every promise that a file is on disk. Loaded with LD_PRELOAD; the log is PDC_POWER_LOG.
   A record: one letter (w write, t truncate, s sync, u unlink), the lengths of path and data, the offset, path, data. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int out = -1;

static int named(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, PATH_MAX - 1);
  const char *folder = getenv("PDC_POWER_FOLDER");
  if (n <= 0 || folder == NULL) return 0;
  path[n] = 0;
  return strncmp(path, folder, strlen(folder)) == 0;
}

static void record(char what, const char *path, const void *data, uint64_t size, uint64_t offset) {
  if (out < 0) out = syscall(SYS_openat, AT_FDCWD, getenv("PDC_POWER_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  uint64_t head[3] = {strlen(path), size, offset};
  /* One call a record: threads write at once, and appending is whole by call. */
  struct iovec parts[4] = {{&what, 1}, {head, sizeof head}, {(void *)path, head[0]}, {(void *)data, size}};
  syscall(SYS_writev, out, parts, size ? 4 : 3);
}

static ssize_t written(int fd, const void *data, ssize_t done, off64_t at) {
  char path[PATH_MAX];
  if (done > 0 && named(fd, path)) record('w', path, data, done, at);
  return done;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  return written(fd, data, syscall(SYS_pwrite64, fd, data, size, at), at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return pwrite64(fd, data, size, at); }

ssize_t write(int fd, const void *data, size_t size) {
  ssize_t done = syscall(SYS_write, fd, data, size);
  return written(fd, data, done, done > 0 ? lseek64(fd, 0, SEEK_CUR) - done : 0);
}

int ftruncate64(int fd, off64_t size) {
  char path[PATH_MAX];
  if (named(fd, path)) record('t', path, NULL, 0, size);
  return syscall(SYS_ftruncate, fd, size);
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int synced(int fd, int done) {
  char path[PATH_MAX];
  if (done == 0 && named(fd, path)) record('s', path, NULL, 0, 0);
  return done;
}

int fsync(int fd) { return synced(fd, syscall(SYS_fsync, fd)); }

int fdatasync(int fd) { return synced(fd, syscall(SYS_fdatasync, fd)); }

int unlink(const char *path) {
  const char *folder = getenv("PDC_POWER_FOLDER");
  if (folder && strncmp(path, folder, strlen(folder)) == 0) record('u', path, NULL, 0, 0);
  return syscall(SYS_unlink, path);
}
