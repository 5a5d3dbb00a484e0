// push and ask: publishing in a closed loop, so that the publisher is never ahead of the server.
#include "sink.h"

#include <stdio.h>
#include <string.h>

static const double SILENT_SECONDS = 3;  // nothing comes any more: messages were lost

static const char *subject, *reply;
static uint64_t window, receivers, already;
static int first, numbers;
static uint64_t batch;  // messages that are sent, and confirmed, together
static uint8_t body[4096];
static size_t body_size;

static uint64_t finished(void) {
  return *reply || !receivers ? published.received * batch : (totals.frames - already) / receivers;
}

static void keep_window_full(void) {
  uint64_t sent = published.sent;
  while (published.sent - finished() + batch <= window) {
    if (batch > 1) publish_batch(subject, numbers, reply, body, body_size, (int)batch);
    else publish(subject, first + (int)(published.sent % (uint64_t)numbers), reply, body, body_size);
  }
  if (published.sent != sent) flush_publisher();
}

// For so long, and on until one is finished: a disk may take longer for the first.
static void run_for(double seconds, const char **ending) {
  uint64_t began = finished(), seen = began;
  double moved_at = now();
  for (double end = now() + seconds; now() < end || seen == began;) {
    poll_sockets(0.02);
    if (finished() != seen) {
      seen = finished();
      moved_at = now();
    } else if (now() - moved_at > SILENT_SECONDS) {
      *ending = "stalled";
      return;
    }
  }
}

static void drain(void) {
  double silent = number("drain", 0.3);
  uint64_t seen;
  window = 0;
  do {
    seen = finished() + totals.frames;
    for (double end = now() + silent; now() < end;) poll_sockets(0.02);
  } while (finished() + totals.frames != seen);
}

static void measure(void) {
  double seconds = number("seconds", 3), warm = number("warm", 1);
  const char *ending = "";
  window = (uint64_t)number("window", 1);
  on_progress = keep_window_full;
  keep_window_full();
  if (warm > 0) run_for(warm, &ending);
  answer("{\"begins\":true}");
  struct totals before = totals;
  uint64_t messages = finished();
  double began = now(), cpu = cpu_seconds();
  if (!*ending) run_for(seconds, &ending);
  double took = now() - began;
  struct totals after = totals;
  messages = finished() - messages;
  cpu = (cpu_seconds() - cpu) / took;
  drain();
  uint64_t wanted = published.sent * receivers, got = totals.frames - already;
  close_publisher();
  answer("{\"seconds\":%.4f,\"messages\":%llu,\"frames\":%llu,\"bytes\":%llu,\"reads\":%llu,"
         "\"cpu\":%.3f,\"missing\":%lld,\"wanted\":%llu,\"errors\":%llu,\"lost\":%u,\"faults\":%llu,"
         "\"ending\":\"%s\"}",
         took, (unsigned long long)messages, (unsigned long long)(after.frames - before.frames),
         (unsigned long long)(after.bytes - before.bytes),
         (unsigned long long)(after.reads - before.reads), cpu,
         receivers ? (long long)(wanted - got) : 0LL, (unsigned long long)wanted,
         (unsigned long long)published.errors,
         totals.lost, (unsigned long long)totals.faults, ending);
}

void command_push(void) {
  subject = word("subject", "bench");
  reply = "";
  first = (int)number("first", 0);
  numbers = (int)number("numbers", 1);
  receivers = (uint64_t)number("receivers", 1);
  batch = 1;
  body_size = (size_t)snprintf((char *)body, sizeof body, "{\"test\":1}");
  totals.lost = 0;
  open_publisher((int)number("port", 0));
  already = totals.frames;
  measure();
}

void command_ask(void) {
  const char *hex = word("body", "");
  subject = word("subject", "bench");
  reply = word("reply", "");
  first = (int)number("first", 0);
  numbers = (int)number("numbers", 1);
  receivers = 0;
  batch = (uint64_t)number("batch", 1);
  body_size = strlen(hex) / 2;
  for (size_t i = 0; i < body_size; i++) sscanf(hex + 2 * i, "%2hhx", &body[i]);
  open_publisher((int)number("port", 0));
  listen_to(word("listen", *reply ? reply : "bench"));
  measure();
}
