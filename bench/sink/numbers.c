// Time, samples, and the words of a command.
#include "sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { MOST_WORDS = 32 };

static char *words[MOST_WORDS];
static int word_count;

double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double seconds_of(struct timeval time) {
  return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

void fail(const char *what) {
  perror(what);
  exit(1);
}

void *resized(void *memory, size_t size) {
  void *new = realloc(memory, size);
  if (!new) fail("memory");
  return new;
}

void add_sample(struct samples *samples, double value) {
  if (samples->count == samples->capacity) {
    samples->capacity = samples->capacity ? samples->capacity * 2 : 1024;
    samples->values = resized(samples->values, samples->capacity * sizeof *samples->values);
  }
  samples->values[samples->count++] = (float)value;
}

void clear_samples(struct samples *samples) { samples->count = 0; }

static int compare(const void *one, const void *other) {
  float left = *(const float *)one, right = *(const float *)other;
  return (left > right) - (left < right);
}

double percentile(struct samples *samples, double share) {
  if (!samples->count) return 0;
  qsort(samples->values, samples->count, sizeof *samples->values, compare);
  return samples->values[(size_t)(share * (double)(samples->count - 1) + 0.5)];
}

void read_words(char *line) {
  word_count = 0;
  for (char *one = strtok(line, " \n"); one && word_count < MOST_WORDS; one = strtok(NULL, " \n"))
    words[word_count++] = one;
}

const char *word(const char *key, const char *otherwise) {
  size_t length = strlen(key);
  for (int i = 0; i < word_count; i++)
    if (!strncmp(words[i], key, length) && words[i][length] == '=') return words[i] + length + 1;
  return otherwise;
}

double number(const char *key, double otherwise) {
  const char *value = word(key, NULL);
  return value ? atof(value) : otherwise;
}
