/* A raw MQTT publisher and subscriber: the broker's own speed, with nothing else in the way.
 *
 *   mqtt_load pub HOST PORT MESSAGES WINDOW BASE_MS POSITIONS RATE < credentials   "user password topic" a line
 *   mqtt_load sub HOST PORT MESSAGES CHUNK                         < credentials   "user password filter" a line
 *
 * Lines of one user that follow each other share its connection. The publisher sends MESSAGES messages of QoS 1,
 * POSITIONS positions in each, to a connection's topics in turn, with WINDOW unacknowledged at most on each
 * connection; RATE 0 is as fast as it goes. It prints the monotonic seconds of its first publish and of its last
 * PUBACK. With a RATE (messages/s) a position's time is the time of day, and "S topic seq seconds" follows for each
 * message. `dev` is `pub` that also reads receipts: it prints "R topic payload" for each until it is terminated.
 * The subscriber prints "ready", a line for each CHUNK messages received and acknowledged, and ends after MESSAGES.
 */
#include "mqtt.h"

struct sending {
    long messages, sent;
    int window, positions, rate;
    long long base_ms;
    double began, *when;
};

static volatile sig_atomic_t ended;

static void end(int number) {
    (void)number;
    ended = 1;
}

static void put_digits(char *to, long long value, int digits) {
    while (digits--) {
        to[digits] = '0' + value % 10;
        value /= 10;
    }
}

/* One position of topic `number`; about a tenth of the price of printf. */
static int put_position(char *to, int number, long seq, long long time_ms) {
    static const char form[] = "{\"time\": 0000000000000, \"lon\": 122.000000, \"lat\": 41.000000, \"speed_kmh\": 00.0, "
                               "\"heading_deg\": 000, \"mileage_km\": 00000.00, \"load_state\": \"partial\", "
                               "\"boot\": 1, \"seq\": ";
    memcpy(to, form, sizeof form - 1);
    put_digits(to + 9, time_ms, 13);
    put_digits(to + 35, seq % 1000 * 100 + number % 100, 6);
    put_digits(to + 53, number * 37L % 1000000, 6);
    put_digits(to + 74, 20 + seq % 60, 2);
    put_digits(to + 77, seq % 10, 1);
    put_digits(to + 95, 100 + seq % 260, 3);
    put_digits(to + 114, 12345 + seq / 100 % 80000, 5);
    put_digits(to + 120, seq % 100, 2);
    char digits[20];
    int n = sizeof form - 1, k = 0;
    do digits[k++] = '0' + seq % 10;
    while (seq /= 10);
    while (k) to[n++] = digits[--k];
    to[n++] = '}';
    return n;
}

static int put_payload(char *to, const struct sending *s, int number, long turn) {
    long long at = s->rate ? (long long)(now(CLOCK_REALTIME) * 1000) : s->base_ms + turn * s->positions;
    if (s->positions == 1) return put_position(to, number, turn, at);
    int n = 0;
    for (int i = 0; i < s->positions; i++) {
        to[n++] = i ? ',' : '[';
        n += put_position(to + n, number, turn * s->positions + i, at + i);
    }
    to[n++] = ']';
    return n;
}

static long allowed(const struct sending *s) {
    if (!s->rate) return s->messages;
    long due = (now(CLOCK_MONOTONIC) - s->began) * s->rate;
    return due < s->messages ? due : s->messages;
}

/* A publisher is woken by half a window of PUBACKs, not by each: it shall not take the processor it measures. */
static void wake_after(struct connection *c, int acks) {
    int bytes = acks > 1 ? 4 * acks : 1;
    setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
}

static void publish_some(struct connection *c, struct sending *s, long due) {
    static char payload[MAX_PAYLOAD];
    while (c->sent < s->messages / count && s->sent < due && c->window < s->window &&
           c->out_len + s->positions * 256L + 512 < OUT_SIZE) {
        int topic = c->sent % c->topics;
        int n = put_payload(payload, s, c->number + topic, c->sent / c->topics);
        if (s->when) s->when[s->sent * 3] = c->number + topic, s->when[s->sent * 3 + 1] = c->sent / c->topics,
                     s->when[s->sent * 3 + 2] = now(CLOCK_REALTIME);
        if (++c->sent == s->messages / count) wake_after(c, 1);
        s->sent++;
        size_t body = 2 + strlen(c->topic[topic]) + 2 + n;
        unsigned char *to = c->out + c->out_len;
        to[0] = 0x32;
        size_t at = 1 + put_length(to + 1, body);
        at += put_text(to + at, c->topic[topic]);
        c->next_id = c->next_id % 65535 + 1;
        to[at++] = c->next_id >> 8;
        to[at++] = c->next_id & 255;
        memcpy(to + at, payload, n);
        c->out_len += at + n;
        c->window++;
        if (s->rate) break;
    }
}

