/* A raw MQTT 3.1.1 publisher and subscriber: the broker's own speed, with nothing else in the way.
 *
 *   mqtt_load pub HOST PORT MESSAGES WINDOW BASE_MS < credentials   one "user password topic" a line
 *   mqtt_load sub HOST PORT MESSAGES CHUNK           < credentials   one "user password filter" a line
 *
 * The publisher sends MESSAGES positions of QoS 1, WINDOW unacknowledged at most on each connection, and prints
 * the monotonic seconds of its first publish and of its last PUBACK. The subscriber prints "ready", a line for each
 * CHUNK messages received and acknowledged, and ends after MESSAGES.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 1024
#define IN_SIZE (1 << 18)
#define OUT_SIZE (1 << 18)

struct connection {
    int fd, number, window;
    unsigned next_id;
    long sent;
    char topic[128];
    unsigned char *in, *out;
    size_t in_len, out_len;
};

static struct connection all[MAX_CONNECTIONS];
static int count;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
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

static void subscribe(struct connection *c, const char *filter) {
    unsigned char body[256], packet[260], answer[5];
    size_t n = 0;
    body[n++] = 0;
    body[n++] = 1;
    n += put_text(body + n, filter);
    body[n++] = 1;
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

/* Takes every whole packet; gives how many of `kind` there were. A PUBLISH is acknowledged into `out`. */
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
        if ((c->in[at] & 0xF0) == kind) {
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

static void publish_some(struct connection *c, long share, int window, long long base_ms) {
    char payload[256];
    while (c->sent < share && c->window < window && c->out_len + 512 < OUT_SIZE) {
        long seq = c->sent++;
        int n = snprintf(payload, sizeof payload,
                         "{\"time\": %lld, \"lon\": %.6f, \"lat\": %.6f, \"speed_kmh\": %.1f, \"heading_deg\": %ld, "
                         "\"mileage_km\": %.2f, \"load_state\": \"partial\", \"boot\": 1, \"seq\": %ld}",
                         base_ms + seq, 122.0 + (seq % 1000) * 1e-4, 41.1 + c->number * 1e-4, 20 + (seq % 400) / 10.0,
                         seq % 360, 12345.6 + seq * 0.01, seq);
        size_t body = 2 + strlen(c->topic) + 2 + n;
        unsigned char *to = c->out + c->out_len;
        to[0] = 0x32;
        size_t at = 1 + put_length(to + 1, body);
        at += put_text(to + at, c->topic);
        c->next_id = c->next_id % 65535 + 1;
        to[at++] = c->next_id >> 8;
        to[at++] = c->next_id & 255;
        memcpy(to + at, payload, n);
        c->out_len += at + n;
        c->window++;
    }
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

static void run_publisher(long messages, int window, long long base_ms) {
    int loop = watch();
    struct epoll_event ready[MAX_CONNECTIONS];
    long acknowledged = 0, share = messages / count;
    double began = now();
    for (int i = 0; i < count; i++) publish_some(&all[i], share, window, base_ms);
    for (int i = 0; i < count; i++) flush_out(&all[i]);
    while (acknowledged < share * count) {
        int n = epoll_wait(loop, ready, MAX_CONNECTIONS, 5);
        for (int i = 0; i < n; i++) {
            struct connection *c = ready[i].data.ptr;
            long acks = receive(c, 0x40);
            acknowledged += acks;
            c->window -= acks;
            publish_some(c, share, window, base_ms);
            flush_out(c);
        }
        if (!n)
            for (int i = 0; i < count; i++) flush_out(&all[i]);
    }
    printf("%.6f %.6f\n", began, now());
}

static void run_subscriber(long messages, long chunk) {
    int loop = watch();
    struct epoll_event ready[MAX_CONNECTIONS];
    long received = 0, told = 0;
    printf("ready\n");
    fflush(stdout);
    while (received < messages) {
        int n = epoll_wait(loop, ready, MAX_CONNECTIONS, 5);
        for (int i = 0; i < n; i++) {
            struct connection *c = ready[i].data.ptr;
            received += receive(c, 0x30);
            flush_out(c);
        }
        while (received - told >= chunk || (received >= messages && told < received)) {
            told += received - told >= chunk ? chunk : received - told;
            printf("%ld\n", told);
            fflush(stdout);
        }
    }
    printf("%.6f\n", now());
}

int main(int argc, char **argv) {
    char user[64], password[128], topic[128];
    if (argc < 6) return 2;
    int publishes = !strcmp(argv[1], "pub");
    while (count < MAX_CONNECTIONS && scanf("%63s %127s %127s", user, password, topic) == 3) {
        struct connection *c = &all[count];
        c->number = count++;
        open_connection(c, argv[2], atoi(argv[3]), user, password);
        if (publishes) strcpy(c->topic, topic);
        else subscribe(c, topic);
    }
    if (publishes) run_publisher(atol(argv[4]), atoi(argv[5]), argc > 6 ? atoll(argv[6]) : 0);
    else run_subscriber(atol(argv[4]), atol(argv[5]));
    return 0;
}
