/* loadgen - closed-loop and paced load on socket servers, every reply checked.
 *
 *   loadgen [--warmup S] [--seconds S] [--even N] --target KEY=VALUE,... [--target ...]
 *   loadgen --hold [--seconds S] --target ...
 *
 * With --core N it runs on that core only.
 *
 * One thread and one epoll instance drive every target at once, so that two servers
 * measured side by side are loaded by the same hand, over exactly the same window.
 * The CPU time of the servers is read here too (clock_getcpuclockid(3)), in the same
 * instant as the request counters: the quotient has no skew from a second process.
 *
 * Keys of a target:
 *   kind         tcp    N connections stay open, one request each in flight
 *                short  connect, send, receive, close, over and over, N at a time
 *                udp    N connected sockets, one datagram each in flight
 *   host, port   IPv4, numeric
 *   connections  N (default 1)
 *   size         bytes a message (default 64)
 *   rate         requests a second, paced; 0 (default) is as fast as replies come.
 *                Paced latencies count from the moment a request was due, so that a
 *                stalled server is charged for every request it kept waiting.
 *   limit        no more than so many requests in all (default none)
 *   pid          a process whose CPU time is read; may be given more than once
 *
 * A message is printable, ends in a newline and holds no other, so the same bytes suit
 * an echo of blocks and an echo of lines; its text differs from request to request, and
 * a reply is compared byte for byte.
 *
 * With --even no target gets more than N requests ahead of another: the kernel does not share
 * a core evenly between two processes full of threads, and CPU a request depends on how many
 * come at once, so an equal load has to be kept equal.
 *
 * With --hold every connection makes one request and then waits: a line is printed when
 * all were served, another when the server has closed all of them.
 *
 * It is one file, so that a C compiler is all it needs: latencies, connections, time, the
 * command line, in this order.
 *
 * Prints JSON lines on stdout. Bounded: ends with the window, with every target's limit,
 * when stdin closes, or by SIGALRM should none of these come.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
	MAX_TARGETS = 8,
	MAX_PIDS = 16,
	MAX_SIZE = 65507,
	BATCH = 512,
	CONNECTING_AT_ONCE = 512,   /* in --hold: below any sensible backlog */
	SUB_BUCKETS = 64,           /* of each power of two: latencies to 1.6 % */
	DATAGRAM_LOST_MS = 250,
	VARIANTS = 61,              /* texts a message goes through; prime, so no size divides it */
};

#define NS_PER_SECOND 1000000000ull

enum kind { TCP, SHORT, UDP };
enum state { CLOSED, CONNECTING, IDLE, BUSY, HELD };

struct target {
	enum kind kind;
	struct sockaddr_in address;
	int connections;
	size_t size;
	double rate;
	uint64_t limit;
	clockid_t clocks[MAX_PIDS];
	int n_clocks;

	struct connection *all;
	int opened, held, gone;
	struct connection **idle;   /* those free to take the next request, once it is due */
	int n_idle;
	uint64_t due_ns, interval_ns;

	/* over the whole run */
	uint64_t started, completed, lost, stale, mismatched, errors;
	uint64_t first_gone_ns, last_gone_ns;
	/* at the window's two ends */
	uint64_t completed_at[2], cpu_at_ns[2], time_at_ns[2];
	uint64_t *histogram;        /* of the window */
};

struct connection {
	int fd;
	enum state state;
	struct target *target;
	uint64_t begun_ns;
	uint32_t sequence;
	size_t sent, received;
	bool wants_out;
};

static struct target targets[MAX_TARGETS];
static int n_targets;
static int epoll_fd, timer_fd;
static bool in_window, finishing, holding;
static uint64_t slack;          /* requests a target may be ahead of another; 0: no bound */
static char *text;              /* MAX_SIZE + VARIANTS printable bytes */
static char scratch[1 << 16];

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "loadgen: %s: %s\n", what, strerror(errno));
	exit(1);
}

static _Noreturn void refuse(const char *what, const char *with)
{
	fprintf(stderr, "loadgen: %s: %s\n", what, with);
	exit(2);
}

