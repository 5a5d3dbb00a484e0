// connect, disconnect, hold, send: what clients do by themselves.
#include "sink.h"

#include <string.h>
#include <stdlib.h>

static const double MOST_SECONDS = 300;   // for all clients to connect
static const double SILENT_SECONDS = 10;  // without any progress: give up

static struct samples complete_ms, answer_ms;
static uint32_t expected, complete, next_sender, window;

static void note_frame(struct client *client, const uint8_t *body, size_t size) {
  (void)body, (void)size;
  if (client->frames != expected) return;
  complete++;
  add_sample(&complete_ms, (now() - client->started_at) * 1e3);
}

static void read_who(void) {
  const char *transport = word("transport", "ws");
  who.transport = !strcmp(transport, "tcp")          ? TCP
                  : !strcmp(transport, "centrifugo") ? CENTRIFUGO
                  : !strcmp(transport, "nats")       ? NATS
                                                     : WEBSOCKET;
  who.port = (int)number("port", 0);
  who.first_mid = (int64_t)number("first_mid", 0);
  who.first_room = (int)number("first_room", 0);
  who.rooms = (int)number("rooms", 0);
}

static void make_clients(uint32_t count) {
  if (count > client_count) {
    clients = resized(clients, count * sizeof *clients);
    memset(clients + client_count, 0, (count - client_count) * sizeof *clients);
    for (uint32_t i = client_count; i < count; i++) clients[i].number = i;
    client_count = count;
  }
}

void command_connect(void) {
  uint32_t count = (uint32_t)number("count", 1), most = (uint32_t)number("in_flight", 256);
  uint32_t next = 0;
  read_who();
  make_clients(count);
  clear_samples(&login_ms);
  clear_samples(&complete_ms);
  totals.failed = totals.lost = 0;
  expected = (uint32_t)number("expect", 0);
  complete = 0;
  on_frame = note_frame;
  uint64_t frames = totals.frames, seen = 0;
  double began = now(), moved_at = began, ready_at = 0, time = began;
  while (time - began < MOST_SECONDS && time - moved_at < SILENT_SECONDS) {
    while (next < count && totals.connecting < most) {
      if (clients[next].state == UNUSED || clients[next].state == GONE) open_client(&clients[next]);
      next++;
    }
    bool logged_in = next == count && !totals.connecting;
    if (logged_in && !ready_at) ready_at = time;
    if (logged_in && (!expected || complete >= count - totals.failed)) break;
    poll_sockets(0.02);
    time = now();
    uint64_t progress = totals.frames + totals.ready + totals.failed + next;
    if (progress != seen) moved_at = time;
    seen = progress;
  }
  double ended = now();
  if (expected)
    for (double end = now() + 0.5; now() < end;) poll_sockets(0.05);  // for frames too many
  answer("{\"ready\":%u,\"failed\":%u,\"lost\":%u,\"seconds\":%.4f,\"login_ms_p50\":%.3f,"
         "\"login_ms_p99\":%.3f,\"complete\":%u,\"complete_seconds\":%.4f,\"complete_ms_p50\":%.2f,"
         "\"complete_ms_p99\":%.2f,\"frames\":%llu,\"faults\":%llu}",
         totals.ready, totals.failed, totals.lost, (ready_at ? ready_at : ended) - began,
         percentile(&login_ms, 0.5), percentile(&login_ms, 0.99), complete, ended - began,
         percentile(&complete_ms, 0.5), percentile(&complete_ms, 0.99),
         (unsigned long long)(totals.frames - frames), (unsigned long long)totals.faults);
}

void command_disconnect(void) {
  for (uint32_t i = 0; i < client_count; i++) close_client(&clients[i]);
  answer("{\"ready\":%u}", totals.ready);
}

void command_hold(void) {
  uint64_t frames = totals.frames;
  for (double end = now() + number("seconds", 1); now() < end;) poll_sockets(0.02);
  answer("{\"ready\":%u,\"lost\":%u,\"frames\":%llu}", totals.ready, totals.lost,
         (unsigned long long)(totals.frames - frames));
}

static void send_one(void) {
  for (uint32_t tried = 0; tried < client_count; tried++) {
    struct client *client = &clients[next_sender];
    next_sender = (next_sender + 1) % client_count;
    if (client->state != READY || client->sent_at) continue;
    client->sent_at = now();
    send_goim(client, DATA_OPERATION, (int)++client->sent, "{\"test\":1}", 10);
    return;
  }
}

static void note_answer(struct client *client) {
  if (!client->sent_at) return;
  add_sample(&answer_ms, (now() - client->sent_at) * 1e3);
  client->sent_at = 0;
  send_one();
}

void command_send(void) {
  double seconds = number("seconds", 3), warm = number("warm", 1);
  window = (uint32_t)number("window", 1);
  on_answer = note_answer;
  for (uint32_t i = 0; i < client_count; i++) clients[i].sent_at = 0;
  for (uint32_t i = 0; i < window; i++) send_one();
  for (double end = now() + warm; now() < end;) poll_sockets(0.02);
  answer("{\"begins\":true}");
  clear_samples(&answer_ms);
  uint64_t answers = totals.answers, frames = totals.frames;
  double began = now(), cpu = cpu_seconds();
  double end = began + seconds, latest = end + SILENT_SECONDS;
  while (now() < end || (totals.answers == answers && now() < latest)) poll_sockets(0.02);
  double took = now() - began;
  answer("{\"seconds\":%.4f,\"answers\":%llu,\"frames\":%llu,\"answer_ms_p50\":%.3f,"
         "\"answer_ms_p99\":%.3f,\"cpu\":%.3f,\"lost\":%u}",
         took, (unsigned long long)(totals.answers - answers),
         (unsigned long long)(totals.frames - frames), percentile(&answer_ms, 0.5),
         percentile(&answer_ms, 0.99), (cpu_seconds() - cpu) / took, totals.lost);
  on_answer = NULL;
  for (double end = now() + 0.5; now() < end;) poll_sockets(0.02);  // the last answers
}
