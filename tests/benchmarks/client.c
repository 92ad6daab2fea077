/* Many WebSocket clients in one lean process: counts ticks, and measures their delay.
 *
 * usage: client PORT CLIENTS SECONDS WARMUP_S MESSAGE [DRAIN_S]
 *
 * Connects CLIENTS times, sends each MESSAGE ("%d" in it becomes the client's number, "%1$d" more
 * than once; empty: says nothing, and expects no ticks; @FILE: client N sends the file's line N),
 * waits until each has got a tick, reads for WARMUP_S, prints "start", reads for SECONDS and prints
 * one line of JSON. The delay runs from a tick's timestamp (ms) to the read that brought it; `last`
 * is that of the tick's last client.
 *
 * With DRAIN_S it prints "joined" when each has got a tick, and waits for a line before it goes on.
 * The ticks that were made in SECONDS are then those that count, whenever they come: after "end" it
 * reads on until each client has got a later one, for at most DRAIN_S.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_BYTES = 256 << 10,
    BUCKETS = 200000, /* of 0.1 ms: up to 20 s */
    PLACES = 1 << 17, /* ticks whose clients are counted at a time */
    FIRST_TICK_S = 120,
};

struct client {
    int fd;
    int served;  /* has got a tick */
    int done;    /* has been closed, or has got a tick that was made after the end */
    int closed;
    size_t held; /* bytes of a frame that has not come whole */
    size_t room;
    unsigned char *tail;
};

struct histogram {
    uint64_t buckets[BUCKETS + 1], count;
};

struct place {
    uint64_t tick; /* its offset and partition */
    int clients;   /* that have got it */
};

