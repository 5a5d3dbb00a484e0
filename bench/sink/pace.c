// pace and mix: publishing by the clock, and how long each message takes.
#include "sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double DRAIN_SECONDS = 1;

struct sending {
  double at, last_at;
  uint32_t arrivals;
};

static struct sending *sendings;
static uint64_t capacity, counted_from;  // messages before that were the warm-up
static uint64_t replayed;                // what a client got that was sent before it came
static struct samples frame_ms, last_ms;

static void publish_numbered(const char *subject, int number) {
  char body[32];
  if (published.sent == capacity) {
    capacity = capacity ? capacity * 2 : 4096;
    sendings = resized(sendings, capacity * sizeof *sendings);
  }
  sendings[published.sent] = (struct sending){.at = now()};
  int size = snprintf(body, sizeof body, "{\"n\":%llu}", (unsigned long long)published.sent);
  publish(subject, number, "", body, (size_t)size);
}

static void note_frame(struct client *client, const uint8_t *body, size_t size) {
  if (size < 7 || size > 30 || memcmp(body, "{\"n\":", 5)) return;
  uint64_t which = strtoull((const char *)body + 5, NULL, 10);
  if (which < counted_from || which >= published.sent) return;
  struct sending *sending = &sendings[which];
  if (sending->at < client->here_since) {
    replayed++;
    return;
  }
  sending->last_at = now();
  sending->arrivals++;
  add_sample(&frame_ms, (sending->last_at - sending->at) * 1e3);
}

static void begin(void) {
  on_frame = note_frame;
  clear_samples(&frame_ms);
  clear_samples(&last_ms);
  totals.lost = 0;
  replayed = 0;
  counted_from = UINT64_MAX;
  open_publisher((int)number("port", 0));
}

// How often something is due at `rate` a second, since the last time this was asked.
static int due(double *next, double rate, double time) {
  int count = 0;
  while (rate > 0 && *next <= time) {
    *next += 1 / rate;
    count++;
  }
  return count;
}

void command_pace(void) {
  const char *subject = word("subject", "bench");
  int first = (int)number("first", 0), numbers = (int)number("numbers", 1);
  uint32_t receivers = (uint32_t)number("receivers", 1), incomplete = 0;
  double rate = number("rate", 10), warm = number("warm", 1);
  begin();
  double began = now(), next = began, measured_at = began + warm;
  double end = measured_at + number("seconds", 10);
  for (double time = began; time < end; time = now()) {
    if (counted_from == UINT64_MAX && time >= measured_at) {
      counted_from = published.sent;
      answer("{\"begins\":true}");
    }
    for (int i = due(&next, rate, time); i > 0; i--)
      publish_numbered(subject, first + (int)(published.sent % (uint64_t)numbers));
    flush_publisher();
    double wait = next - now();
    if (wait > 0) poll_sockets(wait);
    else poll_sockets(0);
  }
  for (double last = now() + DRAIN_SECONDS; now() < last;) poll_sockets(0.02);
  for (uint64_t i = counted_from; i < published.sent; i++) {
    if (sendings[i].arrivals == receivers) add_sample(&last_ms, (sendings[i].last_at - sendings[i].at) * 1e3);
    else incomplete++;
  }
  close_publisher();
  answer("{\"messages\":%zu,\"incomplete\":%u,\"last_ms_p50\":%.4f,\"last_ms_p99\":%.4f,"
         "\"last_ms_max\":%.4f,\"frame_ms_p50\":%.4f,\"frame_ms_p99\":%.4f,\"lost\":%u}",
         last_ms.count, incomplete, percentile(&last_ms, 0.5), percentile(&last_ms, 0.99),
         percentile(&last_ms, 1), percentile(&frame_ms, 0.5), percentile(&frame_ms, 0.99),
         totals.lost);
}

static struct client *any_client(void) { return &clients[(uint32_t)rand() % client_count]; }

static void change_room(struct client *client) {
  char room[32];
  if (client->state != READY || !who.rooms) return;
  client->here_since = now();
  int size = snprintf(room, sizeof room, "bench://%d", rand() % who.rooms);
  send_goim(client, 12, (int)++client->sent, room, (size_t)size);
}

static void reconnect(struct client *client) {
  if (client->state != READY) return;
  close_client(client);
  open_client(client);
}

// All at once: pushes to rooms and members, heartbeats, changes of room, and clients that leave
// and come back. Keys: port room_subject room_rate member_subject member_rate heartbeat_rate
// change_rate reconnect_rate seconds warm; rates are per second, over all clients.
void command_mix(void) {
  const char *room_subject = word("room_subject", ""), *member_subject = word("member_subject", "");
  double rates[5] = {number("room_rate", 0), number("member_rate", 0), number("heartbeat_rate", 0),
                     number("change_rate", 0), number("reconnect_rate", 0)};
  uint64_t done[5] = {0}, frames = 0, heartbeats = totals.heartbeats;
  double next[5], began, end, measured_at;
  uint32_t beating = 0;
  begin();
  clear_samples(&login_ms);
  began = now();
  measured_at = began + number("warm", 1);
  end = measured_at + number("seconds", 60);
  for (int i = 0; i < 5; i++) next[i] = began;
  for (double time = began; time < end; time = now()) {
    if (counted_from == UINT64_MAX && time >= measured_at) {
      counted_from = published.sent;
      frames = totals.frames;
      answer("{\"begins\":true}");
    }
    for (int kind = 0; kind < 5; kind++) {
      for (int i = due(&next[kind], rates[kind], time); i > 0; i--) {
        done[kind]++;
        struct client *client = any_client();
        if (kind == 0) publish_numbered(room_subject, rand() % (who.rooms ? who.rooms : 1));
        if (kind == 1) publish_numbered(member_subject, (int)(who.first_mid + client->number));
        if (kind == 2 && clients[beating++ % client_count].state == READY)
          send_goim(&clients[(beating - 1) % client_count], 2, 0, "", 0);
        if (kind == 3) change_room(client);
        if (kind == 4) reconnect(client);
      }
    }
    flush_publisher();
    poll_sockets(0.001);
  }
  frames = totals.frames - frames;
  for (double last = now() + DRAIN_SECONDS; now() < last;) poll_sockets(0.02);
  close_publisher();
  answer("{\"seconds\":%.3f,\"frames\":%llu,\"frame_ms_p50\":%.3f,\"frame_ms_p99\":%.3f,"
         "\"frame_ms_max\":%.3f,\"login_ms_p50\":%.3f,\"login_ms_p99\":%.3f,\"pushes\":%llu,"
         "\"heartbeats\":%llu,\"answered\":%llu,\"changes\":%llu,\"replayed\":%llu,\"reconnects\":%llu,\"ready\":%u,"
         "\"failed\":%u,\"lost\":%u,\"faults\":%llu}",
         end - measured_at, (unsigned long long)frames, percentile(&frame_ms, 0.5),
         percentile(&frame_ms, 0.99), percentile(&frame_ms, 1), percentile(&login_ms, 0.5),
         percentile(&login_ms, 0.99), (unsigned long long)(done[0] + done[1]),
         (unsigned long long)done[2], (unsigned long long)(totals.heartbeats - heartbeats),
         (unsigned long long)done[3], (unsigned long long)replayed, (unsigned long long)done[4], totals.ready, totals.failed,
         totals.lost, (unsigned long long)totals.faults);
}
