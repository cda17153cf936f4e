/* epollecho - an echo with nothing in its way: one thread, one epoll, no check but of errors.
 *
 * The limit of what any server on this machine can do, and the proof that the load generator
 * asks for more than that. Listens on a port of the kernel's choice on 127.0.0.1, prints the
 * port, serves until stdin closes.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 256, BACKLOG = 4096 };

static char block[1 << 16];

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static void add(int epoll_fd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
}

/* Sends back what is there. The descriptor blocks: a client that does not read holds up all,
 * which the load generator, that always reads, does not. */
static void echo(int fd)
{
	ssize_t got = recv(fd, block, sizeof block, MSG_DONTWAIT);
	if (got < 0 && errno == EAGAIN)
		return;
	for (ssize_t sent = 0; sent < got;) {
		ssize_t n = send(fd, block + sent, (size_t)(got - sent), MSG_NOSIGNAL);
		if (n < 0) {
			got = 0;
			break;
		}
		sent += n;
	}
	if (got <= 0)
		close(fd);
}

int main(void)
{
	static struct epoll_event events[BATCH];
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (listener < 0 || epoll_fd < 0
	    || bind(listener, (struct sockaddr *)&address, sizeof address) < 0
	    || listen(listener, BACKLOG) < 0
	    || getsockname(listener, (struct sockaddr *)&address, &length) < 0)
		die("listen");
	add(epoll_fd, listener);
	add(epoll_fd, STDIN_FILENO);
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(epoll_fd, events, BATCH, -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			if (fd == STDIN_FILENO)
				return 0;
			if (fd != listener) {
				echo(fd);
				continue;
			}
			int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			if (accepted >= 0)
				add(epoll_fd, accepted);
		}
	}
}