static void pin(int core)
{
	cpu_set_t cores;
	CPU_ZERO(&cores);
	CPU_SET(core, &cores);
	if (sched_setaffinity(0, sizeof cores, &cores) < 0)
		die("sched_setaffinity");
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;
	if (clock_gettime(id, &t) < 0)
		return 0;       /* a process that has ended has no clock any more */
	return (uint64_t)t.tv_sec * NS_PER_SECOND + (uint64_t)t.tv_nsec;
}

static uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* ------------------------------------------------------------------ latencies */

enum { BUCKETS = 64 * SUB_BUCKETS };

static int bucket_of(uint64_t ns)
{
	if (ns < SUB_BUCKETS)
		return (int)ns;
	int shift = 63 - __builtin_clzll(ns) - 6;       /* 2^6 sub-buckets */
	return (shift + 1) * SUB_BUCKETS + (int)((ns >> shift) - SUB_BUCKETS);
}

static uint64_t bucket_ns(int bucket)
{
	if (bucket < SUB_BUCKETS)
		return (uint64_t)bucket;
	int shift = bucket / SUB_BUCKETS - 1;
	return (uint64_t)(bucket % SUB_BUCKETS + SUB_BUCKETS) << shift;
}

static double quantile_us(const struct target *t, double q)
{
	uint64_t total = 0, seen = 0;
	for (int i = 0; i < BUCKETS; i++)
		total += t->histogram[i];
	for (int i = 0; i < BUCKETS; i++) {
		seen += t->histogram[i];
		if (total && (double)seen >= q * (double)total)
			return (double)bucket_ns(i) / 1e3;
	}
	return 0;
}

/* ---------------------------------------------------------------- connections */

static void watch(struct connection *c, int operation, bool out)
{
	struct epoll_event event = { .events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = c };
	if (epoll_ctl(epoll_fd, operation, c->fd, &event) < 0)
		die("epoll_ctl");
	c->wants_out = out;
}

static bool may_start(const struct target *t)
{
	return !finishing && (!t->limit || t->started < t->limit);
}

/* Whether a target has done its part and waits for the slowest. */
static bool is_ahead(const struct target *t)
{
	if (!slack)
		return false;
	for (const struct target *other = targets; other < targets + n_targets; other++)
		if (t->completed > other->completed + slack)
			return true;
	return false;
}

static void open_connection(struct connection *c);

static void drop(struct connection *c)
{
	close(c->fd);
	c->fd = -1;
	c->state = CLOSED;
}

/* A connection that broke: counted, and opened again where the load needs it. */
static void broken(struct connection *c)
{
	struct target *t = c->target;
	if (holding && c->state == HELD) {
		t->last_gone_ns = now_ns();
		if (!t->gone++)
			t->first_gone_ns = t->last_gone_ns;
		drop(c);
		return;
	}
	if (c->state == BUSY || c->state == CONNECTING || !finishing)
		t->errors++;
	for (int i = 0; c->state == IDLE && i < t->n_idle; i++)
		if (t->idle[i] == c)
			t->idle[i] = t->idle[--t->n_idle];
	drop(c);
	/* A server that closes on everybody must not turn this into a busy loop for good. */
	if (may_start(t) && !holding && t->errors < 10000)
		open_connection(c);
}

static const char *message_of(const struct connection *c)
{
	return text + c->sequence % VARIANTS;
}

/* Byte i of a message of this size: all of them text but the last, which ends the line. */
static bool matches(const struct connection *c, const char *reply, size_t at, size_t length)
{
	size_t size = c->target->size;
	bool last = at + length == size;
	size_t body = last ? length - 1 : length;
	return !memcmp(reply, message_of(c) + at, body) && (!last || reply[body] == '\n');
}

static void push(struct connection *c)
{
	struct target *t = c->target;
	while (c->sent < t->size) {
		struct iovec parts[2];
		int n = 0;
		if (c->sent < t->size - 1)
			parts[n++] = (struct iovec){ (char *)message_of(c) + c->sent,
						     t->size - 1 - c->sent };
		parts[n++] = (struct iovec){ "\n", 1 };
		struct msghdr header = { .msg_iov = parts, .msg_iovlen = (size_t)n };
		ssize_t sent = sendmsg(c->fd, &header, MSG_NOSIGNAL);
		if (sent < 0) {
			if (errno == EAGAIN) {
				if (!c->wants_out)
					watch(c, EPOLL_CTL_MOD, true);
				return;
			}
			broken(c);
			return;
		}
		c->sent += (size_t)sent;
	}
	if (c->wants_out)
		watch(c, EPOLL_CTL_MOD, false);
}

