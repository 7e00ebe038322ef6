// The service that the benchmarks send to: so fast that it is not what is measured.
//
// One thread, one epoll, no allocation for a request. It prints its port and then answers HTTP/1.1
// on 127.0.0.1 until it is killed: POST /refuse with 422, GET /count with the number of POSTs so
// far, and every other POST with 200 and some 180 bytes of JSON.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 4096, ROOM = 32768, MAX_EVENTS = 256 };

struct connection {
    int length;
    char received[ROOM];
};

static struct connection *connections[MAX_CONNECTIONS];
static long posts;

static const char ACCEPTED[] =
    "{\"id\":\"7f0c2a4e-1b9d-4c55-9e0a-3d2f6b8a9c10\",\"state\":\"accepted\",\"amount\":4200,"
    "\"currency\":\"EUR\",\"at\":\"2026-01-02T03:04:05Z\",\"note\":\"accepted by the target of the "
    "benchmark\"}";
static const char REFUSED[] = "{\"error\":\"refused\"}";

static int write_reply(char *to, const char *status, const char *body) {
    return sprintf(to,
                   "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                   status, strlen(body), body);
}

static int answer(const char *request, char *to) {
    if (!strncmp(request, "GET /count ", 11)) {
        char count[32];
        sprintf(count, "%ld", posts);
        return write_reply(to, "200 OK", count);
    }
    posts++;
    if (!strncmp(request, "POST /refuse ", 13))
        return write_reply(to, "422 Unprocessable Content", REFUSED);
    return write_reply(to, "200 OK", ACCEPTED);
}

// The length of the request at `from`, or 0 where a part of it has not come yet.
static int whole_request(const char *from, int length) {
    const char *end = memmem(from, length, "\r\n\r\n", 4);
    if (!end) return 0;
    int body = 0;
    for (const char *line = from; line < end; line = strchr(line, '\n') + 1)
        if (!strncasecmp(line, "content-length:", 15)) body = atoi(line + 15);
    int whole = (int)(end - from) + 4 + body;
    return whole <= length ? whole : 0;
}

// Answer what has come whole; -1 where the connection is lost.
static int serve(int fd, struct connection *c) {
    static char replies[1 << 20];
    int used = 0, done = 0, size;
    while ((size = whole_request(c->received + done, c->length - done))) {
        used += answer(c->received + done, replies + used);
        done += size;
    }
    memmove(c->received, c->received + done, c->length -= done);
    c->received[c->length] = 0;
    for (int sent = 0; sent < used;) {
        ssize_t n = write(fd, replies + sent, used - sent);
        if (n < 0) return -1;
        sent += n;
    }
    return 0;
}

static int receive(int fd) {
    struct connection *c = connections[fd];
    ssize_t n = read(fd, c->received + c->length, ROOM - 1 - c->length);
    if (n <= 0) return n < 0 && errno == EINTR ? 0 : -1;
    c->length += n;
    c->received[c->length] = 0;
    return serve(fd, c);
}

static void welcome(int listening, int poll) {
    int one = 1, fd = accept(listening, NULL, NULL);
    if (fd < 0) return;
    if (fd >= MAX_CONNECTIONS) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (!connections[fd]) connections[fd] = malloc(sizeof **connections);
    connections[fd]->length = 0;
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &wanted);
}

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listening, (void *)&address, size) || listen(listening, 1024) ||
        getsockname(listening, (void *)&address, &size)) {
        perror("target");
        return 1;
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    int poll = epoll_create1(0);
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = listening}, ready[MAX_EVENTS];
    epoll_ctl(poll, EPOLL_CTL_ADD, listening, &wanted);
    for (;;) {
        int n = epoll_wait(poll, ready, MAX_EVENTS, -1);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == listening)
                welcome(listening, poll);
            else if (receive(fd) < 0)
                close(fd);
        }
    }
}
