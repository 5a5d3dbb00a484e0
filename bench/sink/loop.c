// The one epoll loop.
#define _GNU_SOURCE
#include "sink.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>

enum { EVENTS = 512 };

bool command_waits;

static int poller = -1;

static void control(int operation, int descriptor, uint32_t events, uint32_t tag) {
  struct epoll_event event = {.events = events, .data.u32 = tag};
  if (poller < 0) poller = epoll_create1(0);
  if (epoll_ctl(poller, operation, descriptor, &event)) fail("epoll_ctl");
}

void watch(int descriptor, uint32_t events, uint32_t tag) {
  control(EPOLL_CTL_ADD, descriptor, events, tag);
}

void watch_again(int descriptor, uint32_t events, uint32_t tag) {
  control(EPOLL_CTL_MOD, descriptor, events, tag);
}

void poll_sockets(double seconds) {
  struct epoll_event events[EVENTS];
  struct timespec wait = {.tv_sec = (time_t)seconds};
  wait.tv_nsec = (long)((seconds - (double)wait.tv_sec) * 1e9);
  int ready = epoll_pwait2(poller, events, EVENTS, &wait, NULL);
  if (ready < 0 && errno != EINTR) fail("epoll_wait");
  for (int i = 0; i < ready; i++) {
    uint32_t tag = events[i].data.u32;
    if (tag < CLIENT_TAG) handle_client(&clients[tag], events[i].events);
    else if (tag == PUBLISHER_TAG) handle_publisher();
    else command_waits = true;
  }
}