static struct histogram delays, last_delays;
static struct place places[PLACES];
static uint64_t reads, skipped;
static double longest_ms;
static int measuring, client_count, served, closed, done, told;
static double first_ms, end_ms; /* when the ticks were made that count; 0: those that come */

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static double now_s(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu_s(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

enum { TOLD = UINT32_MAX }; /* what epoll calls the standard input */
enum { TEXT = 0x81, CLOSE = 0x88, PING = 0x89, PONG = 0x8a };

static void say(int fd, int type, const char *message) {
    static unsigned char frame[65536 + 8];
    size_t length = strlen(message), at = 0;
    frame[at++] = type;
    if (length < 126) {
        frame[at++] = 0x80 | length;
    } else {
        frame[at++] = 0x80 | 126;
        frame[at++] = length >> 8;
        frame[at++] = length & 255;
    }
    memset(frame + at, 0, 4); /* a mask of zeros leaves the payload as it is */
    memcpy(frame + at + 4, message, length);
    if (write(fd, frame, at + 4 + length) < 0 && !told) fail("write");
}

/* Write a client's message: the file's line of its number, or `message` with the number in it. */
static void word(char *text, size_t room, const char *message, int number) {
    static FILE *lines;
    if (*message != '@') {
        snprintf(text, room, message, number);
        return;
    }
    if (!lines && !(lines = fopen(message + 1, "r"))) fail(message + 1);
    if (!fgets(text, room, lines)) fail("the file has no more lines");
    text[strcspn(text, "\n")] = 0;
}

static int join(int port, int number, const char *message) {
    static const char request[] =
        "GET /ws HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    static char text[65536];
    char answer[4096] = "";
    size_t got = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) fail("connect");
    if (write(fd, request, sizeof request - 1) < 0) fail("write");
    while (!strstr(answer, "\r\n\r\n")) { /* byte by byte: frames may follow at once */
        if (got == sizeof answer - 1 || read(fd, answer + got, 1) != 1) fail("handshake");
        answer[++got] = 0;
    }
    if (strncmp(answer, "HTTP/1.1 101", 12)) {
        fprintf(stderr, "refused: %s\n", answer);
        exit(1);
    }
    word(text, sizeof text, message, number);
    if (*text) say(fd, TEXT, text);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void note(struct histogram *h, double delay_ms) {
    h->buckets[delay_ms * 10 < BUCKETS ? (int)(delay_ms * 10) : BUCKETS]++;
    h->count++;
}

/* Return the number after `name` in text[from..length); 0 where there is none. */
static uint64_t number(const char *text, size_t from, size_t length, const char *name) {
    size_t size = strlen(name);
    for (size_t i = from; i + size < length; i++) {
        /* memmem would first build a table: this is half of the time. */
        if (text[i] == name[0] && text[i + 1] == name[1] && !memcmp(text + i, name, size)) {
            return strtoull(text + i + size, NULL, 10);
        }
    }
    return 0;
}

/* Count the tick's clients by its place on the topic: the last one makes its delay complete. */
static void note_place(const char *text, size_t length, double delay_ms) {
    size_t from = length > 48 ? length - 48 : 0;
    uint64_t partition = number(text, from, length, "\"partition\":");
    uint64_t tick = number(text, from, length, "\"offset\":") * 64 + partition + 1;
    struct place *place = &places[tick % PLACES];
    if (place->tick != tick) *place = (struct place){.tick = tick};
    if (++place->clients == client_count) note(&last_delays, delay_ms);
}

static int is_event(const char *text, const char *name) {
    text += text[9] == ' ' ? 11 : 10; /* {"event":"NAME, with or without a space */
    return !strncmp(text, name, strlen(name));
}

static void finish(struct client *c) {
    if (!c->done) c->done = 1, done++;
}

static void take(struct client *c, const char *text, size_t length, double now_ms) {
    double made_ms, delay_ms;
    if (length < 24) return;
    if (measuring && is_event(text, "conflated")) {
        skipped += number(text, 16, length, "\"skipped\":");
    }
    if (!is_event(text, "stock-tick")) return;
    if (!c->served) c->served = 1, served++;
    if (!measuring) return;
    made_ms = number(text, 24, length, "\"timestamp\":");
    if (made_ms < first_ms) return;
    if (end_ms && made_ms >= end_ms) {
        finish(c);
        return;
    }
    delay_ms = now_ms - made_ms;
    if (delay_ms < 0) delay_ms = 0;
    if (delay_ms > longest_ms) longest_ms = delay_ms;
    note(&delays, delay_ms);
    note_place(text, length, delay_ms);
}

static void note_closed(struct client *c) {
    if (!c->closed) c->closed = 1, closed++;
    finish(c);
}

/* Take the whole frames; return how many bytes they have. */
static size_t parse(struct client *c, const unsigned char *data, size_t size, double now_ms) {
    size_t at = 0;
    while (size - at >= 2) {
        size_t head = 2, length = data[at + 1];
        if (length == 126) {
            if (size - at < 4) break;
            head = 4, length = data[at + 2] << 8 | data[at + 3];
        } else if (length == 127) {
            if (size - at < 10) break;
            head = 10, length = 0;
            for (int i = 2; i < 10; i++) length = length << 8 | data[at + i];
        }
        if (size - at < head + length) break;
        if (data[at] == TEXT) {
            take(c, (const char *)data + at + head, length, now_ms);
        } else if (data[at] == CLOSE) {
            note_closed(c);
        } else if (data[at] == PING) {
            say(c->fd, PONG, ""); /* ours are empty */
        } else {
            fprintf(stderr, "a corrupt frame: %02x\n", data[at]);
            exit(1);
        }
        at += head + length;
    }
    return at;
}

static void on_readable(struct client *c) {
    static unsigned char buffer[READ_BYTES * 5];
    size_t used;
    ssize_t got;
    if (c->held) memcpy(buffer, c->tail, c->held);
    got = read(c->fd, buffer + c->held, READ_BYTES);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        close(c->fd);
        note_closed(c);
        return;
    }
    reads += measuring;
    used = parse(c, buffer, c->held + got, now_s(CLOCK_REALTIME) * 1000);
    c->held = c->held + got - used;
    if (c->held > READ_BYTES * 4) {
        fprintf(stderr, "a frame too long\n");
        exit(1);
    }
    if (c->held > c->room) c->tail = realloc(c->tail, c->room = c->held * 2);
    if (c->held) memcpy(c->tail, buffer + used, c->held);
}

static void read_for(int epoll, struct client *clients, double seconds) {
    struct epoll_event events[256];
    double end = now_s(CLOCK_MONOTONIC) + seconds, left;
    while ((left = end - now_s(CLOCK_MONOTONIC)) > 0) {
        int count = epoll_wait(epoll, events, 256, left * 1000 + 1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.u32 == TOLD) {
                told += getchar() != 0;
                return;
            }
            on_readable(&clients[events[i].data.u32]);
        }
    }
}

