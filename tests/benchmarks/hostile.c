/* Clients that do harm, in one lean process: each sends as fast as it can, or at a rate, for ever.
 *
 * usage: hostile PORT CLIENTS MODE PER_S DIRECTORY
 *
 * Client N connects, sends DIRECTORY/hello-N, waits for the answer's head where there was a hello,
 * sends DIRECTORY/first-N once and then DIRECTORY/loop-N again and again. What comes is read and
 * dropped. A client that is closed or refused connects again at once. The modes:
 *   flood    as much as the socket takes
 *   bytes    the same, one byte a write
 *   paced    one frame of the loop, PER_S times a second
 *   request  only the hello: waits for the end of the answer, or of a handshake's head; once more
 *
 * It comes from 127.0.0.2, an address of its own. SIGTERM ends it with one line of JSON.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 << 10,
    TURN_BYTES = 64 << 10, /* sent by one client before the next has its turn */
    TURN_WRITES = 64,
    HEAD_BYTES = 4096,
    NOTED_BYTES = 32, /* of a frame: enough to know an error, or a Close's code */
    STATUSES = 600,
    CODES = 5000,
};

struct bytes {
    char *data;
    size_t size;
};

struct client {
    struct bytes hello, first, loop;
    int fd, answered;     /* answered: the head has come, and now frames come */
    int stage;            /* which of the three is being sent */
    size_t at;            /* how much of it is sent */
    size_t frame_end;     /* paced: where the frame ends that is being sent */
    double due_s, down_s; /* paced: when the next frame may go; when it may connect again */
    char head[HEAD_BYTES + 1];
    size_t head_size;
    unsigned char frame[10 + NOTED_BYTES]; /* the beginning of the frame that is coming */
    size_t frame_size;
    uint64_t frame_left; /* bytes of it that are still to come */
    int code;            /* of the Close that has come */
};

static enum { FLOOD, BYTES, PACED, REQUEST } mode;
static struct client *clients;
static int client_count, port, epoll;
static double per_s;
static volatile sig_atomic_t stopped;
static uint64_t sent, received, connections, refused, errors, answers[STATUSES], codes[CODES];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static struct bytes load(const char *directory, const char *name, int number) {
    char path[4096];
    struct bytes found;
    snprintf(path, sizeof path, "%s/%s-%d", directory, name, number);
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    fseek(file, 0, SEEK_END);
    found.size = ftell(file);
    rewind(file);
    found.data = malloc(found.size + 1);
    if (fread(found.data, 1, found.size, file) != found.size) fail(path);
    fclose(file);
    return found;
}

static void drop(struct client *c) {
    close(c->fd);
    c->fd = -1;
}

static void start(struct client *c) {
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = c - clients};
    int on = 1;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) fail("socket");
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from) < 0) fail("bind");
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
        refused++; /* no port is free, or nobody listens */
        drop(c);
        c->down_s = now_s() + 0.01;
        return;
    }
    connections++;
    c->answered = c->stage = c->code = 0;
    c->at = c->frame_end = c->head_size = c->frame_size = c->frame_left = 0;
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
}

/* Take the end of a connection: `code` 0 says that it was cut. */
static void end(struct client *c) {
    if (mode != REQUEST) c->answered || !c->hello.size ? codes[c->code]++ : refused++;
    drop(c);
}

static void note_frame(struct client *c, size_t head) {
    const char *text = (const char *)c->frame + head;
    if (c->frame[0] == 0x88 && c->frame_size >= head + 2) {
        c->code = c->frame[head] << 8 | c->frame[head + 1];
        if (c->code >= CODES) c->code = 0;
    } else if (c->frame_size > head + 16 && !memcmp(text + 9, "\"error\"", 7)) {
        errors++;
    }
}

static void take_frames(struct client *c, const unsigned char *data, size_t size) {
    while (size) {
        size_t length = c->frame[1], head = length == 127 ? 10 : length == 126 ? 4 : 2;
        if (c->frame_size < 2 || c->frame_size < head) {
            c->frame[c->frame_size++] = *data++;
            size--;
            length = c->frame[1], head = length == 127 ? 10 : length == 126 ? 4 : 2;
            if (c->frame_size < 2 || c->frame_size < head) continue;
            c->frame_left = length < 126 ? length : 0;
            for (size_t i = 2; i < head; i++) c->frame_left = c->frame_left << 8 | c->frame[i];
        }
        size_t part = size < c->frame_left ? size : c->frame_left;
        size_t room = sizeof c->frame - c->frame_size, noted = part < room ? part : room;
        memcpy(c->frame + c->frame_size, data, noted);
        c->frame_size += noted;
        c->frame_left -= part;
        data += part;
        size -= part;
        if (!c->frame_left) {
            note_frame(c, head);
            c->frame_size = 0;
        }
    }
}

static void note_status(const char *text) {
    int status = atoi(text + 9);
    if (status > 0 && status < STATUSES) answers[status]++;
}

