// One connection: opening, reading, writing, closing.
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

enum { SOURCES = 200 };  // loopback addresses to connect from: each has 28,000 ports

struct client *clients;
uint32_t client_count;
struct totals totals;
struct who who;
struct samples login_ms;
void (*on_frame)(struct client *, const uint8_t *, size_t);
void (*on_answer)(struct client *);
void (*on_ready)(struct client *);
void (*on_progress)(void);

static uint8_t *input;

static struct sockaddr_in loopback(uint32_t host, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + host);
  return address;
}

void open_client(struct client *client) {
  int on = 1;
  struct sockaddr_in from = loopback((client->number + client->generation) % SOURCES, 0);
  struct sockaddr_in to = loopback(0, who.port);
  client->generation++;
  client->frames = client->sent = 0;
  client->started_at = now();
  client->state = CONNECTING;
  totals.connecting++;
  client->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (client->socket < 0) fail("socket");
  setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(client->socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(client->socket, (struct sockaddr *)&from, sizeof from)) fail("bind");
  watch(client->socket, EPOLLOUT, client->number);
  if (connect(client->socket, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)
    lose_client(client);
}

static void end_client(struct client *client) {
  if (client->state == READY) totals.ready--;
  else totals.connecting--;
  close(client->socket);
  client->socket = -1;
  client->state = GONE;
  free(client->rest);
  client->rest = NULL;
  client->rest_size = 0;
}

void close_client(struct client *client) {
  if (client->state != UNUSED && client->state != GONE) end_client(client);
}

void lose_client(struct client *client) {
  if (client->state == UNUSED || client->state == GONE) return;
  if (client->state == READY) totals.lost++;
  else totals.failed++;
  end_client(client);
}

void client_is_ready(struct client *client) {
  if (client->state == READY) return;
  client->state = READY;
  totals.connecting--;
  totals.ready++;
  client->here_since = now();
  add_sample(&login_ms, (client->here_since - client->started_at) * 1e3);
  if (on_ready) on_ready(client);
}

void write_client(struct client *client, const void *data, size_t size) {
  // What a client writes is tiny: when the kernel has no place for it, something is wrong.
  if (write(client->socket, data, size) != (ssize_t)size) lose_client(client);
}

void count_frame(struct client *client, const uint8_t *body, size_t size) {
  totals.frames++;
  client->frames++;
  if (on_frame) on_frame(client, body, size);
}

static void handle_connected(struct client *client) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(client->socket, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error) {
    fprintf(stderr, "connect: %s\n", strerror(error));
    lose_client(client);
    return;
  }
  watch_again(client->socket, EPOLLIN, client->number);
  if (who.transport == TCP) send_login(client);
  else send_upgrade(client);
}

static void keep_rest(struct client *client, const uint8_t *data, size_t size) {
  if (size) {
    client->rest = resized(client->rest, size);
    memcpy(client->rest, data, size);
  } else if (client->rest) {
    free(client->rest);
    client->rest = NULL;
  }
  client->rest_size = (uint32_t)size;
}

static void handle_readable(struct client *client) {
  if (!input) input = resized(NULL, READ_BYTES);
  size_t size = client->rest_size;
  memcpy(input, client->rest ? client->rest : input, size);
  ssize_t more = read(client->socket, input + size, READ_BYTES - size);
  if (more <= 0) {
    if (more < 0 && (errno == EAGAIN || errno == EINTR)) return;
    lose_client(client);
    return;
  }
  totals.reads++;
  totals.bytes += (uint64_t)more;
  size += (size_t)more;
  size_t taken = 0;
  if (client->state == UPGRADING) taken = take_upgrade(client, input, size);
  if (client->state == AUTHENTICATING || client->state == READY)
    taken += who.transport == TCP ? take_goim(client, input, size)
                                  : take_websocket(client, input + taken, size - taken);
  if (client->state == GONE) return;
  if (size - taken == READ_BYTES) {
    totals.faults++;
    lose_client(client);
    return;
  }
  keep_rest(client, input + taken, size - taken);
}

void handle_client(struct client *client, uint32_t events) {
  (void)events;
  if (client->state == UNUSED || client->state == GONE) return;
  if (client->state == CONNECTING) handle_connected(client);
  else handle_readable(client);
  if (on_progress) on_progress();
}
