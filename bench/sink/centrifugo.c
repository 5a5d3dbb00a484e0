// Centrifugo's JSON protocol: replies and pushes are lines of a text message.
#define _GNU_SOURCE
#include "sink.h"

#include <stdio.h>
#include <string.h>

void send_centrifugo_login(struct client *client) {
  char text[256];
  int size = snprintf(text, sizeof text,
                      "{\"id\":1,\"connect\":{}}\n"
                      "{\"id\":2,\"subscribe\":{\"channel\":\"bench%u\"}}",
                      client->number % (uint32_t)(who.rooms ? who.rooms : 1));
  send_websocket(client, 1, text, (size_t)size);
}

static void take_line(struct client *client, const uint8_t *line, size_t size) {
  static const char DATA[] = "\"data\":";
  if (size == 2) {  // {} is its ping, and the answer
    send_websocket(client, 1, "{}", 2);
  } else if (memmem(line, size, "\"push\"", 6)) {
    const uint8_t *data = memmem(line, size, DATA, sizeof DATA - 1);
    if (data) count_frame(client, data + sizeof DATA - 1, size - (size_t)(data - line));
  } else if (memmem(line, size, "\"error\"", 7)) {
    fprintf(stderr, "centrifugo: %.*s\n", (int)size, line);
    lose_client(client);
  } else if (memmem(line, size, "\"subscribe\"", 11)) {
    client_is_ready(client);
  }
}

void take_centrifugo(struct client *client, const uint8_t *data, size_t size) {
  while (size && client->state != GONE) {
    const uint8_t *end = memchr(data, '\n', size);
    size_t line = end ? (size_t)(end - data) : size;
    if (line) take_line(client, data, line);
    if (!end) break;
    size -= line + 1;
    data = end + 1;
  }
}