/* Take an answer's head; frames may follow it at once. */
static void take_head(struct client *c, const char *data, size_t size) {
    size_t part = HEAD_BYTES - c->head_size < size ? HEAD_BYTES - c->head_size : size;
    memcpy(c->head + c->head_size, data, part);
    c->head_size += part;
    c->head[c->head_size] = 0;
    char *found = strstr(c->head, "\r\n\r\n");
    if (!found) return;
    note_status(c->head);
    if (strncmp(c->head, "HTTP/1.1 101", 12)) {
        c->head_size = 0; /* a refusal or a page: read until its end */
        return;
    }
    c->answered = 1;
    size_t used = found + 4 - c->head;
    take_frames(c, (unsigned char *)found + 4, c->head_size - used);
    take_frames(c, (const unsigned char *)data + part, size - part);
}

static void count_answers(const char *data, size_t size) {
    const char *at = data;
    while ((at = memmem(at, data + size - at, "HTTP/1.1 ", 9))) {
        if (data + size - at >= 12) note_status(at);
        at += 9;
    }
}

static void on_readable(struct client *c) {
    static char buffer[READ_BYTES];
    ssize_t got = read(c->fd, buffer, READ_BYTES);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        end(c);
        return;
    }
    received += got;
    if (!c->hello.size) {
        count_answers(buffer, got);
    } else if (c->answered) {
        take_frames(c, (unsigned char *)buffer, got);
    } else {
        take_head(c, buffer, got);
    }
    if (mode == REQUEST && c->answered) drop(c);
}

/* Write some; return how much, or -1 where the connection takes no more now. */
static ssize_t put(struct client *c, const char *data, size_t size) {
    ssize_t done = send(c->fd, data, size, MSG_NOSIGNAL);
    if (done > 0) sent += done;
    return done;
}

static size_t frame_size(const unsigned char *frame) {
    size_t length = frame[1] & 127;
    if (length < 126) return 6 + length;
    return 8 + (frame[2] << 8 | frame[3]); /* 127 does not occur: 64 KiB are the most allowed */
}

/* Send what this turn allows; what cannot be sent now goes in a later one. */
static void send_more(struct client *c, double at_s) {
    size_t turn = 0;
    for (int writes = 0; c->fd >= 0 && turn < TURN_BYTES && writes < TURN_WRITES; writes++) {
        struct bytes *part = c->stage == 0 ? &c->hello : c->stage == 1 ? &c->first : &c->loop;
        if (c->at == part->size) {
            if (c->stage == 0 && c->hello.size && !c->answered) return;
            if (c->stage == 2 && !part->size) return;
            c->at = c->frame_end = 0;
            if (c->stage < 2) {
                c->stage++, c->due_s = at_s;
                continue;
            }
        }
        size_t end = part->size;
        if (mode == BYTES && c->stage == 2) end = c->at + 1;
        if (mode == PACED && c->stage == 2) {
            if (c->at == c->frame_end) {
                if (at_s < c->due_s) return;
                c->due_s += 1 / per_s;
                c->frame_end += frame_size((unsigned char *)part->data + c->at);
            }
            end = c->frame_end;
        }
        ssize_t done = put(c, part->data + c->at, end - c->at);
        if (done <= 0) return; /* the end of a connection is what its read tells */
        c->at += done;
        turn += done;
    }
}

static void stop(int number) { stopped = number; }

static void print_counts(const char *name, const uint64_t *counts, int size) {
    const char *comma = "";
    printf(", \"%s\": {", name);
    for (int i = 0; i < size; i++) {
        if (counts[i]) printf("%s\"%d\": %lu", comma, i, counts[i]), comma = ", ";
    }
    printf("}");
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: hostile PORT CLIENTS MODE PER_S DIRECTORY\n");
        return 2;
    }
    static const char *modes[] = {"flood", "bytes", "paced", "request"};
    for (int i = 0; i < 4; i++) mode = strcmp(argv[3], modes[i]) ? mode : (unsigned)i;
    port = atoi(argv[1]), client_count = atoi(argv[2]), per_s = atof(argv[4]);
    clients = calloc(client_count, sizeof *clients);
    epoll = epoll_create1(0);
    for (int i = 0; i < client_count; i++) {
        clients[i].hello = load(argv[5], "hello", i);
        clients[i].first = load(argv[5], "first", i);
        clients[i].loop = load(argv[5], "loop", i);
        clients[i].fd = -1;
    }
    signal(SIGTERM, stop);
    double started_s = now_s();
    while (!stopped) {
        struct epoll_event events[256];
        uint64_t before = sent + received + connections;
        for (int i = 0; i < client_count; i++) {
            double at_s = now_s();
            if (clients[i].fd < 0 && at_s >= clients[i].down_s) start(&clients[i]);
            if (clients[i].fd >= 0) send_more(&clients[i], at_s);
        }
        /* Where nothing could be sent, it rests for a moment; paced clients always do. */
        int idle = mode == PACED || sent + received + connections == before;
        int count = epoll_wait(epoll, events, 256, idle);
        for (int i = 0; i < count; i++) {
            struct client *c = &clients[events[i].data.u32];
            if (c->fd >= 0) on_readable(c);
        }
    }
    printf("{\"seconds\": %.3f, \"sent\": %lu, \"received\": %lu, \"connections\": %lu, "
           "\"refused\": %lu, \"errors\": %lu",
           now_s() - started_s, sent, received, connections, refused, errors);
    print_counts("closed", codes, CODES);
    print_counts("answers", answers, STATUSES);
    printf("}\n");
    return 0;
}
