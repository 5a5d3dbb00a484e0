// The load client's parts. main.c tells what it is and which commands it knows.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum transport { WEBSOCKET, TCP, CENTRIFUGO, NATS };
enum state { UNUSED, CONNECTING, UPGRADING, AUTHENTICATING, READY, GONE };

enum {
  READ_BYTES = 1 << 20,    // of one read; no message of a benchmark is longer
  CLIENT_TAG = 1 << 24,    // epoll tags below this are client numbers
  COMMANDS_TAG = CLIENT_TAG,
  PUBLISHER_TAG,
  DATA_OPERATION = 1000,   // of all pushes and of what clients send
};

// ---- numbers.c: time, samples, and the words of a command -------------------------------

struct samples {
  float *values;
  size_t count, capacity;
};

double now(void);  // monotonic seconds
double cpu_seconds(void);
void fail(const char *what);  // end the process with the words of errno
void *resized(void *memory, size_t size);
void add_sample(struct samples *samples, double value);
void clear_samples(struct samples *samples);
double percentile(struct samples *samples, double share);  // 0 without samples

void read_words(char *line);  // NAME KEY=VALUE ...; the line must outlive the command
const char *word(const char *key, const char *otherwise);
double number(const char *key, double otherwise);

// ---- client.c: one connection ------------------------------------------------------------

struct client {
  int socket;
  uint8_t state;
  uint32_t number;      // its place among all clients
  uint32_t generation;  // how often it has connected
  uint32_t frames;      // data frames since it connected
  uint32_t sent;        // what it sent since it connected
  double started_at;    // when it began to connect
  double here_since;    // when it logged in, or changed its room
  double sent_at;       // when it sent what is not answered
  uint8_t *rest;        // the beginning of a message that is not all there
  uint32_t rest_size;
};

struct totals {
  uint64_t frames, answers, messages, reads, bytes, heartbeats, faults;
  uint32_t ready, failed, lost, connecting;
};

struct who {  // what clients say in their auth frame
  enum transport transport;
  int port;
  int64_t first_mid;  // client n is member first_mid + n; 0: nobody is a member
  int first_room, rooms;  // client n is in room first_room + n % rooms; 0 rooms: in none
};

extern struct client *clients;
extern uint32_t client_count;
extern struct totals totals;
extern struct who who;
extern struct samples login_ms;

void open_client(struct client *client);
void close_client(struct client *client);   // by our wish
void lose_client(struct client *client);    // not by our wish
void handle_client(struct client *client, uint32_t events);
void client_is_ready(struct client *client);
void write_client(struct client *client, const void *data, size_t size);

// What a command wants to know. Each may be NULL.
extern void (*on_frame)(struct client *client, const uint8_t *body, size_t size);
extern void (*on_answer)(struct client *client);
extern void (*on_ready)(struct client *client);
extern void (*on_progress)(void);  // after each read

void count_frame(struct client *client, const uint8_t *body, size_t size);

// ---- goim.c, websocket.c, centrifugo.c, nats.c: what the bytes mean ------------------------

// Each takes whole messages off the front and returns how many bytes they were; it may end the
// client, whose state tells then.
size_t take_goim(struct client *client, const uint8_t *data, size_t size);
size_t take_websocket(struct client *client, uint8_t *data, size_t size);
size_t take_upgrade(struct client *client, uint8_t *data, size_t size);
void take_centrifugo(struct client *client, const uint8_t *data, size_t size);
void take_nats(struct client *client, const uint8_t *data, size_t size);

void send_goim(struct client *client, int operation, int sequence, const void *body, size_t size);
void send_upgrade(struct client *client);
void send_websocket(struct client *client, int opcode, const void *payload, size_t size);
void send_login(struct client *client);
int room_of(const struct client *client);
void send_centrifugo_login(struct client *client);
void send_nats_login(struct client *client);

// ---- publisher.c: one connection to NATS, or to what speaks like it -------------------------

struct published {
  uint64_t sent, received, errors;
};
extern struct published published;

void open_publisher(int port);
void close_publisher(void);
void listen_to(const char *subject);
// `subject` may hold a %d, which becomes `number`; `reply` may be "".
void publish(const char *subject, int number, const char *reply, const void *body, size_t size);
// An atomic batch of `count` messages; the last one alone has the reply subject.
void publish_batch(const char *subject, int numbers, const char *reply, const void *body,
                   size_t size, int count);
void flush_publisher(void);
void handle_publisher(void);

// ---- loop.c ----------------------------------------------------------------------------------

void watch(int descriptor, uint32_t events, uint32_t tag);
void watch_again(int descriptor, uint32_t events, uint32_t tag);
void poll_sockets(double seconds);  // handle what is ready, waiting so long for the first
extern bool command_waits;

// ---- commands ----------------------------------------------------------------------------------

void command_connect(void);
void command_disconnect(void);
void command_hold(void);
void command_push(void);
void command_ask(void);
void command_pace(void);
void command_send(void);
void command_mix(void);

void answer(const char *format, ...) __attribute__((format(printf, 1, 2)));  // one line of JSON
