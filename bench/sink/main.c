// sink: the load client of the benchmarks. One process, one epoll loop, any number of clients.
//
// Reads commands on stdin, a line each (NAME KEY=VALUE ...), and answers each on stdout by a line
// of JSON. A command that measures first says {"begins":true} when its warm-up is over, so that
// the caller can read the servers' CPU time at both ends of the same window.
//
//   connect     port transport count first_mid first_room rooms in_flight expect   log in;
//               with `expect`, wait until each client has so many data frames too
//   disconnect  close all
//   hold        seconds                       only read
//   push        port subject first numbers receivers window seconds warm drain
//               publish in a closed
//               loop: at most `window` messages that not all `receivers` have
//   ask         port subject listen window seconds warm body (hex)     the same, where what counts
//               is what the publisher gets on `listen`; its requests carry a reply subject;
//               with `batch` it sends, and has confirmed, so many at once: JetStream's atomic batch
//   pace        port subject first numbers receivers rate seconds      publish by the clock;
//               tells how long each message took to its first and its last receiver
//   send        window seconds warm           clients send; at most `window` not yet answered
//   mix         port room_subject member_subject rooms ... (mix.c)
#define _GNU_SOURCE
#include "sink.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct {
  const char *name;
  void (*run)(void);
} COMMANDS[] = {
    {"connect", command_connect}, {"disconnect", command_disconnect}, {"hold", command_hold},
    {"push", command_push},       {"ask", command_ask},               {"pace", command_pace},
    {"send", command_send},       {"mix", command_mix},
};

void answer(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vprintf(format, values);
  va_end(values);
  putchar('\n');
  fflush(stdout);
}

static void run(char *line) {
  char *name = strsep(&line, " \n");
  read_words(line ? line : name + strlen(name));
  for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++) {
    if (strcmp(COMMANDS[i].name, name)) continue;
    COMMANDS[i].run();
    on_frame = NULL;
    on_answer = on_ready = NULL;
    on_progress = NULL;
    return;
  }
  fprintf(stderr, "sink: no command %s\n", name);
}

int main(void) {
  struct rlimit files;
  char line[8192];
  size_t size = 0;
  signal(SIGPIPE, SIG_IGN);
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  watch(STDIN_FILENO, EPOLLIN, COMMANDS_TAG);
  for (;;) {
    command_waits = false;
    poll_sockets(60);
    if (!command_waits) continue;
    ssize_t more = read(STDIN_FILENO, line + size, sizeof line - 1 - size);
    if (more <= 0) return 0;
    size += (size_t)more;
    line[size] = 0;
    if (line[size - 1] != '\n') continue;
    size = 0;
    run(line);
  }
}
