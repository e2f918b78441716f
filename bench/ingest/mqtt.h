/* MQTT 3.1.1 over plain sockets, as little of it as a load program needs; see mqtt_load.c. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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

#define MAX_CONNECTIONS 1024
#define MAX_PAYLOAD (1 << 16)
#define IN_SIZE (1 << 18)
#define OUT_SIZE (1 << 18)

struct connection {
    int fd, number, window;
    unsigned next_id;
    long sent;
    int topics, room;
    char (*topic)[96];
    unsigned char *in, *out;
    size_t in_len, out_len;
};

static struct connection all[MAX_CONNECTIONS];
static int count;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static size_t put_text(unsigned char *to, const char *text) {
    size_t n = strlen(text);
    to[0] = n >> 8;
    to[1] = n & 255;
    memcpy(to + 2, text, n);
    return n + 2;
}

static size_t put_length(unsigned char *to, size_t n) {
    size_t i = 0;
    do {
        to[i] = n % 128 | (n >= 128 ? 128 : 0);
        n /= 128;
        i++;
    } while (n);
    return i;
}

static void write_all(int fd, const unsigned char *data, size_t n) {
    while (n) {
        ssize_t done = write(fd, data, n);
        if (done < 0) die("write");
        data += done;
        n -= done;
    }
}

static void read_exactly(int fd, unsigned char *to, size_t n) {
    while (n) {
        ssize_t got = read(fd, to, n);
        if (got <= 0) die("read");
        to += got;
        n -= got;
    }
}

static void open_connection(struct connection *c, const char *host, int port, const char *user, const char *password) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    unsigned char body[512], packet[520], answer[4];
    inet_pton(AF_INET, host, &at.sin_addr);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&at, sizeof at)) die("connect");
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    size_t n = put_text(body, "MQTT");
    body[n++] = 4;
    body[n++] = 0xC2; /* user name, password, clean session */
    body[n++] = 0;
    body[n++] = 120;
    n += put_text(body + n, user);
    n += put_text(body + n, user);
    n += put_text(body + n, password);
    packet[0] = 0x10;
    size_t head = 1 + put_length(packet + 1, n);
    memcpy(packet + head, body, n);
    write_all(c->fd, packet, head + n);
    read_exactly(c->fd, answer, 4);
    if (answer[3]) {
        fprintf(stderr, "%s refused: %d\n", user, answer[3]);
        exit(1);
    }
    c->in = malloc(IN_SIZE);
    c->out = malloc(OUT_SIZE);
}

static void subscribe(struct connection *c, const char *filter, int qos) {
    unsigned char body[256], packet[260], answer[5];
    size_t n = 0;
    body[n++] = 0;
    body[n++] = 1;
    n += put_text(body + n, filter);
    body[n++] = qos;
    packet[0] = 0x82;
    size_t head = 1 + put_length(packet + 1, n);
    memcpy(packet + head, body, n);
    write_all(c->fd, packet, head + n);
    read_exactly(c->fd, answer, 5);
}

static void flush_out(struct connection *c) {
    size_t at = 0;
    while (at < c->out_len) {
        ssize_t done = write(c->fd, c->out + at, c->out_len - at);
        if (done < 0 && errno == EAGAIN) break;
        if (done < 0) die("write");
        at += done;
    }
    memmove(c->out, c->out + at, c->out_len - at);
    c->out_len -= at;
}

/* Called for a PUBLISH of QoS 0: length of the topic (2 bytes), topic, payload. */
static void (*on_receipt)(const unsigned char *body, size_t length);

/* Takes every whole packet; gives how many of `kind` there were. A PUBLISH of QoS 1 is acknowledged into `out`. */
static long take(struct connection *c, int kind) {
    long found = 0;
    size_t at = 0;
    while (c->in_len - at >= 2) {
        size_t i = at + 1, length = 0;
        int shift = 0, whole = 0;
        while (i < c->in_len && shift < 28) {
            length |= (size_t)(c->in[i] & 127) << shift;
            shift += 7;
            if (!(c->in[i++] & 128)) {
                whole = 1;
                break;
            }
        }
        if (!whole || i + length > c->in_len) break;
        if (c->in[at] == 0x30 && on_receipt) {
            on_receipt(c->in + i, length);
        } else if ((c->in[at] & 0xF0) == kind) {
            found++;
            if (kind == 0x30) {
                size_t id = i + 2 + (c->in[i] << 8 | c->in[i + 1]);
                unsigned char *ack = c->out + c->out_len;
                ack[0] = 0x40;
                ack[1] = 2;
                ack[2] = c->in[id];
                ack[3] = c->in[id + 1];
                c->out_len += 4;
            }
        }
        at = i + length;
    }
    memmove(c->in, c->in + at, c->in_len - at);
    c->in_len -= at;
    return found;
}

static int watch(void) {
    int loop = epoll_create1(0);
    for (int i = 0; i < count; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &all[i]};
        fcntl(all[i].fd, F_SETFL, O_NONBLOCK);
        epoll_ctl(loop, EPOLL_CTL_ADD, all[i].fd, &e);
    }
    return loop;
}

static long receive(struct connection *c, int kind) {
    ssize_t got = read(c->fd, c->in + c->in_len, IN_SIZE - c->in_len);
    if (got == 0 || (got < 0 && errno != EAGAIN)) die("connection lost");
    if (got > 0) c->in_len += got;
    return take(c, kind);
}
