// The client's side of RFC 6455, as far as the servers under test use it: no fragments.
#define _GNU_SOURCE
#include "sink.h"

#include <stdio.h>
#include <string.h>

enum { CLOSE = 8, PING = 9, PONG = 10, FIN = 0x80, MASKED = 0x80, LONGEST_SENT = 2048 };

// The example of RFC 6455 section 1.3: a fixed key has a fixed answer.
static const char KEY[] = "dGhlIHNhbXBsZSBub25jZQ==";
static const char ACCEPT[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

void send_upgrade(struct client *client) {
  char request[512];
  const char *path = who.transport == CENTRIFUGO ? "/connection/websocket"
                     : who.transport == NATS     ? "/"
                                                 : "/sub";
  int size = snprintf(request, sizeof request,
                      "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                      "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                      "Sec-WebSocket-Version: 13\r\n\r\n",
                      path, who.port, KEY);
  client->state = UPGRADING;
  write_client(client, request, (size_t)size);
}

size_t take_upgrade(struct client *client, uint8_t *data, size_t size) {
  const uint8_t *end = memmem(data, size, "\r\n\r\n", 4);
  if (!end) return 0;
  size_t head = (size_t)(end - data);
  if (!memmem(data, head, " 101 ", 5) || !memmem(data, head, ACCEPT, sizeof ACCEPT - 1)) {
    fprintf(stderr, "upgrade refused: %.*s\n", (int)(head < 200 ? head : 200), data);
    lose_client(client);
    return 0;
  }
  send_login(client);
  return head + 4;
}

static void take_message(struct client *client, int opcode, const uint8_t *payload, size_t size) {
  if (opcode == PING) {
    send_websocket(client, PONG, payload, size);
  } else if (opcode == CLOSE) {
    lose_client(client);
  } else if (opcode != PONG) {
    totals.messages++;
    if (who.transport == CENTRIFUGO) take_centrifugo(client, payload, size);
    else if (who.transport == NATS) take_nats(client, payload, size);
    else if (take_goim(client, payload, size) != size) totals.faults++;
  }
}

size_t take_websocket(struct client *client, uint8_t *data, size_t size) {
  size_t position = 0;
  while (size - position >= 2 && client->state != GONE) {
    const uint8_t *frame = data + position;
    size_t rest = size - position, head = 2, length = frame[1] & 0x7f;
    if (!(frame[0] & FIN) || frame[1] & MASKED || length == 127) {
      totals.faults++;
      lose_client(client);
      break;
    }
    if (length == 126) {
      if (rest < 4) break;
      length = (size_t)frame[2] << 8 | frame[3];
      head = 4;
    }
    if (rest < head + length) break;
    take_message(client, frame[0] & 0x0f, frame + head, length);
    position += head + length;
  }
  return position;
}

void send_websocket(struct client *client, int opcode, const void *payload, size_t size) {
  static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
  uint8_t frame[8 + LONGEST_SENT];
  size_t head = 2;
  if (size > LONGEST_SENT) return;
  frame[0] = (uint8_t)(FIN | opcode);
  if (size < 126) {
    frame[1] = (uint8_t)(MASKED | size);
  } else {
    frame[1] = MASKED | 126;
    frame[2] = (uint8_t)(size >> 8);
    frame[3] = (uint8_t)size;
    head = 4;
  }
  memcpy(frame + head, mask, sizeof mask);
  head += sizeof mask;
  for (size_t i = 0; i < size; i++) frame[head + i] = ((const uint8_t *)payload)[i] ^ mask[i & 3];
  write_client(client, frame, head + size);
}
