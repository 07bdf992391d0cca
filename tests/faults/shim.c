/* What a machine may do to a program: a wrong clock, a full disk, a power cut. Preloaded by tests/faults/shim.py.
 *
 * A shared file tells what to do, and is told what is safe; it is mapped by the program, its children and the tests.
 * Shifted: the real-time clocks. Never the monotonic one: timeouts go on. Full: appends to files named .aof, through
 * write and its kin (a rewrite goes through stdio, and is let through). Safe: a file's length at its last sync. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define FILES 512 /* shim.py: _FILES */

struct control {
  int64_t clock_ms;
  int64_t disk_full;
  struct {
    uint64_t inode;
    int64_t synced;
  } files[FILES];
};

static volatile struct control *control;
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

static void give_up(const char *why) {
  dprintf(2, "shim: error: %s\n", why);
  _exit(97);
}

static void *next(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (!found) give_up(name);
  return found;
}

/* Others' constructors may call us before this one. */
__attribute__((constructor)) static void attach(void) {
  if (real_clock_gettime) return;
  real_write = next("write");
  real_pwrite = next("pwrite");
  real_writev = next("writev");
  real_fsync = next("fsync");
  real_fdatasync = next("fdatasync");
  real_clock_gettime = next("clock_gettime");
  const char *path = getenv("SHIM_CONTROL");
  if (!path) return;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) give_up("the control file can not be mapped");
  close(fd);
  control = map;
}

/* --- the clock ------------------------------------------------------------------------------------------ */

int clock_gettime(clockid_t clock, struct timespec *at) {
  attach();
  int failed = real_clock_gettime(clock, at);
  if (failed || !control || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return failed;
  int64_t ns = at->tv_nsec + control->clock_ms % 1000 * 1000000;
  at->tv_sec += control->clock_ms / 1000 + (ns < 0 ? -1 : ns / 1000000000);
  at->tv_nsec = (ns + 1000000000) % 1000000000;
  return 0;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}

/* --- the disk ------------------------------------------------------------------------------------------- */

static int is_append_only_file(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path);
  return length > 4 && memcmp(path + length - 4, ".aof", 4) == 0;
}

/* A socket is told apart by its flags alone: that is cheap. */
static int is_refused(int fd) {
  attach();
  if (!control || !control->disk_full) return 0;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || !(flags & O_APPEND) || !is_append_only_file(fd)) return 0;
  errno = ENOSPC;
  return 1;
}

ssize_t write(int fd, const void *bytes, size_t size) { return is_refused(fd) ? -1 : real_write(fd, bytes, size); }

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
  return is_refused(fd) ? -1 : real_pwrite(fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t at) {
  return is_refused(fd) ? -1 : real_pwrite(fd, bytes, size, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  return is_refused(fd) ? -1 : real_writev(fd, parts, count);
}

static void note(uint64_t inode, int64_t size) {
  for (int i = 0; i < FILES; i++) {
    uint64_t seen = __sync_val_compare_and_swap(&control->files[i].inode, 0, inode);
    if (seen == 0 || seen == inode) {
      control->files[i].synced = size;
      return;
    }
  }
  give_up("too many append-only files");
}

/* What is written by another thread meanwhile may be safe or not: the length before the call counts. */
static int synced(int (*sync)(int), int fd) {
  struct stat file;
  int matters = control && is_append_only_file(fd) && fstat(fd, &file) == 0;
  int failed = sync(fd);
  if (!failed && matters) note(file.st_ino, file.st_size);
  return failed;
}

int fsync(int fd) {
  attach();
  return synced(real_fsync, fd);
}

int fdatasync(int fd) {
  attach();
  return synced(real_fdatasync, fd);
}
