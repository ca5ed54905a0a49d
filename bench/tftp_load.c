/* A TFTP load client: N clients at once, each fetching one file `repeat` times, spread over P processes.
 *
 * In C so that it is never the slower end of the measurement, and independent of the server's code. It is a strict
 * client of RFC 1350, 2347, 2348 and 7440: one socket and so one TID for each download, lock-step ACKs (or one for each
 * window), an ACK of the last block in order where a gap is seen, repetition after a second of silence, packets
 * of foreign TIDs ignored. Every payload byte is compared with the file, so no server gains by sending the wrong ones.
 * No UDP_GRO: boot firmware has none, and on loopback it would measure memcpy.
 *
 * usage: tftp_load ADDRESS PORT NAME LOCAL-COPY BLKSIZE WINDOWSIZE CLIENTS PROCESSES REPEAT DEADLINE-SECONDS
 * prints one JSON object; exit status 0 even where downloads failed: they are counted.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RRQ = 1, DATA = 3, ACK = 4, ERR = 5, OACK = 6, BATCH = 64, MAX_BLKSIZE = 65464 };

struct client {
    int fd, pinned, done_files, in_window, nacked;
    uint64_t next; /* block expected, without rollover */
    long blksize, window; /* as granted */
    double started, touched, first_byte;
    struct sockaddr_in server;
    unsigned char last[4];
};

static const unsigned char *want;
static uint64_t want_size;
static struct sockaddr_in target;
static unsigned char request[600];
static size_t request_len;
static long ask_blksize, ask_window;
static int epfd, live, ok, failed, wrong;
static long repeat, repeats_sent, duplicates, gaps;
static uint64_t bytes;
static double *first_bytes;
static int first_count;
static unsigned char buffers[BATCH][MAX_BLKSIZE + 4];

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) {
    perror(what);
    exit(2);
}

static void start(struct client *c) {
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    int size = 1 << 20;
    c->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) die("socket");
    setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    c->pinned = 0;
    c->next = 1;
    c->in_window = c->nacked = 0;
    c->blksize = 512;
    c->window = 1;
    c->first_byte = 0;
    c->started = c->touched = now_s();
    if (epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &ev)) die("epoll_ctl");
    sendto(c->fd, request, request_len, 0, (struct sockaddr *)&target, sizeof target);
}

static void finish(struct client *c, int good) {
    close(c->fd);
    c->fd = -1;
    good ? ok++ : failed++;
    if (++c->done_files < repeat)
        start(c);
    else
        live--;
}

static void ack(struct client *c, uint64_t block) {
    unsigned char p[4] = {0, ACK, block >> 8, block};
    memcpy(c->last, p, 4);
    c->in_window = 0;
    send(c->fd, p, 4, 0);
}

static void take_options(struct client *c, const char *p, const char *end) {
    while (p < end) {
        const char *value = p + strnlen(p, end - p) + 1;
        if (value >= end) return;
        if (!strcasecmp(p, "blksize")) c->blksize = atol(value);
        if (!strcasecmp(p, "windowsize")) c->window = atol(value);
        p = value + strnlen(value, end - value) + 1;
    }
}

/* One DATA packet; returns 1 where the file is complete. */
static int take_data(struct client *c, const unsigned char *p, size_t len) {
    unsigned block = p[2] << 8 | p[3];
    size_t payload = len - 4;
    uint64_t at = (c->next - 1) * (uint64_t)c->blksize;
    if (block != (c->next & 0xffff)) {
        unsigned ahead = (block - c->next) & 0xffff;
        if (ahead >= 0x8000) { /* an old one: our ACK was lost or late; the server's timer does the rest */
            duplicates++;
        } else if (!c->nacked) {
            gaps++;
            c->nacked = 1;
            ack(c, c->next - 1);
        }
        return 0;
    }
    c->nacked = 0;
    if (at + payload > want_size || memcmp(p + 4, want + at, payload)) wrong++;
    if (!c->first_byte) first_bytes[first_count++] = c->first_byte = now_s() - c->started;
    bytes += payload;
    c->next++;
    if ((long)payload < c->blksize) {
        ack(c, c->next - 1);
        return 1;
    }
    if (++c->in_window >= c->window) ack(c, c->next - 1);
    return 0;
}

