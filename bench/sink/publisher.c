// One connection to NATS, or to what speaks like it: publishes, and counts what it is sent.
#define _GNU_SOURCE
#include "sink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LONGEST_HEAD = 512 };

struct published published;

static int nats = -1;
static bool waits_for_room;  // in the kernel's buffer
static char *output, *input;
static size_t output_size, output_capacity, input_size;

static void append(const void *data, size_t size) {
  if (output_size + size > output_capacity) {
    output_capacity = (output_size + size) * 2;
    output = resized(output, output_capacity);
  }
  memcpy(output + output_size, data, size);
  output_size += size;
}

void open_publisher(int port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  int on = 1;
  char info[4096];
  static const char CONNECT[] =
      "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,"
      "\"name\":\"bench\",\"lang\":\"c\",\"version\":\"1\"}\r\n";
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  nats = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(nats, (struct sockaddr *)&to, sizeof to)) fail("publisher");
  if (read(nats, info, sizeof info) <= 0) fail("publisher");  // INFO
  setsockopt(nats, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  published = (struct published){0};
  output_size = input_size = 0;
  waits_for_room = false;
  append(CONNECT, sizeof CONNECT - 1);
  if (!input) input = resized(NULL, READ_BYTES);
  watch(nats, EPOLLIN, PUBLISHER_TAG);
}

void close_publisher(void) {
  if (nats >= 0) close(nats);
  nats = -1;
}

void listen_to(const char *subject) {
  char line[LONGEST_HEAD];
  int size = snprintf(line, sizeof line, "SUB %s 1\r\n", subject);
  append(line, (size_t)size);
}

// The subject with the number in place of its %d.
static const char *named(const char *subject, int number) {
  static char name[LONGEST_HEAD / 2];
  const char *mark = strstr(subject, "%d");
  if (!mark) return subject;
  snprintf(name, sizeof name, "%.*s%d%s", (int)(mark - subject), subject, number, mark + 2);
  return name;
}

static void append_message(const char *head, const char *headers, const void *body, size_t size) {
  append(head, strlen(head));
  append(headers, strlen(headers));
  append(body, size);
  append("\r\n", 2);
  published.sent++;
}

void publish(const char *subject, int number, const char *reply, const void *body, size_t size) {
  char head[LONGEST_HEAD];
  snprintf(head, sizeof head, "PUB %s %s %zu\r\n", named(subject, number), reply, size);
  append_message(head, "", body, size);
}

void publish_batch(const char *subject, int numbers, const char *reply, const void *body,
                   size_t size, int count) {
  char head[LONGEST_HEAD], headers[LONGEST_HEAD];
  uint64_t id = (uint64_t)(now() * 1e9);  // no other run has it
  for (int i = 1; i <= count; i++) {
    const char *name = named(subject, (int)(published.sent % (uint64_t)numbers));
    int length = snprintf(headers, sizeof headers,
                          "NATS/1.0\r\nNats-Msg-Id: %llu.%d\r\nNats-Batch-Id: %llu\r\n"
                          "Nats-Batch-Sequence: %d\r\n%s\r\n",
                          (unsigned long long)id, i, (unsigned long long)id, i,
                          i == count ? "Nats-Batch-Commit: 1\r\n" : "");
    snprintf(head, sizeof head, "HPUB %s %s %d %zu\r\n", name, i == count ? reply : "", length,
             (size_t)length + size);
    append_message(head, headers, body, size);
  }
}

void flush_publisher(void) {
  size_t done = 0;
  while (done < output_size) {
    ssize_t size = send(nats, output + done, output_size - done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size > 0) done += (size_t)size;
    else if (errno == EAGAIN) break;
    else fail("publisher");
  }
  output_size -= done;
  memmove(output, output + done, output_size);
  if (waits_for_room == (output_size > 0)) return;
  waits_for_room = output_size > 0;
  watch_again(nats, EPOLLIN | (waits_for_room ? EPOLLOUT : 0u), PUBLISHER_TAG);
}

// MSG subject sid [reply] size, or HMSG subject sid [reply] header-size size
static size_t take_message(const char *line, const char *line_end, size_t size) {
  const char *digits = line_end;
  while (digits[-1] != ' ') digits--;
  size_t payload = strtoul(digits, NULL, 10);
  size_t whole = (size_t)(line_end - line) + 2 + payload + 2;
  if (whole > size) return 0;
  const uint8_t *begin = (const uint8_t *)line_end + 2;
  published.received++;
  bool refused = line[0] == 'H' ? !!memmem(begin, payload, "NATS/1.0 503", 12)
                                : !!memmem(begin, payload, "\"error\"", 7);
  if (refused) {
    if (!published.errors++) fprintf(stderr, "refused: %.*s\n", (int)payload, (const char *)begin);
  }
  return whole;
}

void handle_publisher(void) {
  flush_publisher();
  ssize_t more = recv(nats, input + input_size, READ_BYTES - input_size, MSG_DONTWAIT);
  if (more == 0) {
    fprintf(stderr, "the publisher was cut off\n");
    exit(1);
  }
  if (more < 0) return;
  input_size += (size_t)more;
  size_t position = 0;
  while (position < input_size) {
    const char *line = input + position;
    size_t rest = input_size - position;
    const char *end = memmem(line, rest, "\r\n", 2);
    if (!end) break;
    if (!strncmp(line, "MSG ", 4) || !strncmp(line, "HMSG ", 5)) {
      size_t whole = take_message(line, end, rest);
      if (!whole) break;
      position += whole;
      continue;
    }
    if (!strncmp(line, "PING", 4)) append("PONG\r\n", 6);
    else if (line[0] == '-') fprintf(stderr, "NATS: %.*s\n", (int)(end - line), line);
    position += (size_t)(end - line) + 2;
  }
  input_size -= position;
  memmove(input, input + position, input_size);
  if (output_size) flush_publisher();
  if (on_progress) on_progress();
}
