// nats-server's own WebSocket: NATS's protocol in binary messages, each of whole lines.
#define _GNU_SOURCE
#include "sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void send_nats_login(struct client *client) {
  char text[512];
  int size = snprintf(text, sizeof text,
                      "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\","
                      "\"version\":\"1\"}\r\n");
  if (who.rooms)
    size += snprintf(text + size, sizeof text - (size_t)size, "SUB goim.room.bench.%d.> 1\r\n",
                     room_of(client));
  if (who.first_mid)
    size += snprintf(text + size, sizeof text - (size_t)size, "SUB goim.member.%lld.> 2\r\n",
                     (long long)(who.first_mid + client->number));
  size += snprintf(text + size, sizeof text - (size_t)size, "PING\r\n");
  send_websocket(client, 2, text, (size_t)size);
}

// The last word of a MSG line is how many bytes follow it.
static size_t size_of_message(const uint8_t *line, const uint8_t *end) {
  const uint8_t *word = memrchr(line, ' ', (size_t)(end - line));
  return word ? strtoul((const char *)word, NULL, 10) : 0;
}

void take_nats(struct client *client, const uint8_t *data, size_t size) {
  const uint8_t *end = data + size;
  while (data < end && client->state != GONE) {
    const uint8_t *line_end = memmem(data, (size_t)(end - data), "\r\n", 2);
    if (!line_end) break;
    const uint8_t *body = line_end + 2;
    if (!memcmp(data, "MSG ", 4)) {
      size_t length = size_of_message(data, line_end);
      if (length + 2 > (size_t)(end - body)) break;
      count_frame(client, body, length);
      data = body + length + 2;
      continue;
    }
    if (!memcmp(data, "PONG", 4)) client_is_ready(client);
    else if (!memcmp(data, "PING", 4)) send_websocket(client, 2, "PONG\r\n", 6);
    else if (!memcmp(data, "-ERR", 4)) lose_client(client);
    data = body;
  }
  if (data < end && client->state != GONE) totals.faults++;
}
