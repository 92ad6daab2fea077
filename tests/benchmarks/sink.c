/* What the hostile clients talk to in the bridge's place: it reads and drops.
 *
 * usage: sink PORT
 *
 * A handshake is answered with 101, a request with "Connection: close" with an empty page; to all
 * the rest it says nothing.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 64 << 10, BACKLOG = 2048 };

static const char welcome[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\n\r\n",
                  page[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void say(int fd, const char *text) {
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0) return; /* its read tells that it is gone */
}

/* Take what one client has sent; only a connection's first bytes can begin with GET. */
static void take(int fd) {
    static char buffer[READ_BYTES + 1];
    ssize_t got = read(fd, buffer, READ_BYTES);
    if (got <= 0) {
        close(fd);
        return;
    }
    if (memcmp(buffer, "GET", got < 3 ? got : 3)) return;
    buffer[got] = 0;
    if (strstr(buffer, "Upgrade")) {
        say(fd, welcome);
    } else if (strstr(buffer, "Connection: close")) {
        say(fd, page);
        close(fd);
    }
}

int main(int argc, char **argv) {
    struct sockaddr_in at = {.sin_family = AF_INET};
    int epoll = epoll_create1(0), listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    if (argc != 2) return 2;
    at.sin_port = htons(atoi(argv[1]));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0) fail("bind");
    if (listen(listener, BACKLOG) < 0) fail("listen");
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    puts("listening");
    fflush(stdout);
    for (;;) {
        int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                take(fd);
                continue;
            }
            while ((event.data.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
            }
        }
    }
}