static void print_receipt(const unsigned char *body, size_t length) {
    size_t n = body[0] << 8 | body[1];
    printf("R %.*s %.*s\n", (int)n, body + 2, (int)(length - 2 - n), body + 2 + n);
}

static void publish_due(struct sending *s) {
    long due = allowed(s), before;
    do {
        before = s->sent;
        for (int i = 0; i < count; i++) publish_some(&all[i], s, due);
    } while (s->rate && s->sent < due && s->sent > before);
    for (int i = 0; i < count; i++)
        if (all[i].out_len) flush_out(&all[i]);
}

static void run_publisher(struct sending *s, int stays) {
    int loop = watch();
    struct epoll_event ready[MAX_CONNECTIONS];
    long acknowledged = 0, all_messages = s->messages / count * count;
    if (s->rate) s->when = malloc(s->messages * 3 * sizeof *s->when);
    for (int i = 0; i < count && !s->rate && !stays; i++) wake_after(&all[i], s->window / 2);
    s->began = now(CLOCK_MONOTONIC);
    publish_due(s);
    while (!ended && (stays || acknowledged < all_messages)) {
        int n = epoll_wait(loop, ready, MAX_CONNECTIONS, s->rate && s->sent < all_messages ? 1 : 5);
        long due = allowed(s);
        for (int i = 0; i < n; i++) {
            struct connection *c = ready[i].data.ptr;
            long acks = receive(c, 0x40);
            acknowledged += acks;
            c->window -= acks;
            if (!s->rate) publish_some(c, s, due);
            flush_out(c);
        }
        if (!n || s->rate) publish_due(s);
        if (stays && acknowledged >= all_messages) {
            printf("%.6f %.6f\n", s->began, now(CLOCK_MONOTONIC));
            acknowledged = -1;
        }
        if (stays && !n) fflush(stdout);
    }
    if (!stays) printf("%.6f %.6f\n", s->began, now(CLOCK_MONOTONIC));
    for (long i = 0; s->when && i < s->sent; i++)
        printf("S %.0f %.0f %.6f\n", s->when[i * 3], s->when[i * 3 + 1], s->when[i * 3 + 2]);
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
    printf("%.6f\n", now(CLOCK_MONOTONIC));
}

static void read_credentials(const char *host, int port, int publishes) {
    char user[64], password[128], topic[96], last[64] = "";
    int number = 0;
    while (scanf("%63s %127s %95s", user, password, topic) == 3) {
        if (strcmp(user, last)) {
            if (count == MAX_CONNECTIONS) break;
            all[count].number = number;
            open_connection(&all[count++], host, port, user, password);
            strcpy(last, user);
        }
        struct connection *c = &all[count - 1];
        if (!publishes) {
            subscribe(c, topic, 1);
            continue;
        }
        if (c->topics == c->room) c->topic = realloc(c->topic, (c->room = c->room * 2 + 1) * sizeof *c->topic);
        strcpy(c->topic[c->topics++], topic);
        number++;
    }
}

int main(int argc, char **argv) {
    if (argc < 6) return 2;
    int publishes = strcmp(argv[1], "sub"), stays = !strcmp(argv[1], "dev");
    read_credentials(argv[2], atoi(argv[3]), publishes);
    if (!publishes) return run_subscriber(atol(argv[4]), atol(argv[5])), 0;
    if (argc < 9) return 2;
    struct sending s = {.messages = atol(argv[4]), .window = atoi(argv[5]), .base_ms = atoll(argv[6]),
                        .positions = atoi(argv[7]), .rate = atoi(argv[8])};
    if (stays) {
        signal(SIGTERM, end);
        on_receipt = print_receipt;
        for (int i = 0; i < count; i++) {
            char receipts[96];
            snprintf(receipts, sizeof receipts, "%.*sreceipts", (int)(strrchr(all[i].topic[0], '/') + 1 - all[i].topic[0]),
                     all[i].topic[0]);
            subscribe(&all[i], receipts, 0);
        }
    }
    run_publisher(&s, stays);
    return 0;
}
