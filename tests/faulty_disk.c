/* A disk that fails, for a process that this is preloaded into: all below FAULT_BELOW, from the FAULT_AFTER-th
   operation on, as FAULT_KIND says. FAULT_COUNT names a file that gets the number of operations.

   cc -shared -fPIC -o faulty_disk.so faulty_disk.c -ldl */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
enum access { READS, WRITES };

static long operations;

static int below(int folder, const char *path) {
  const char *under = getenv("FAULT_BELOW");
  char whole[PATH_MAX * 2] = "", link[64];
  ssize_t length = 0;
  if (!under) return 0;
  if (!path || path[0] != '/') {
    if (path && folder == AT_FDCWD) {
      if (!getcwd(whole, PATH_MAX)) return 0;
      length = (ssize_t)strlen(whole);
    } else {
      snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
      length = readlink(link, whole, PATH_MAX);
      if (length < 0) return 0;
    }
    whole[length++] = '/';
  }
  if (path) strncpy(whole + length, path, PATH_MAX - 1);
  return strncmp(whole, under, strlen(under)) == 0;
}

/* Let the process have so much more than it has now, and no more. */
static void limit(int what, rlim_t more) {
  struct rlimit found;
  rlim_t now = 0;
  getrlimit(what, &found);
  if (what == RLIMIT_DATA) {
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    if (file && fscanf(file, "%*u %*u %*u %*u %*u %lu", &pages) == 1) now = pages * (rlim_t)sysconf(_SC_PAGESIZE);
    if (file) fclose(file);
  } else {
    for (int file = 0; file < 4096; file++) now = fcntl(file, F_GETFD) >= 0 ? (rlim_t)file + 1 : now;
  }
  found.rlim_cur = now + more;
  setrlimit(what, &found);
}

/* Count an operation; return the error that it ends with, 0 if it is to go on. */
static int fault(int folder, const char *path, enum access access) {
  int before = errno, found = 0;
  const char *kind = getenv("FAULT_KIND"), *after = getenv("FAULT_AFTER"), *count = getenv("FAULT_COUNT");
  if (!kind || !below(folder, path)) { errno = before; return 0; }
  long now = __atomic_add_fetch(&operations, 1, __ATOMIC_SEQ_CST);
  if (count) {
    /* One width, and never emptied: whoever reads between two operations finds a number. */
    int file = REAL(open)(count, O_WRONLY | O_CREAT, 0600);
    char text[32];
    int length = snprintf(text, sizeof text, "%20ld", now);
    if (file >= 0) { REAL(write)(file, text, (size_t)length); REAL(close)(file); }
  }
  if (now >= (after ? atol(after) : 1)) {
    if (!strcmp(kind, "full") && access == WRITES) found = ENOSPC;
    if (!strcmp(kind, "read-only") && access == WRITES) found = EROFS;
    if (!strcmp(kind, "gone")) found = EIO;
    if (!strcmp(kind, "slow")) usleep(2000);
    if (!strcmp(kind, "memory") && now == atol(after)) limit(RLIMIT_DATA, 8 << 20);
    if (!strcmp(kind, "descriptors") && now == atol(after)) limit(RLIMIT_NOFILE, 2);
    if (!strncmp(kind, "signal ", 7) && now == atol(after)) kill(getpid(), atoi(kind + 7));
  }
  errno = before;
  return found;
}

#define FAIL_AS(found, result) do { int error = (found); if (error) { errno = error; return result; } } while (0)
#define ACCESS(flags) (((flags) & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) ? WRITES : READS)
#define MODE(flags) va_list more; va_start(more, flags); mode_t mode = (mode_t)va_arg(more, int); va_end(more)

int open(const char *path, int flags, ...) {
  MODE(flags);
  FAIL_AS(fault(AT_FDCWD, path, ACCESS(flags)), -1);
  return REAL(open)(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  MODE(flags);
  FAIL_AS(fault(AT_FDCWD, path, ACCESS(flags)), -1);
  return REAL(open64)(path, flags, mode);
}
int openat(int folder, const char *path, int flags, ...) {
  MODE(flags);
  FAIL_AS(fault(folder, path, ACCESS(flags)), -1);
  return REAL(openat)(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
  MODE(flags);
  FAIL_AS(fault(folder, path, ACCESS(flags)), -1);
  return REAL(openat64)(folder, path, flags, mode);
}
ssize_t write(int file, const void *from, size_t size) {
  FAIL_AS(fault(file, NULL, WRITES), -1);
  return REAL(write)(file, from, size);
}
ssize_t writev(int file, const struct iovec *parts, int count) {
  FAIL_AS(fault(file, NULL, WRITES), -1);
  return REAL(writev)(file, parts, count);
}
ssize_t pwrite(int file, const void *from, size_t size, off_t at) {
  FAIL_AS(fault(file, NULL, WRITES), -1);
  return REAL(pwrite)(file, from, size, at);
}
ssize_t pwrite64(int file, const void *from, size_t size, off64_t at) {
  FAIL_AS(fault(file, NULL, WRITES), -1);
  return REAL(pwrite64)(file, from, size, at);
}
ssize_t sendfile(int to, int from, off_t *at, size_t size) {
  FAIL_AS(fault(to, NULL, WRITES), -1);
  return REAL(sendfile)(to, from, at, size);
}
ssize_t read(int file, void *into, size_t size) {
  FAIL_AS(fault(file, NULL, READS), -1);
  return REAL(read)(file, into, size);
}
ssize_t pread(int file, void *into, size_t size, off_t at) {
  FAIL_AS(fault(file, NULL, READS), -1);
  return REAL(pread)(file, into, size, at);
}
ssize_t pread64(int file, void *into, size_t size, off64_t at) {
  FAIL_AS(fault(file, NULL, READS), -1);
  return REAL(pread64)(file, into, size, at);
}
int mkdir(const char *path, mode_t mode) {
  FAIL_AS(fault(AT_FDCWD, path, WRITES), -1);
  return REAL(mkdir)(path, mode);
}
int rename(const char *from, const char *to) {
  FAIL_AS(fault(AT_FDCWD, to, WRITES), -1);
  return REAL(rename)(from, to);
}
int fsync(int file) {
  FAIL_AS(fault(file, NULL, WRITES), -1);
  return REAL(fsync)(file);
}

/* The clock, off by FAULT_CLOCK seconds. */
static long clock_off(void) {
  const char *off = getenv("FAULT_CLOCK");
  return off ? atol(off) : 0;
}
int clock_gettime(clockid_t which, struct timespec *now) {
  int done = REAL(clock_gettime)(which, now);
  if (which == CLOCK_REALTIME) now->tv_sec += clock_off();
  return done;
}
time_t time(time_t *into) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (into) *into = now.tv_sec;
  return now.tv_sec;
}
