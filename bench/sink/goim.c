// goim's frames: 16 bytes of header (packet length, header length, version, operation,
// sequence), then the body. schemas/frame.py describes them.
#include "sink.h"

#include <stdio.h>
#include <string.h>

enum { HEADER = 16, LONGEST_SENT = 1024 };
enum { HEARTBEAT_REPLY = 3, LOGIN = 7, LOGIN_REPLY = 8, BATCH = 9, ROOM_REPLY = 13 };

static uint32_t read32(const uint8_t *data) {
  return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

static void write32(uint8_t *data, uint32_t value) {
  for (int i = 0; i < 4; i++) data[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void take_frame(struct client *client, const uint8_t *frame, size_t length) {
  const uint8_t *body = frame + HEADER;
  size_t size = length - HEADER;
  switch (read32(frame + 8)) {
    case DATA_OPERATION:
      if (size) {
        count_frame(client, body, size);
      } else {
        totals.answers++;
        if (on_answer) on_answer(client);
      }
      break;
    case BATCH:
      if (take_goim(client, body, size) != size && client->state != GONE) {
        totals.faults++;
        lose_client(client);
      }
      break;
    case LOGIN_REPLY: client_is_ready(client); break;
    case HEARTBEAT_REPLY: totals.heartbeats++; break;
    case ROOM_REPLY: break;
    default: totals.faults++;
  }
}

size_t take_goim(struct client *client, const uint8_t *data, size_t size) {
  size_t position = 0;
  while (size - position >= HEADER && client->state != GONE) {
    uint32_t length = read32(data + position);
    if (length < HEADER || length > READ_BYTES / 2) {
      totals.faults++;
      lose_client(client);
      break;
    }
    if (length > size - position) break;
    take_frame(client, data + position, length);
    position += length;
  }
  return position;
}

void send_goim(struct client *client, int operation, int sequence, const void *body, size_t size) {
  uint8_t frame[HEADER + LONGEST_SENT];
  if (size > LONGEST_SENT) return;
  write32(frame, (uint32_t)(HEADER + size));
  memcpy(frame + 4, "\0\x10\0\1", 4);
  write32(frame + 8, (uint32_t)operation);
  write32(frame + 12, (uint32_t)sequence);
  memcpy(frame + HEADER, body, size);
  if (who.transport == TCP) write_client(client, frame, HEADER + size);
  else send_websocket(client, 2, frame, HEADER + size);
}

int room_of(const struct client *client) {
  return who.first_room + (int)(client->number % (uint32_t)who.rooms);
}

void send_login(struct client *client) {
  char body[LONGEST_SENT], room[64] = "";
  client->state = AUTHENTICATING;
  if (who.transport == CENTRIFUGO) {
    send_centrifugo_login(client);
    return;
  }
  if (who.transport == NATS) {
    send_nats_login(client);
    return;
  }
  int64_t mid = who.first_mid ? who.first_mid + client->number : 0;
  if (who.rooms) snprintf(room, sizeof room, "bench://%d", room_of(client));
  int size = snprintf(body, sizeof body,
                      "{\"mid\":%lld,\"room_id\":\"%s\",\"platform\":\"web\",\"accepts\":[%d]}",
                      (long long)mid, room, DATA_OPERATION);
  send_goim(client, LOGIN, 1, body, (size_t)size);
}