static void begin(struct connection *c, uint64_t at_ns)
{
	if (c->target->kind != SHORT)
		c->target->started++;
	c->state = BUSY;
	c->sequence++;
	c->sent = c->received = 0;
	c->begun_ns = at_ns;
	push(c);
}

/* The connection is free: the next request, at once or when one is due. */
static void next(struct connection *c)
{
	struct target *t = c->target;
	if (!may_start(t)) {
		c->state = c->fd < 0 ? CLOSED : IDLE;
		return;
	}
	if (t->rate > 0 || is_ahead(t)) {
		c->state = IDLE;
		t->idle[t->n_idle++] = c;
		return;
	}
	if (t->kind == SHORT) {
		open_connection(c);
		return;
	}
	begin(c, now_ns());
}

static void open_connection(struct connection *c)
{
	struct target *t = c->target;
	bool stream = t->kind != UDP;
	c->fd = socket(AF_INET, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket");
	if (stream) {
		int on = 1;
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	}
	if (t->kind == SHORT) {
		t->started++;
		/* 28,000 ports last three seconds at this pace, and each waits a minute in
		 * TIME_WAIT: a source address for every few connections makes more of them. */
		int on = 1;
		uint32_t host = 0x7f000102u + (uint32_t)(c - t->all) % 200;
		struct sockaddr_in source = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(host) };
		setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
		if (bind(c->fd, (struct sockaddr *)&source, sizeof source) < 0)
			die("bind");
	}
	c->begun_ns = now_ns();
	c->state = CONNECTING;
	c->wants_out = false;
	if (connect(c->fd, (struct sockaddr *)&t->address, sizeof t->address) < 0
	    && errno != EINPROGRESS) {
		if (errno == EADDRNOTAVAIL)
			die("connect");
		t->errors++;    /* nobody listens: it stays closed, there is no use in a second try */
		drop(c);
		return;
	}
	if (stream) {
		watch(c, EPOLL_CTL_ADD, true);
		return;
	}
	watch(c, EPOLL_CTL_ADD, false);
	next(c);
}

static void connected(struct connection *c)
{
	int error = 0;
	socklen_t length = sizeof error;
	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error) {
		broken(c);
		return;
	}
	watch(c, EPOLL_CTL_MOD, false);
	if (c->target->kind == SHORT || holding)
		begin(c, c->begun_ns);
	else
		next(c);
}

static void complete(struct connection *c)
{
	struct target *t = c->target;
	t->completed++;
	if (in_window)
		t->histogram[bucket_of(now_ns() - c->begun_ns)]++;
	if (holding) {
		c->state = HELD;
		t->held++;
		return;
	}
	if (t->kind == SHORT)
		drop(c);
	next(c);
}

static void receive_datagram(struct connection *c)
{
	struct target *t = c->target;
	ssize_t got = recv(c->fd, scratch, sizeof scratch, 0);
	if (got < 0) {
		if (errno != EAGAIN)
			t->errors++;
		return;
	}
	if (c->state != BUSY || (size_t)got != t->size || !matches(c, scratch, 0, (size_t)got)) {
		/* the answer to a request already given up, or a wrong one */
		if ((size_t)got == t->size && t->lost)
			t->stale++;
		else
			t->mismatched++;
		return;
	}
	complete(c);
}

static void receive(struct connection *c)
{
	struct target *t = c->target;
	ssize_t got = recv(c->fd, scratch, sizeof scratch, 0);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		broken(c);
		return;
	}
	if (c->state != BUSY || c->received + (size_t)got > t->size
	    || !matches(c, scratch, c->received, (size_t)got)) {
		t->mismatched++;
		broken(c);
		return;
	}
	c->received += (size_t)got;
	if (c->received == t->size)
		complete(c);
}

