/* The least a fan-out can cost: librdkafka's consumer, the same frames, one write a client.
 *
 * usage: loop PORT BROKERS TOPIC CLIENTS
 *
 * Waits for CLIENTS connections, then reads the topic from its end. What is there is taken as one
 * batch and written to one client after the other. It knows no symbols, no snapshot and no limits,
 * and a client that does not read stops it for all.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* What is used of librdkafka, whose library comes with confluent-kafka, but not its header. */
typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_conf_s rd_kafka_conf_t;
typedef struct rd_kafka_queue_s rd_kafka_queue_t;
typedef struct rd_kafka_topic_partition_list_s rd_kafka_list_t;
typedef struct {
    int err;
    void *topic;
    int32_t partition;
    void *payload;
    size_t len;
    void *key;
    size_t key_len;
    int64_t offset;
    void *private_;
} rd_kafka_message_t;
extern rd_kafka_conf_t *rd_kafka_conf_new(void);
extern int rd_kafka_conf_set(rd_kafka_conf_t *, const char *, const char *, char *, size_t);
extern rd_kafka_t *rd_kafka_new(int, rd_kafka_conf_t *, char *, size_t);
extern int rd_kafka_poll_set_consumer(rd_kafka_t *);
extern rd_kafka_list_t *rd_kafka_topic_partition_list_new(int);
extern void *rd_kafka_topic_partition_list_add(rd_kafka_list_t *, const char *, int32_t);
extern int rd_kafka_topic_partition_list_set_offset(rd_kafka_list_t *, const char *, int32_t,
                                                    int64_t);
extern int rd_kafka_assign(rd_kafka_t *, const rd_kafka_list_t *);
extern rd_kafka_queue_t *rd_kafka_queue_get_consumer(rd_kafka_t *);
extern rd_kafka_message_t *rd_kafka_consumer_poll(rd_kafka_t *, int);
extern ssize_t rd_kafka_consume_batch_queue(rd_kafka_queue_t *, int, rd_kafka_message_t **, size_t);
extern void rd_kafka_message_destroy(rd_kafka_message_t *);

enum { CONSUMER = 1, PARTITIONS = 3, BATCH = 2000, OFFSET_END = -1 };

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char error[256];
    if (rd_kafka_conf_set(conf, name, value, error, sizeof error)) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }
}

static rd_kafka_t *follow(const char *brokers, const char *topic) {
    char error[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS);
    set(conf, "bootstrap.servers", brokers);
    set(conf, "group.id", "bare-loop");
    set(conf, "enable.auto.commit", "false");
    set(conf, "fetch.wait.max.ms", "100");
    rd_kafka_t *kafka = rd_kafka_new(CONSUMER, conf, error, sizeof error);
    if (!kafka) fail(error);
    rd_kafka_poll_set_consumer(kafka);
    for (int p = 0; p < PARTITIONS; p++) {
        rd_kafka_topic_partition_list_add(list, topic, p);
        /* Without it the group's coordinator would be asked, which takes seconds at first. */
        rd_kafka_topic_partition_list_set_offset(list, topic, p, OFFSET_END);
    }
    if (rd_kafka_assign(kafka, list)) fail("assign");
    return kafka;
}

/* Put the record's JSON, with its place, into a frame; return the frame's length. */
static size_t frame(unsigned char *to, const rd_kafka_message_t *m) {
    static const char head[] = "{\"event\":\"stock-tick\",\"data\":";
    char place[80];
    size_t place_len = sprintf(place, ",\"partition\":%d,\"offset\":%ld}}", m->partition, m->offset);
    size_t body = m->len - 1; /* without the closing brace */
    size_t length = sizeof head - 1 + body + place_len, at = 4;
    to[0] = 0x81, to[1] = 126, to[2] = length >> 8, to[3] = length & 255;
    if (length < 126) to[1] = length, at = 2;
    memcpy(to + at, head, sizeof head - 1);
    memcpy(to + at + sizeof head - 1, m->payload, body);
    memcpy(to + at + sizeof head - 1 + body, place, place_len);
    return at + length;
}

static int welcome(int listener) {
    static const char answer[] =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    char request[4096];
    int one = 1, size = 64 << 10, fd = accept(listener, NULL, NULL);
    if (fd < 0 || read(fd, request, sizeof request) <= 0) fail("accept");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (write(fd, answer, sizeof answer - 1) < 0) fail("write");
    return fd;
}

static void write_all(int fd, const unsigned char *data, size_t size) {
    while (size) {
        ssize_t sent = write(fd, data, size);
        if (sent < 0) exit(0); /* the client has seen enough */
        data += sent, size -= sent;
    }
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: loop PORT BROKERS TOPIC CLIENTS\n");
        return 2;
    }
    static unsigned char data[BATCH * 512];
    static rd_kafka_message_t *messages[BATCH];
    int one = 1, count = atoi(argv[4]), listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int *fds = calloc(count, sizeof *fds);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 2048)) fail("listen");
    puts("listening");
    fflush(stdout);
    for (int i = 0; i < count; i++) fds[i] = welcome(listener);
    rd_kafka_t *kafka = follow(argv[2], argv[3]);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(kafka);
    for (;;) {
        ssize_t got = 0;
        size_t size = 0;
        if ((messages[0] = rd_kafka_consumer_poll(kafka, 1000)) == NULL) continue;
        got = 1 + rd_kafka_consume_batch_queue(queue, 0, messages + 1, BATCH - 1);
        for (ssize_t i = 0; i < got; i++) {
            if (!messages[i]->err && messages[i]->len < 400) size += frame(data + size, messages[i]);
            rd_kafka_message_destroy(messages[i]);
        }
        for (int i = 0; size && i < count; i++) write_all(fds[i], data, size);
    }
}