/* One datagram; returns 1 where the download went on to its end (the client is then another one). */
static int take(struct client *c, const unsigned char *p, ssize_t len, const struct sockaddr_in *from) {
    if (len < 4) return 0;
    if (!c->pinned) {
        c->pinned = 1;
        c->server = *from;
        if (connect(c->fd, (const struct sockaddr *)from, sizeof *from)) die("connect");
    } else if (from && from->sin_port != c->server.sin_port) {
        return 0;
    }
    switch (p[1]) {
    case DATA:
        if (!take_data(c, p, len)) return 0;
        finish(c, 1);
        return 1;
    case OACK:
        if (c->next > 1) return 0;
        take_options(c, (const char *)p + 2, (const char *)p + len);
        if (c->blksize > ask_blksize || c->window > ask_window) wrong++;
        ack(c, 0);
        return 0;
    case ERR:
        fprintf(stderr, "tftp_load: error %d: %.*s\n", p[3], (int)len - 4, p + 4);
        finish(c, 0);
        return 1;
    }
    return 0;
}

static void on_readable(struct client *c) {
    static struct mmsghdr msgs[BATCH];
    static struct iovec iov[BATCH];
    static struct sockaddr_in from[BATCH];
    c->touched = now_s();
    if (c->pinned && c->window == 1) { /* lock-step: one datagram at a time, connected */
        ssize_t len = recv(c->fd, buffers[0], sizeof buffers[0], 0);
        if (len < 0 && errno == ECONNREFUSED) finish(c, 0);
        if (len > 0) take(c, buffers[0], len, NULL);
        return;
    }
    for (int i = 0; i < BATCH; i++) {
        iov[i] = (struct iovec){buffers[i], sizeof buffers[i]};
        msgs[i].msg_hdr = (struct msghdr){
            .msg_iov = &iov[i], .msg_iovlen = 1, .msg_name = &from[i], .msg_namelen = sizeof from[i]};
    }
    int n = recvmmsg(c->fd, msgs, BATCH, 0, NULL);
    if (n < 0 && errno == ECONNREFUSED) finish(c, 0);
    for (int i = 0; i < n; i++)
        if (take(c, buffers[i], msgs[i].msg_len, &from[i])) return;
}

static void repeat_last(struct client *c, double now) {
    if (now - c->touched < 1.0) return;
    c->touched = now;
    repeats_sent++;
    if (!c->pinned)
        sendto(c->fd, request, request_len, 0, (struct sockaddr *)&target, sizeof target);
    else
        send(c->fd, c->last, 4, 0);
}

static void build_request(const char *name) {
    unsigned char *p = request;
    *p++ = 0;
    *p++ = RRQ;
    p += sprintf((char *)p, "%s", name) + 1;
    p += sprintf((char *)p, "octet") + 1;
    if (ask_blksize != 512) {
        p += sprintf((char *)p, "blksize") + 1;
        p += sprintf((char *)p, "%ld", ask_blksize) + 1;
    }
    if (ask_window != 1) {
        p += sprintf((char *)p, "windowsize") + 1;
        p += sprintf((char *)p, "%ld", ask_window) + 1;
    }
    request_len = p - request;
}

static void map_copy(const char *path) {
    struct stat st;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st)) die(path);
    want_size = st.st_size;
    want = want_size ? mmap(NULL, want_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0) : (void *)"";
    if (want == MAP_FAILED) die("mmap");
    close(fd);
}

/* What a process of clients reports to its parent. */
struct report {
    uint64_t bytes;
    double end;
    long ok, failed, wrong, repeats, duplicates, gaps, blksize, window;
};