static void handle(struct connection *c, uint32_t events)
{
	if (c->fd < 0)
		return;         /* closed earlier in this batch */
	if (c->state == CONNECTING) {
		connected(c);
		return;
	}
	if (c->target->kind == UDP) {
		receive_datagram(c);
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		receive(c);
		return;
	}
	if (events & EPOLLOUT)
		push(c);
}

/* ----------------------------------------------------------------------- time */

/* Gives every request that is due to a free connection, and says when the next one is; one
 * that finds none keeps its place and its due time. */
static uint64_t issue_due(void)
{
	uint64_t soonest = UINT64_MAX, now = now_ns();
	for (struct target *t = targets; t < targets + n_targets; t++) {
		if (t->rate <= 0) {
			while (t->n_idle && may_start(t) && !is_ahead(t)) {
				struct connection *c = t->idle[--t->n_idle];
				if (t->kind == SHORT)
					open_connection(c);
				else
					begin(c, now_ns());
			}
			continue;
		}
		while (t->n_idle && t->due_ns <= now && may_start(t)) {
			struct connection *c = t->idle[--t->n_idle];
			begin(c, t->due_ns);
			t->due_ns += t->interval_ns;
		}
		if (t->n_idle && may_start(t) && t->due_ns < soonest)
			soonest = t->due_ns;
	}
	return soonest;
}

static void give_up_lost(void)
{
	uint64_t now = now_ns();
	for (struct target *t = targets; t < targets + n_targets; t++) {
		if (t->kind != UDP)
			continue;
		for (int i = 0; i < t->connections; i++) {
			struct connection *c = &t->all[i];
			if (c->state != BUSY || now - c->begun_ns < DATAGRAM_LOST_MS * 1000000ull)
				continue;
			t->lost++;
			next(c);
		}
	}
}

static void mark(int end)
{
	for (struct target *t = targets; t < targets + n_targets; t++) {
		t->cpu_at_ns[end] = 0;
		for (int i = 0; i < t->n_clocks; i++)
			t->cpu_at_ns[end] += clock_ns(t->clocks[i]);
		t->time_at_ns[end] = now_ns();
		t->completed_at[end] = t->completed;
	}
}

/* Waits until `deadline_ns`, `wake_ns` or the first event, and handles what came.
 * False once stdin has closed: whoever asked for this run is gone. */
static bool turn(uint64_t wake_ns)
{
	static struct epoll_event events[BATCH];
	struct itimerspec at = { .it_value = { (time_t)(wake_ns / NS_PER_SECOND),
					       (long)(wake_ns % NS_PER_SECOND) } };
	static uint64_t armed_ns;
	if (wake_ns != armed_ns) {
		timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
		armed_ns = wake_ns;
	}
	int n = epoll_wait(epoll_fd, events, BATCH, -1);
	if (n < 0 && errno != EINTR)
		die("epoll_wait");
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr == &timer_fd) {
			uint64_t expirations;
			if (read(timer_fd, &expirations, sizeof expirations) > 0)
				armed_ns = 0;
		} else if (events[i].data.ptr == NULL) {
			if (read(STDIN_FILENO, scratch, sizeof scratch) <= 0)
				return false;
		} else {
			handle(events[i].data.ptr, events[i].events);
		}
	}
	return true;
}

static bool limits_reached(void)
{
	for (struct target *t = targets; t < targets + n_targets; t++)
		if (!t->limit || t->completed + t->lost + t->errors < t->limit)
			return false;
	return true;
}