/* Say that all have joined, and read until a line says to go on. */
static void wait_to_be_told(int epoll, struct client *clients) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = TOLD};
    epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event);
    puts("joined");
    fflush(stdout);
    while (!told) read_for(epoll, clients, 1);
    epoll_ctl(epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
}

/* Read the ticks that were made before `end_ms` and have not come yet. */
static void drain(int epoll, struct client *clients, double seconds) {
    double end = now_s(CLOCK_MONOTONIC) + seconds;
    puts("end");
    fflush(stdout);
    while (done < client_count && now_s(CLOCK_MONOTONIC) < end) read_for(epoll, clients, 0.05);
}

static void wait_for_first_ticks(int epoll, struct client *clients) {
    for (int tries = 0; served < client_count; tries++) {
        if (tries == FIRST_TICK_S * 100) {
            fprintf(stderr, "%d of %d clients got no tick in %d s, %d were closed\n",
                    client_count - served, client_count, FIRST_TICK_S, closed);
            exit(1);
        }
        read_for(epoll, clients, 0.01);
    }
}

static double percentile_ms(const struct histogram *h, double share) {
    uint64_t seen = 0;
    for (int i = 0; i <= BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen && seen >= share * h->count) return i / 10.0;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 6 && argc != 7) {
        fprintf(stderr, "usage: client PORT CLIENTS SECONDS WARMUP_S MESSAGE [DRAIN_S]\n");
        return 2;
    }
    const char *message = argv[5];
    double drain_s = argc == 7 ? atof(argv[6]) : 0;
    signal(SIGPIPE, SIG_IGN); /* a bridge that is killed is what some want to see */
    int epoll = epoll_create1(0);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    client_count = atoi(argv[2]);
    struct client *clients = calloc(client_count, sizeof *clients);
    for (int i = 0; i < client_count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        clients[i].fd = join(atoi(argv[1]), i, message);
        epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].fd, &event);
        if (i % 64 == 0) read_for(epoll, clients, 0.0001); /* those that are in get ticks already */
    }
    if (*message) wait_for_first_ticks(epoll, clients);
    if (drain_s) wait_to_be_told(epoll, clients);
    read_for(epoll, clients, atof(argv[4]));
    puts("start");
    fflush(stdout);
    measuring = 1;
    double start = now_s(CLOCK_MONOTONIC), cpu = cpu_s(), start_ms = now_s(CLOCK_REALTIME) * 1000;
    if (drain_s) first_ms = (int64_t)start_ms;
    read_for(epoll, clients, atof(argv[3]));
    double took = now_s(CLOCK_MONOTONIC) - start, used = cpu_s() - cpu;
    if (drain_s) {
        end_ms = (int64_t)(now_s(CLOCK_REALTIME) * 1000);
        drain(epoll, clients, drain_s);
    }
    printf("{\"ticks\": %lu, \"reads\": %lu, \"skipped\": %lu, \"closed\": %d, "
           "\"seconds\": %.3f, \"cpu_s\": %.4f, \"p50_ms\": %.1f, \"p99_ms\": %.1f, "
           "\"max_ms\": %.1f, \"last_p50_ms\": %.1f, \"starved\": %d, "
           "\"first_ms\": %.0f, \"end_ms\": %.0f}\n",
           delays.count, reads, skipped, closed, took, used, percentile_ms(&delays, 0.5),
           percentile_ms(&delays, 0.99), longest_ms, percentile_ms(&last_delays, 0.5),
           drain_s ? client_count - done : 0, first_ms, end_ms);
    return 0;
}