static struct report run_clients(long clients, double begin, double deadline, double *firsts) {
    struct client *all = calloc(clients, sizeof *all);
    double now, swept;
    first_bytes = firsts;
    epfd = epoll_create1(0);
    live = clients;
    swept = now_s();
    for (long i = 0; i < clients; i++) start(&all[i]);
    while (live > 0 && (now = now_s()) - begin < deadline) {
        struct epoll_event events[64];
        int n = epoll_wait(epfd, events, 64, 100);
        for (int i = 0; i < n; i++) on_readable(events[i].data.ptr);
        if (now - swept < 0.1) continue;
        swept = now;
        for (long i = 0; i < clients; i++)
            if (all[i].fd > 0) repeat_last(&all[i], now);
    }
    return (struct report){bytes, now_s(), ok, clients * repeat - ok, wrong, repeats_sent, duplicates, gaps,
                           all[0].blksize, all[0].window};
}

static int compare(const void *a, const void *b) {
    double d = *(const double *)a - *(const double *)b;
    return (d > 0) - (d < 0);
}

static void *share(size_t size) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) die("mmap");
    return p;
}

static void print_sum(const struct report *all, long processes, double begin, double *firsts, long slots) {
    struct report sum = all[0];
    long have = 0;
    for (long i = 1; i < processes; i++) {
        sum.bytes += all[i].bytes;
        sum.ok += all[i].ok;
        sum.failed += all[i].failed;
        sum.wrong += all[i].wrong;
        sum.repeats += all[i].repeats;
        sum.duplicates += all[i].duplicates;
        sum.gaps += all[i].gaps;
        if (all[i].end > sum.end) sum.end = all[i].end;
    }
    for (long i = 0; i < slots; i++)
        if (firsts[i] > 0) firsts[have++] = firsts[i];
    qsort(firsts, have, sizeof *firsts, compare);
    printf("{\"bytes\": %llu, \"seconds\": %.6f, \"ok\": %ld, \"failed\": %ld, \"wrong\": %ld, \"repeats\": %ld, "
           "\"duplicates\": %ld, \"gaps\": %ld, \"first_byte_median\": %.6f, \"first_byte_max\": %.6f, "
           "\"windowsize\": %ld, \"blksize\": %ld}\n",
           (unsigned long long)sum.bytes, sum.end - begin, sum.ok, sum.failed, sum.wrong, sum.repeats, sum.duplicates,
           sum.gaps, have ? firsts[have / 2] : -1, have ? firsts[have - 1] : -1, sum.window, sum.blksize);
}

int main(int argc, char **argv) {
    if (argc != 11) {
        fprintf(stderr,
                "usage: %s ADDRESS PORT NAME LOCAL-COPY BLKSIZE WINDOWSIZE CLIENTS PROCESSES REPEAT DEADLINE\n",
                argv[0]);
        return 2;
    }
    long clients = atol(argv[7]), processes = atol(argv[8]), slots, used = 0;
    double deadline = atof(argv[10]), begin, *firsts;
    struct rlimit files;
    struct report *reports;
    target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    if (inet_pton(AF_INET, argv[1], &target.sin_addr) != 1) die("address");
    ask_blksize = atol(argv[5]);
    ask_window = atol(argv[6]);
    repeat = atol(argv[9]);
    if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    map_copy(argv[4]);
    build_request(argv[3]);
    slots = clients * repeat;
    firsts = share((slots + 1) * sizeof *firsts);
    reports = share(processes * sizeof *reports);
    begin = now_s();
    for (long i = 0; i < processes; i++) {
        long mine = clients / processes + (i < clients % processes);
        pid_t pid = fork();
        if (pid < 0) die("fork");
        if (pid == 0) {
            reports[i] = run_clients(mine, begin, deadline, firsts + used * repeat);
            _exit(0);
        }
        used += mine;
    }
    for (long i = 0; i < processes; i++) wait(NULL);
    print_sum(reports, processes, begin, firsts, slots);
    return 0;
}