static void run(double warmup, double seconds)
{
	uint64_t begin_ns = now_ns();
	uint64_t window_ns = begin_ns + (uint64_t)(warmup * 1e9);
	uint64_t end_ns = window_ns + (uint64_t)(seconds * 1e9);
	uint64_t sweep_ns = begin_ns;
	for (struct target *t = targets; t < targets + n_targets; t++) {
		t->due_ns = begin_ns;
		for (int i = 0; i < t->connections; i++)
			if (may_start(t) || t->kind != SHORT)
				open_connection(&t->all[i]);
	}
	if (warmup <= 0) {
		in_window = true;
		mark(0);
	}
	for (;;) {
		uint64_t now = now_ns();
		if (!in_window && now >= window_ns) {
			in_window = true;
			mark(0);
		}
		if (now >= end_ns || limits_reached())
			break;
		if (now >= sweep_ns) {
			give_up_lost();
			sweep_ns = now + DATAGRAM_LOST_MS * 1000000ull / 2;
		}
		uint64_t wake_ns = issue_due();
		uint64_t edge_ns = in_window ? end_ns : window_ns;
		if (edge_ns < wake_ns)
			wake_ns = edge_ns;
		if (sweep_ns < wake_ns)
			wake_ns = sweep_ns;
		if (!turn(wake_ns))
			break;
	}
	mark(1);
	in_window = false;

	/* What is in flight comes home, so that both sides count the same requests. */
	finishing = true;
	uint64_t patience_ns = now_ns() + 2 * NS_PER_SECOND;
	while (now_ns() < patience_ns) {
		bool busy = false;
		for (struct target *t = targets; t < targets + n_targets; t++)
			for (int i = 0; i < t->connections && !busy; i++)
				busy = t->all[i].state == BUSY || t->all[i].state == CONNECTING;
		if (!busy || !turn(patience_ns))
			break;
	}
}

static void hold(double seconds)
{
	uint64_t begin_ns = now_ns(), end_ns = begin_ns + (uint64_t)(seconds * 1e9);
	bool told = false;
	for (;;) {
		int all = 0, held = 0, gone = 0;
		for (struct target *t = targets; t < targets + n_targets; t++) {
			while (t->opened < t->connections
			       && t->opened - t->held - (int)t->errors < CONNECTING_AT_ONCE)
				open_connection(&t->all[t->opened++]);
			all += t->connections;
			held += t->held + (int)t->errors;
			gone += t->gone;
		}
		if (held == all && !told) {
			told = true;
			printf("{\"held\": %d, \"seconds\": %.6f}\n", held,
			       (double)(now_ns() - begin_ns) / 1e9);
			fflush(stdout);
		}
		if ((held == all && gone == all) || now_ns() >= end_ns || !turn(end_ns))
			break;
	}
	finishing = true;
}

/* ------------------------------------------------------------------- in and out */

static double number(const char *s)
{
	char *end;
	double value = strtod(s, &end);
	if (*end || end == s || value < 0)
		refuse("not a number of 0 or more", s);
	return value;
}

static void add_target(char *description)
{
	if (n_targets == MAX_TARGETS)
		refuse("too many targets", description);
	struct target *t = &targets[n_targets++];
	*t = (struct target){ .kind = TCP, .connections = 1, .size = 64 };
	t->address.sin_family = AF_INET;
	t->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (char *pair; (pair = strsep(&description, ","));) {
		char *key = strsep(&pair, "=");
		if (!pair)
			refuse("a target is KEY=VALUE,...", key);
		if (!strcmp(key, "kind")) {
			if (!strcmp(pair, "tcp"))
				t->kind = TCP;
			else if (!strcmp(pair, "short"))
				t->kind = SHORT;
			else if (!strcmp(pair, "udp"))
				t->kind = UDP;
			else
				refuse("kind is tcp, short or udp", pair);
		} else if (!strcmp(key, "host")) {
			if (inet_pton(AF_INET, pair, &t->address.sin_addr) != 1)
				refuse("not an IPv4 address", pair);
		} else if (!strcmp(key, "port")) {
			t->address.sin_port = htons((uint16_t)number(pair));
		} else if (!strcmp(key, "connections")) {
			t->connections = (int)number(pair);
		} else if (!strcmp(key, "size")) {
			t->size = (size_t)number(pair);
		} else if (!strcmp(key, "rate")) {
			t->rate = number(pair);
		} else if (!strcmp(key, "limit")) {
			t->limit = (uint64_t)number(pair);
		} else if (!strcmp(key, "pid")) {
			if (t->n_clocks == MAX_PIDS
			    || clock_getcpuclockid((pid_t)number(pair), &t->clocks[t->n_clocks++]))
				refuse("no CPU clock of the process", pair);
		} else {
			refuse("unknown key", key);
		}
	}
	if (t->size < 1 || t->size > MAX_SIZE)
		refuse("size is 1 to 65507", "");
	if (t->connections < 1 || t->connections > 100000)
		refuse("connections is 1 to 100000", "");
	if (t->kind == SHORT && t->rate > 0)
		refuse("short connections are not paced", "");
	t->interval_ns = t->rate > 0 ? (uint64_t)(1e9 / t->rate) : 0;
	t->all = calloc((size_t)t->connections, sizeof *t->all);
	t->idle = calloc((size_t)t->connections, sizeof(struct connection *));
	t->histogram = calloc(BUCKETS, sizeof *t->histogram);
	if (!t->all || !t->idle || !t->histogram)
		die("calloc");
	for (int i = 0; i < t->connections; i++)
		t->all[i] = (struct connection){ .fd = -1, .target = t, .sequence = (uint32_t)i };
}

static void report(void)
{
	printf("{\"cpu\": %.9f, \"targets\": [", (double)clock_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e9);
	for (struct target *t = targets; t < targets + n_targets; t++) {
		printf("%s{\"seconds\": %.9f, \"requests\": %" PRIu64 ", \"cpu\": %.9f, "
		       "\"started\": %" PRIu64 ", \"completed\": %" PRIu64 ", \"lost\": %" PRIu64
		       ", \"stale\": %" PRIu64 ", \"mismatched\": %" PRIu64 ", \"errors\": %" PRIu64,
		       t == targets ? "" : ", ", (double)(t->time_at_ns[1] - t->time_at_ns[0]) / 1e9,
		       t->completed_at[1] - t->completed_at[0],
		       (double)(int64_t)(t->cpu_at_ns[1] - t->cpu_at_ns[0]) / 1e9, t->started,
		       t->completed, t->lost, t->stale, t->mismatched, t->errors);
		printf(", \"p50_us\": %.3f, \"p99_us\": %.3f, \"p999_us\": %.3f, \"max_us\": %.3f",
		       quantile_us(t, 0.5), quantile_us(t, 0.99), quantile_us(t, 0.999),
		       quantile_us(t, 1));
		printf(", \"gone\": %d, \"first_gone\": %.9f, \"last_gone\": %.9f}", t->gone,
		       (double)t->first_gone_ns / 1e9, (double)t->last_gone_ns / 1e9);
	}
	printf("]}\n");
}

int main(int argc, char **argv)
{
	double warmup = 0.2, seconds = 1;
	for (int i = 1; i < argc; i++) {
		bool more = i + 1 < argc;
		if (!strcmp(argv[i], "--hold"))
			holding = true;
		else if (!strcmp(argv[i], "--warmup") && more)
			warmup = number(argv[++i]);
		else if (!strcmp(argv[i], "--seconds") && more)
			seconds = number(argv[++i]);
		else if (!strcmp(argv[i], "--core") && more)
			pin((int)number(argv[++i]));
		else if (!strcmp(argv[i], "--even") && more)
			slack = (uint64_t)number(argv[++i]);
		else if (!strcmp(argv[i], "--target") && more)
			add_target(argv[++i]);
		else
			refuse("unknown or incomplete argument", argv[i]);
	}
	if (!n_targets)
		refuse("nothing to do without", "--target");

	alarm((unsigned)(2 * (warmup + seconds)) + 20);
	prctl(PR_SET_TIMERSLACK, 1);    /* the default, 50 us, is a whole paced interval */
	struct rlimit files;
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	text = malloc(MAX_SIZE + VARIANTS + 1);
	if (!text)
		die("malloc");
	uint32_t random = 2463534242u;  /* xorshift32: any text will do, the same each run */
	for (size_t i = 0; i < MAX_SIZE + VARIANTS + 1; i++) {
		random ^= random << 13, random ^= random >> 17, random ^= random << 5;
		text[i] = (char)('!' + random % 94);
	}
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (epoll_fd < 0 || timer_fd < 0)
		die("epoll_create1 or timerfd_create");
	struct epoll_event of_timer = { .events = EPOLLIN, .data.ptr = &timer_fd };
	struct epoll_event of_stdin = { .events = EPOLLIN, .data.ptr = NULL };
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &of_timer) < 0)
		die("epoll_ctl");
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &of_stdin) < 0 && errno != EPERM)
		die("epoll_ctl");

	if (holding)
		hold(seconds);
	else
		run(warmup, seconds);
	report();
	return 0;
}
